import {
  AttributeType,
  type EapAnswer,
  type EapAttempt,
  EapServer,
  EapTtls,
  findInteger,
  findValue,
  type Holder,
  makeMppeKeys,
  makeOctets,
  makeText,
  type Opening,
  PacketCode,
  type RadiusRequest,
  type Reply,
  splitEapMessage,
  type TlsContext,
  type Verdict,
} from '../../../protocols/radius/index.ts'
import type { Grant } from '../../access/decide.ts'
import type { Authenticated, Authenticator } from '../../credentials/authenticate.ts'
import type { Network } from '../../directory/network.ts'
import { type Denials, describeVisit, type Visit } from './denials.ts'
import { makeStorable, parseLoginName, readText } from './facts.ts'
import type { NasClient } from './nas-table.ts'
import { makeReplyAttributes } from './reply-attributes.ts'

const METHOD = 'eap-ttls-pap'

/** A visit whose network is known. */
interface Guest extends Visit {
  readonly network: Network
}

interface Admission {
  readonly who: Authenticated
  readonly grant: Grant
}

export interface EapAnswersParts {
  readonly authenticator: Authenticator
  readonly denials: Denials
  readonly tls: () => TlsContext
  readonly holder: Holder
}

/** Log-ins by EAP: a conversation of many requests, of which the first decides on the network. */
export class EapAnswers {
  readonly #authenticator: Authenticator
  readonly #denials: Denials
  readonly #server: EapServer<Guest, Admission>
  readonly #ttls: EapTtls<Guest, Admission>

  constructor(parts: EapAnswersParts) {
    this.#authenticator = parts.authenticator
    this.#denials = parts.denials
    this.#server = new EapServer({ holder: parts.holder })
    this.#ttls = new EapTtls({
      tls: parts.tls,
      authenticate: (attempt, signal) => this.#authenticate(attempt, signal),
    })
  }

  /** Conversations that wait for their peer. */
  get size(): number {
    return this.#server.size
  }

  /** @throws {AuthenticationUnavailable} as a rejection, when neither yes nor no can be said */
  async answer(
    request: RadiusRequest<NasClient>,
    parts: { readonly eap: Buffer; readonly visit: () => Visit },
    signal: AbortSignal,
  ): Promise<Reply | null> {
    const { attributes } = request.packet
    const answer = await this.#server.answer(
      {
        eap: parts.eap,
        state: findValue(attributes, AttributeType.state),
        framedMtu: findInteger(attributes, AttributeType.framedMtu),
        owner: request.client.nas.id,
        open: () => this.#open(parts.visit()),
      },
      signal,
    )
    if (answer.kind === 'reject' && !answer.failure.isVerdict) {
      this.#recordDenial(request, answer, parts.visit)
    }
    return toReply(answer, request)
  }

  stop(): void {
    this.#server.closeAll()
  }

  #open(visit: Visit): Opening<Guest, Admission> | null {
    const { network } = visit
    if (network === null) return null
    return {
      context: { ...visit, network },
      methods: network.methods.includes('ttls-pap') ? [this.#ttls] : [],
    }
  }

  async #authenticate(
    { context, name, proof }: EapAttempt<Guest>,
    signal: AbortSignal,
  ): Promise<Verdict<Admission>> {
    if (proof.kind !== 'password') throw new Error(`no way to check a ${proof.kind}`)
    const { password } = proof
    const outcome = await this.#authenticator.authenticate(
      {
        subject: { by: 'login-name', name: parseLoginName(makeStorable(name)) },
        password,
        resource: { kind: 'network', network: context.network },
        method: METHOD,
        address: context.address,
        device: context.facts.device,
        detail: describeVisit(context),
      },
      { signal },
    )
    password.fill(0)
    return outcome.ok
      ? { ok: true, grant: { who: outcome.who, grant: outcome.grant } }
      : { ok: false, reason: outcome.denial }
  }

  #recordDenial(
    { packet }: RadiusRequest<NasClient>,
    { failure, peer }: EapAnswer<Guest, Admission> & { readonly kind: 'reject' },
    visit: () => Visit,
  ): void {
    const outerName = readText(packet.attributes, AttributeType.userName) ?? ''
    this.#denials.record(peer?.context ?? visit(), {
      reason: failure.reason === 'no-method' ? 'method-not-allowed' : failure.reason,
      method: peer?.method ?? 'eap',
      name: makeStorable(peer?.name ?? peer?.outerIdentity ?? outerName),
      detail: failure.detail,
    })
  }
}

function toReply(
  answer: EapAnswer<Guest, Admission>,
  { packet, secret }: RadiusRequest<NasClient>,
): Reply | null {
  switch (answer.kind) {
    case 'challenge':
      return {
        code: PacketCode.accessChallenge,
        attributes: [makeOctets(AttributeType.state, answer.state), ...splitEapMessage(answer.eap)],
      }
    case 'accept': {
      const { who, grant } = answer.grant
      const wrap = { secret: secret.bytes, requestAuthenticator: packet.authenticator }
      return {
        code: PacketCode.accessAccept,
        attributes: [
          ...splitEapMessage(answer.eap),
          // The NAS knows the outer identity only; this names the session in its accounting.
          makeText(AttributeType.userName, nameOf(who)),
          ...makeMppeKeys(answer.msk, wrap),
          ...makeReplyAttributes(grant, answer.peer.context.network),
        ],
      }
    }
    case 'reject':
      return { code: PacketCode.accessReject, attributes: splitEapMessage(answer.eap) }
    default:
      return null
  }
}

function nameOf({ value }: Authenticated): string {
  return value.kind === 'person' ? value.username : value.name
}
