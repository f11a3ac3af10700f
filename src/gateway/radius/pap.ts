import {
  AttributeType,
  findValue,
  makeInteger,
  makeOctets,
  makeText,
  PacketCode,
  RadiusError,
  type RadiusRequest,
  type Reply,
  revealUserPassword,
} from '../../../protocols/radius/index.ts'
import type { Attempt, Outcome } from '../../credentials/authenticate.ts'
import type { SecondStep } from '../../credentials/second-step.ts'
import type { Network } from '../../directory/network.ts'
import { type AnswerOf, CODE_SECONDS, CodeChallenges } from './code-challenges.ts'
import { type Denials, describeVisit, type Visit } from './denials.ts'
import { parseLoginName, readText } from './facts.ts'
import type { NasClient } from './nas-table.ts'
import { makeReplyAttributes, makeSessionAttributes } from './reply-attributes.ts'
import type { SessionClasses } from './session-class.ts'

const METHOD = 'radius-pap'
const CODE_PROMPT = 'Code of your authenticator app'
const reject: Reply = { code: PacketCode.accessReject, attributes: [] }

interface Try {
  readonly request: RadiusRequest<NasClient>
  readonly visit: Visit & { readonly network: Network }
  readonly name: string
  readonly password: Buffer
}

/** Log-ins whose password is in the request itself: VPN gateways, switches, admin log-ins. */
export class PapAnswers {
  readonly #authenticator: SecondStep
  readonly #denials: Denials
  readonly #codes: CodeChallenges
  readonly #classes: SessionClasses

  constructor(parts: {
    readonly authenticator: SecondStep
    readonly denials: Denials
    readonly classes: SessionClasses
  }) {
    this.#authenticator = parts.authenticator
    this.#classes = parts.classes
    this.#denials = parts.denials
    this.#codes = new CodeChallenges()
  }

  /** @throws {AuthenticationUnavailable} (or rejects with it) when neither yes nor no can be said */
  answer(
    request: RadiusRequest<NasClient>,
    visit: Visit,
    signal: AbortSignal,
  ): Reply | Promise<Reply> {
    const name = readText(request.packet.attributes, AttributeType.userName) ?? ''
    const { network } = visit
    if (network === null) return this.#deny(visit, name, 'no-network')
    if (!network.methods.includes('pap')) return this.#deny(visit, name, 'method-not-allowed')
    const password = readPassword(request)
    if (typeof password === 'string') return this.#deny(visit, name, 'method-not-allowed', password)

    const reply = this.#reply({ request, visit: { ...visit, network }, name, password }, signal)
    if (reply instanceof Promise) return reply.finally(() => password.fill(0))
    password.fill(0)
    return reply
  }

  #reply(tried: Try, signal: AbortSignal): Reply | Promise<Reply> {
    const { visit, name, password, request } = tried
    const { network } = visit
    if (network.secondFactor !== 'challenge') {
      const outcome = this.#authenticator.authenticate(attemptOf(tried), { signal })
      return outcome instanceof Promise
        ? outcome.then((later) => this.#toReply(later, tried))
        : this.#toReply(outcome, tried)
    }
    const at = { name, nasId: request.client.nas.id, networkId: network.id }
    const state = findValue(request.packet.attributes, AttributeType.state)
    if (state === null) return this.#challenge(tried, at, signal)
    const proved = this.#codes.take(state, at)
    if (proved === null) return this.#deny(visit, name, 'unknown-state')
    const code = password.toString('utf8')
    return this.#authenticator
      .finish(proved, code, attemptOf(tried))
      .then((outcome) => this.#toReply(outcome, tried))
  }

  #toReply(outcome: Outcome, { request, visit: { network } }: Try): Reply {
    if (!outcome.ok) return reject
    const { who, grant, credentialId = null } = outcome
    const admitted = { who, grant, network, nas: request.client.nas, credentialId }
    return {
      code: PacketCode.accessAccept,
      attributes: [
        ...makeReplyAttributes(grant),
        ...makeSessionAttributes(admitted, this.#classes),
      ],
    }
  }

  /** Forgets who was asked for a code and gave none; to be called now and then. */
  expire(): void {
    this.#codes.expire()
  }

  /** The right password leads to the question for a code (RFC 2865 §4.4). */
  async #challenge(tried: Try, at: AnswerOf, signal: AbortSignal): Promise<Reply> {
    const outcome = await this.#authenticator.begin(attemptOf(tried), { signal })
    if (!outcome.ok) return reject
    const { visit, name } = tried
    const onGivenUp = () =>
      this.#denials.record(visit, { reason: 'abandoned', method: METHOD, name, detail: 'code' })
    return {
      code: PacketCode.accessChallenge,
      attributes: [
        makeOctets(AttributeType.state, this.#codes.put({ ...at, proved: outcome, onGivenUp })),
        makeText(AttributeType.replyMessage, CODE_PROMPT),
        // RFC 2869 §5.15: how long the NAS may wait for the answer.
        makeInteger(AttributeType.sessionTimeout, CODE_SECONDS),
      ],
    }
  }

  #deny(visit: Visit, name: string, reason: string, detail: string | null = null): Reply {
    this.#denials.record(visit, { reason, method: METHOD, name, detail })
    return reject
  }
}

function attemptOf({ visit, name, password }: Try): Attempt {
  return {
    subject: { by: 'login-name', name: parseLoginName(name) },
    password,
    resource: { kind: 'network', network: visit.network },
    method: METHOD,
    address: visit.address,
    device: visit.facts.device,
    detail: describeVisit(visit),
  }
}

/** The password, or in a word why there is none to check. */
function readPassword({ packet, secret }: RadiusRequest<NasClient>): Buffer | string {
  const hidden = findValue(packet.attributes, AttributeType.userPassword)
  if (hidden === null) return 'no password'
  try {
    return revealUserPassword(hidden, secret.bytes, packet.authenticator)
  } catch (error) {
    if (error instanceof RadiusError) return 'malformed User-Password'
    throw error
  }
}
