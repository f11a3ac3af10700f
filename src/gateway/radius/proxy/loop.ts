import { createHash } from 'node:crypto'
import { AttributeType, type Packet } from '../../../../protocols/radius/index.ts'
import type { Nas } from '../../../directory/network.ts'
import type { HomeServerAddress } from '../../../directory/realm.ts'

/** Federations are two or three hops deep; what has been through more goes round. */
const MAX_HOPS = 10
const MARK_BYTES = 8

/** Our Proxy-State: the same on every daemon of a directory, since a loop may come back to any. */
export function makeMark(directoryId: string): Buffer {
  return createHash('sha256')
    .update(`gatehouse proxy ${directoryId}`)
    .digest()
    .subarray(0, MARK_BYTES)
}

/** Whether a request has been here before, or through more proxies than there can be. */
export function isLooping({ attributes }: Packet, mark: Buffer): boolean {
  const states = attributes.filter(({ type }) => type === AttributeType.proxyState.type)
  return states.length >= MAX_HOPS || states.some(({ value }) => value.equals(mark))
}

/** Whether a server is the peer a request came from, to which it never goes back. */
export function isSource(
  server: HomeServerAddress,
  { nas, address }: { readonly nas: Nas; readonly address: string },
): boolean {
  if (server.host === address && (server.radsec === null) === (nas.radsec === null)) return true
  const names = nas.radsec?.names ?? []
  return names.includes(server.host.toLowerCase()) || sharesIdentity(server, nas)
}

function sharesIdentity(server: HomeServerAddress, { radsec }: Nas): boolean {
  if (server.radsec === null || radsec === null) return false
  const known = new Set([...radsec.names, ...radsec.fingerprints])
  return [...server.radsec.names, ...server.radsec.fingerprints].some((one) => known.has(one))
}
