import {
  AttributeType,
  encodeEapResult,
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

/** Keeps out devices that fail in a loop, before anything is spent on them. */
export class DeviceGate {
  readonly #limit = new DeviceLimit()
  readonly #denials: Denials
  readonly #onRefused: () => void

  constructor(parts: { readonly denials: Denials; readonly onRefused: () => void }) {
    this.#denials = parts.denials
    this.#onRefused = parts.onRefused
  }

  /**
   * The answer to a device that has failed too often; null for any other.
   *
   * @param eap the joined EAP-Message; null for a request without
   */
  refuse({ packet }: Request, visit: Visit, eap: Buffer | null): Reply | null {
    const name = readText(packet.attributes, AttributeType.userName) ?? ''
    const device = deviceOf(visit, name)
    if (device === null || !this.#limit.isLimited(device)) return null
    this.#onRefused()
    const count = this.#limit.countRefusal(device)
    if (count > 0) {
      const method = eap === null ? 'radius' : 'eap'
      this.#denials.record(visit, { reason: 'rate-limited', method, name, detail: 'device', count })
    }
    const attributes = eap === null ? [] : splitEapMessage(encodeEapResult(false, eap[1] ?? 0))
    return { code: PacketCode.accessReject, attributes }
  }

  /** A conversation counts once, at its start, until it ends well: many a failure is mere silence. */
  async begin(request: Request, reply: Promise<Reply | null>): Promise<Reply | null> {
    const device = deviceIn(request)
    if (device !== null) this.#limit.countFailure(device)
    const settled = await this.continue(request, reply)
    if (device !== null && settled === null) this.#limit.takeBack(device)
    return settled
  }

  async continue(request: Request, reply: Promise<Reply | null>): Promise<Reply | null> {
    try {
      const settled = await reply
      if (settled?.code === PacketCode.accessAccept) this.#forgive(request)
      return settled
    } catch (error) {
      const device = deviceIn(request)
      if (device !== null) this.#limit.takeBack(device)
      throw error
    }
  }

  /** Of a log-in without EAP: one that was right costs nothing, however many come at once. */
  settle<Settled extends Reply | null>(request: Request, reply: Settled): Settled {
    if (reply?.code === PacketCode.accessAccept) this.#forgive(request)
    else if (reply?.code === PacketCode.accessReject) {
      const device = deviceIn(request)
      if (device !== null) this.#limit.countFailure(device)
    }
    return reply
  }

  #forgive(request: Request): void {
    if (this.#limit.size === 0) return
    const device = deviceIn(request)
    if (device !== null) this.#limit.forgive(device)
  }
}

function deviceIn({ packet, address }: Request): string | null {
  const name = readText(packet.attributes, AttributeType.userName) ?? ''
  return deviceOf({ address, facts: readFacts(packet) }, name)
}
