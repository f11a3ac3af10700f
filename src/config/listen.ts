import { isIP } from 'node:net'

/** Where a listener binds. A host of `*` means every local address, IPv4 and IPv6. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

const MAX_PORT = 65_535

/**
 * Parses a list of listeners: `host:port`, `[v6]:port`, `:port` or `port` for every address,
 * separated by commas or blanks; `off` alone closes the listener and gives an empty list.
 *
 * @returns the addresses, or a sentence that says what is wrong
 */
export function parseListen(text: string): readonly ListenAddress[] | string {
  const items = text.split(/[\s,]+/).filter((item) => item !== '')
  if (items.length === 1 && items[0] === 'off') return []
  if (items.length === 0) return 'is empty; write `off` to close this listener'
  const addresses: ListenAddress[] = []
  for (const item of items) {
    const address = parseOne(item)
    if (typeof address === 'string') return address
    addresses.push(address)
  }
  return addresses
}

export function formatListen(address: ListenAddress): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${host}:${address.port}`
}

function parseOne(item: string): ListenAddress | string {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(item)
  if (match === null) return `"${item}" is not host:port, [IPv6]:port or a port`
  const [, v6, name, digits] = match
  const port = Number(digits)
  if (port > MAX_PORT) return `"${item}" has a port above ${MAX_PORT}`
  if (v6 !== undefined) {
    return isIP(v6) === 6 ? { host: v6, port } : `"${item}" has no IPv6 address in its brackets`
  }
  return { host: name === undefined || name === '' ? '*' : name, port }
}
