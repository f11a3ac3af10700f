import {
  AttributeType,
  findValue,
  PacketCode,
  RadiusError,
  type RadiusRequest,
  type Reply,
  revealUserPassword,
} from '../../../protocols/radius/index.ts'
import type { Authenticator, Outcome } from '../../credentials/authenticate.ts'
import type { Network } from '../../directory/network.ts'
import { type Denials, describeVisit, type Visit } from './denials.ts'
import { parseLoginName, readText } from './facts.ts'
import type { NasClient } from './nas-table.ts'
import { makeReplyAttributes } from './reply-attributes.ts'

const METHOD = 'radius-pap'
const reject: Reply = { code: PacketCode.accessReject, attributes: [] }

/** Log-ins whose password is in the request itself: VPN gateways, switches, admin log-ins. */
export class PapAnswers {
  readonly #authenticator: Authenticator
  readonly #denials: Denials

  constructor(parts: { readonly authenticator: Authenticator; readonly denials: Denials }) {
    this.#authenticator = parts.authenticator
    this.#denials = parts.denials
  }

  /** @throws {AuthenticationUnavailable} (or rejects with it) when neither yes nor no can be said */
  answer(
    request: RadiusRequest<NasClient>,
    visit: Visit,
    signal: AbortSignal,
  ): Reply | Promise<Reply> {
    const { attributes } = request.packet
    const name = readText(attributes, AttributeType.userName) ?? ''
    const { network } = visit
    const deny = (reason: string, detail: string | null = null): Reply => {
      this.#denials.record(visit, { reason, method: METHOD, name, detail })
      return reject
    }
    if (network === null) return deny('no-network')
    if (!network.methods.includes('pap')) return deny('method-not-allowed')
    const password = readPassword(request)
    if (typeof password === 'string') return deny('method-not-allowed', password)

    const outcome = this.#authenticator.authenticate(
      {
        subject: { by: 'login-name', name: parseLoginName(name) },
        password,
        resource: { kind: 'network', network },
        method: METHOD,
        address: visit.address,
        device: visit.facts.device,
        detail: describeVisit(visit),
      },
      { signal },
    )
    if (outcome instanceof Promise)
      return outcome.then((later) => toReply(later, network)).finally(() => password.fill(0))
    password.fill(0)
    return toReply(outcome, network)
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

function toReply(outcome: Outcome, network: Network): Reply {
  if (!outcome.ok) return reject
  return { code: PacketCode.accessAccept, attributes: makeReplyAttributes(outcome.grant, network) }
}
