import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** One socket to open. `isRequired` is false where a wildcard stood for it. */
export interface LocalAddress extends ListenAddress {
  readonly isRequired: boolean
}

/** `*` and `::` mean both families. */
const wildcards = new Set(['*', '::', '0.0.0.0'])

/**
 * The local addresses that a list of listeners means: a wildcard becomes each address of this host,
 * since a wildcard socket answers from whichever address the route happens to have.
 */
export function expandListeners(
  listeners: readonly ListenAddress[],
  interfaces = networkInterfaces(),
): LocalAddress[] {
  const found = new Map<string, LocalAddress>()
  for (const { host, port } of listeners) {
    const isWildcard = wildcards.has(host)
    const hosts = isWildcard ? hostsFor(host, interfaces) : [host]
    for (const each of hosts) {
      const key = `${each} ${port}`
      if (!found.has(key)) found.set(key, { host: each, port, isRequired: !isWildcard })
    }
  }
  return [...found.values()]
}

function hostsFor(wildcard: string, interfaces: ReturnType<typeof networkInterfaces>): string[] {
  const hosts: string[] = []
  for (const [name, addresses] of Object.entries(interfaces)) {
    for (const { address } of addresses ?? []) {
      if (wildcard === '0.0.0.0' && isIPv6(address)) continue
      hosts.push(address.startsWith('fe80:') ? `${address}%${name}` : address)
    }
  }
  return hosts
}
