import { isIP } from 'node:net'

const WIDTH = { ipv4: 32, ipv6: 128 } as const

/** Addresses that share their first bits; a single address has a prefix of its full width. */
export interface AddressBlock {
  readonly address: string
  readonly family: keyof typeof WIDTH
  readonly prefix: number
}

/** Parses an address or a CIDR block, such as `10.20.0.0/16`; a sentence says what is wrong. */
export function parseProxy(text: string): AddressBlock | string {
  const [address = '', digits, ...rest] = text.split('/')
  const version = isIP(address)
  const family = version === 4 ? 'ipv4' : 'ipv6'
  const prefix = digits === undefined ? WIDTH[family] : Number(digits)
  // A zone, as in fe80::1%eth0, is a word of this host and part of no block.
  const isSound =
    version !== 0 &&
    !address.includes('%') &&
    rest.length === 0 &&
    /^\d{1,3}$/.test(digits ?? '0') &&
    prefix <= WIDTH[family]
  if (!isSound) return `"${text}" is no address and no CIDR block, such as 10.20.0.0/16`
  if (prefix === 0) return `"${text}" would trust every address: name those of the proxies`
  return { address, family, prefix }
}
