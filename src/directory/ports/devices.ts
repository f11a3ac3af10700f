import type { Device } from '../device.ts'
import type { PrincipalId } from '../id.ts'
import type { Actor, Written } from './people.ts'

export type NewDevice = Omit<Device, 'kind' | 'id' | 'version' | 'createdAtMs'>

/** All of a device but its address, which stays what it is. */
export type DeviceChange = Partial<Omit<NewDevice, 'mac'>>

/** Devices that are let in by their MAC address; created and changed by admins only. */
export interface DeviceStore {
  /** @throws {DirectoryError} `DIRECTORY_CONFLICT` when another has the address or the name */
  createDevice(device: NewDevice, actor: Actor): Promise<Written & { readonly id: PrincipalId }>
  /** @throws {DirectoryError} as {@link createDevice} */
  updateDevice(id: PrincipalId, change: DeviceChange, actor: Actor): Promise<Written>
  removeDevice(id: PrincipalId, actor: Actor): Promise<Written>
  /** By MAC address, when each was last let in, as far back as the log of answers goes. */
  lastSeen(macs: readonly string[]): Promise<ReadonlyMap<string, Date>>
}
