import type { Device } from '../directory/device.ts'
import type { Directory } from '../directory/directory.ts'
import type { Network } from '../directory/network.ts'
import { type AccessDenial, admit, decide, type Grant, untilExpiry } from './decide.ts'

/** Why a device may not come in, in the words of the auth events. */
export type DeviceDenial =
  | 'device-disabled'
  | 'device-expired'
  | 'device-not-on-network'
  | 'owner-shut-out'
  | AccessDenial

export type DeviceDecision =
  | { readonly ok: true; readonly grant: Grant }
  | { readonly ok: false; readonly denial: DeviceDenial }

/** May this device use this network, by nothing but its address? Pure, as `decide` is for people. */
export function decideDevice(
  directory: Directory,
  device: Device,
  { network, atMs = Date.now() }: { readonly network: Network; readonly atMs?: number },
): DeviceDecision {
  const denial = findDenial(directory, device, network, atMs)
  if (denial !== null) return { ok: false, denial }
  const decision = admit(network, { why: `device ${device.name}`, rule: null, atMs })
  if (!decision.ok) return decision
  const { grant } = decision
  return {
    ok: true,
    grant: untilExpiry({ ...grant, vlan: device.vlan ?? grant.vlan }, device.expiresAtMs, atMs),
  }
}

function findDenial(
  directory: Directory,
  device: Device,
  network: Network,
  atMs: number,
): DeviceDenial | null {
  if (!network.methods.includes('mac')) return 'method-not-allowed'
  if (!device.networkIds.includes(network.id)) return 'device-not-on-network'
  if (!device.enabled) return 'device-disabled'
  if (device.expiresAtMs !== null && device.expiresAtMs <= atMs) return 'device-expired'
  if (device.ownerId === null) return null
  const owner = directory.entryById(device.ownerId)
  const mayOwn = owner !== null && decide(directory, owner, { kind: 'account' }).ok
  return mayOwn ? null : 'owner-shut-out'
}
