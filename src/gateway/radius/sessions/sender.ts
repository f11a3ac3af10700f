import {
  type Attribute,
  type DynamicAnswer,
  describeErrorCause,
  ErrorCause,
  makeDynamicRequest,
  PacketCode,
  RadiusError,
  type Retransmission,
  readDynamicAnswer,
  SharedSecret,
  UdpClient,
} from '../../../../protocols/radius/index.ts'
import type { Nas } from '../../../directory/network.ts'
import type { DisconnectClaim, DisconnectOutcome } from '../../../directory/ports/disconnects.ts'
import { describeChange, identify, type Names } from './request.ts'

/** What there is to be sent about a session. */
export interface Order {
  readonly claim: DisconnectClaim
  readonly nas: Nas
  /** Where it speaks from. */
  readonly address: string
  /** Null ends the session; else it is moved there. */
  readonly vlan: number | string | null
}

/** Quicker than for a log-in, since somebody is on who must not be. */
const REPETITIONS: Retransmission = {
  initialMs: 1_000,
  maxWaitMs: 3_000,
  maxCount: 3,
  maxDurationMs: 6_000,
}

export interface SenderOptions {
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly retransmission?: Retransmission
}

/** With which names of the session to ask next, by what the NAS held against the last ones. */
const otherNames: ReadonlyMap<number | null, Names> = new Map<number | null, Names>([
  [ErrorCause.missingAttribute, 'all'],
  [ErrorCause.unsupportedAttribute, 'least'],
  [ErrorCause.invalidAttributeValue, 'least'],
])
/** These pass: it is asked again later. */
const passing: ReadonlySet<number | null> = new Set<number | null>([
  ErrorCause.resourcesUnavailable,
  ErrorCause.otherProxyError,
  ErrorCause.notRoutable,
])

/** Asks a NAS about one session, and puts its answer into what it means for the session. */
export async function sendOrder(order: Order, options: SenderOptions): Promise<DisconnectOutcome> {
  try {
    return await ask(order, options, 'usual')
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof RadiusError) return { status: 'refused', outcome: error.message }
    // No way there, as the system puts it: it may come back.
    return { status: 'waiting', outcome: error instanceof Error ? error.message : String(error) }
  }
}

async function ask(order: Order, options: SenderOptions, names: Names): Promise<DisconnectOutcome> {
  const { claim, nas, address } = order
  const { port } = nas.dynamicAuthorization
  const secret = secretFor(order)
  if (secret === null) return { status: 'left', outcome: 'the NAS has no secret' }
  const request = makeDynamicRequest({
    code: order.vlan === null ? PacketCode.disconnectRequest : PacketCode.coaRequest,
    attributes: attributesOf(order, names),
    timestampSeconds: Math.floor(options.nowMs() / 1000),
  })
  const { retransmission = REPETITIONS, signal } = options
  const client = new UdpClient({ host: address, port, secret, retransmission })
  const packet = await client.send(request, signal).finally(() => client.close())
  if (packet === 'timeout')
    return { status: 'waiting', outcome: `no answer from ${address} port ${port}` }
  const answer = readDynamicAnswer(packet)
  const other = answer.isAck ? undefined : otherNames.get(answer.errorCause)
  if (other !== undefined && names === 'usual') return ask(order, options, other)
  return order.vlan === null || answer.isAck ? meaningOf(answer) : afterRefusedChange(answer, claim)
}

/**
 * The newest secret first. A NAS drops without a word what is signed with another one, so while a
 * secret is being changed, further tries go through those that are still good.
 */
function secretFor({ claim, nas }: Order): SharedSecret | null {
  const own = nas.dynamicAuthorization.secret
  const secrets = own === null ? nas.secrets : [own]
  const bytes = secrets[(claim.attempts - 1) % Math.max(1, secrets.length)]
  return bytes === undefined ? null : new SharedSecret(bytes)
}

function attributesOf({ claim, vlan }: Order, names: Names): Attribute[] {
  const session = identify(claim, names)
  return vlan === null ? session : [...session, ...describeChange(vlan)]
}

function meaningOf({ isAck, errorCause }: DynamicAnswer): DisconnectOutcome {
  if (isAck) return { status: 'done', outcome: 'acknowledged' }
  const outcome = errorCause === null ? 'refused without a reason' : describeErrorCause(errorCause)
  if (errorCause === ErrorCause.contextNotFound) return { status: 'gone', outcome }
  return passing.has(errorCause) ? { status: 'waiting', outcome } : { status: 'refused', outcome }
}

/** A NAS that cannot move a session may still end it, and the device comes back where it belongs. */
function afterRefusedChange(answer: DynamicAnswer, claim: DisconnectClaim): DisconnectOutcome {
  const meant = meaningOf(answer)
  if (meant.status !== 'refused' || claim.kind !== 'change') return meant
  return { status: 'waiting', outcome: `no change: ${meant.outcome}`, kind: 'disconnect' }
}
