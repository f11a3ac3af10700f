import type { Device } from './device.ts'
import { foldText } from './fold.ts'

/** The devices that are let in by their address, found by it. There may be tens of thousands. */
export class DeviceTable {
  readonly #byId = new Map<string, Device>()
  readonly #byMac = new Map<string, Device>()
  #inOrder: readonly Device[] | null = null

  byId(id: string): Device | null {
    return this.#byId.get(id) ?? null
  }

  byMac(mac: string): Device | null {
    return this.#byMac.get(mac) ?? null
  }

  /** By name; made when somebody asks, which is seldom. */
  inOrder(): readonly Device[] {
    this.#inOrder ??= [...this.#byId.values()]
      .map((device) => ({ device, key: foldText(device.name) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ device }) => device)
    return this.#inOrder
  }

  put(device: Device): void {
    this.delete(device.id)
    this.#byId.set(device.id, device)
    this.#byMac.set(device.mac, device)
    this.#inOrder = null
  }

  delete(id: string): void {
    const held = this.#byId.get(id)
    if (held === undefined) return
    this.#byId.delete(id)
    // Its address may have been given to another meanwhile.
    if (this.#byMac.get(held.mac) === held) this.#byMac.delete(held.mac)
    this.#inOrder = null
  }
}
