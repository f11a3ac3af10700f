import {
  AttributeType,
  encodeEapResult,
  type Packet,
  PacketCode,
  type RadiusRequest,
  type Reply,
  splitEapMessage,
} from '../../../protocols/radius/index.ts'
import type { Denials, Visit } from './denials.ts'
import { DeviceLimit, deviceOf } from './device-limit.ts'
import { readFacts, readText } from './facts.ts'
import type { NasClient } from './nas-table.ts'

type Request = RadiusRequest<NasClient>

interface Caller {
  readonly visit: Visit
  /** As {@link deviceIn} gives it. */
  readonly device: string | null
  /** The joined EAP-Message; null for a request without. */
  readonly eap: Buffer | null
}

/** Keeps out devices that fail in a loop, before anything is spent on them. */
export class DeviceGate {
  readonly #limit = new DeviceLimit()
  readonly #denials: Denials
  readonly #isListed: (request: Request, visit: Visit) => boolean
  readonly #onRefused: () => void

  /** @param parts.isListed whether a device of the list asks, and would be let in by its address */
  constructor(parts: {
    readonly denials: Denials
    readonly isListed: (request: Request, visit: Visit) => boolean
    readonly onRefused: () => void
  }) {
    this.#isListed = parts.isListed
    this.#denials = parts.denials
    this.#onRefused = parts.onRefused
  }

  /** The answer to a device that has failed too often; null for any other. */
  refuse(request: Request, { visit, device, eap }: Caller): Reply | null {
    const { packet } = request
    if (device === null || !this.#limit.isLimited(device)) return null
    // It failed while nobody had put it on the list: whoever does so sees it come in at its next try.
    if (eap === null && this.#isListed(request, visit)) return null
    this.#onRefused()
    const count = this.#limit.countRefusal(device)
    if (count > 0) {
      const method = eap === null ? 'radius' : 'eap'
      const name = readName(packet)
      this.#denials.record(visit, { reason: 'rate-limited', method, name, detail: 'device', count })
    }
    const attributes = eap === null ? [] : splitEapMessage(encodeEapResult(false, eap[1] ?? 0))
    return { code: PacketCode.accessReject, attributes }
  }

  /** A conversation counts once, at its start, until it ends well: many a failure is mere silence. */
  async begin(device: string | null, reply: Promise<Reply | null>): Promise<Reply | null> {
    if (device !== null) this.#limit.countFailure(device)
    const settled = await this.#follow(reply, () => device)
    if (device !== null && settled === null) this.#limit.takeBack(device)
    return settled
  }

  /** What comes after it: whose it is matters at its end alone. */
  continue(request: Request, reply: Promise<Reply | null>): Promise<Reply | null> {
    return this.#follow(reply, () => {
      if (this.#limit.size === 0) return null
      return deviceIn(request, { address: request.address, facts: readFacts(request.packet) })
    })
  }

  /** Of a log-in without EAP: one that was right costs nothing, however many come at once. */
  settle<Settled extends Reply | null>(device: string | null, reply: Settled): Settled {
    if (device === null) return reply
    if (reply?.code === PacketCode.accessAccept) this.#limit.forgive(device)
    else if (reply?.code === PacketCode.accessReject) this.#limit.countFailure(device)
    return reply
  }

  async #follow(
    reply: Promise<Reply | null>,
    deviceOfIt: () => string | null,
  ): Promise<Reply | null> {
    try {
      const settled = await reply
      const device = settled?.code === PacketCode.accessAccept ? deviceOfIt() : null
      if (device !== null) this.#limit.forgive(device)
      return settled
    } catch (error) {
      const device = deviceOfIt()
      if (device !== null) this.#limit.takeBack(device)
      throw error
    }
  }
}

/** Under what the device of a request is counted; null when it names none. */
export function deviceIn(
  { packet }: Request,
  visit: Pick<Visit, 'address' | 'facts'>,
): string | null {
  return deviceOf(visit, readName(packet))
}

function readName({ attributes }: Packet): string {
  return readText(attributes, AttributeType.userName) ?? ''
}
