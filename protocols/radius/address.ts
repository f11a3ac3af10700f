import { isIP, SocketAddress } from 'node:net'

const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex')
const IPV4_BYTES = 4
const IPV6_BYTES = 16

/**
 * An address as 4 or 16 bytes; null when the text is none. IPv4 mapped into IPv6 becomes IPv4, and
 * the zone of a link-local address is dropped.
 */
export function parseAddress(text: string): Buffer | null {
  const zone = text.indexOf('%')
  const bare = zone < 0 ? text : text.slice(0, zone)
  const family = isIP(bare)
  if (family === 4) return Buffer.from(bare.split('.').map(Number))
  if (family !== 6) return null
  const bytes = parseIpv6(bare)
  return bytes.subarray(0, MAPPED_PREFIX.length).equals(MAPPED_PREFIX)
    ? bytes.subarray(MAPPED_PREFIX.length)
    : bytes
}

/** The usual text of 4 or 16 bytes; IPv6 compressed as RFC 5952 asks. */
export function formatAddress(bytes: Buffer): string {
  if (bytes.length === IPV4_BYTES) return bytes.join('.')
  const words: string[] = []
  for (let at = 0; at < IPV6_BYTES; at += 2) words.push(bytes.readUInt16BE(at).toString(16))
  return new SocketAddress({ address: words.join(':'), family: 'ipv6' }).address
}

/** One spelling for each peer: IPv4-mapped and zoned addresses lose what is not the peer's own. */
export function normalizeAddress(text: string): string {
  if (!text.includes(':')) return text
  const bytes = parseAddress(text)
  return bytes === null ? text : formatAddress(bytes)
}

export interface Cidr {
  /** 4 or 16 bytes, bits behind the prefix cleared. */
  readonly network: Buffer
  readonly prefixLength: number
}

/** Parses `address/length`, or an address alone as its own block; null when it is neither. */
export function parseCidr(text: string): Cidr | null {
  const [address = '', length, ...rest] = text.split('/')
  const bytes = parseAddress(address)
  if (bytes === null || rest.length > 0) return null
  const isMapped = bytes.length === IPV4_BYTES && address.includes(':')
  const bits = bytes.length * 8
  if (length === undefined) return { network: bytes, prefixLength: bits }
  if (!/^\d{1,3}$/.test(length)) return null
  const prefixLength = Number(length) - (isMapped ? MAPPED_PREFIX.length * 8 : 0)
  if (prefixLength < 0 || prefixLength > bits) return null
  return { network: maskAddress(bytes, prefixLength), prefixLength }
}

/** Clears the bits behind the first `prefixLength`. */
export function maskAddress(bytes: Buffer, prefixLength: number): Buffer {
  return Buffer.from(
    bytes.map((byte, at) => {
      const bits = Math.min(8, Math.max(0, prefixLength - at * 8))
      return byte & (0xff << (8 - bits))
    }),
  )
}

function parseIpv6(text: string): Buffer {
  const [head = '', tail] = text.split('::')
  const front = parseWords(head)
  const back = tail === undefined ? Buffer.alloc(0) : parseWords(tail)
  return Buffer.concat([front, Buffer.alloc(IPV6_BYTES - front.length - back.length), back])
}

function parseWords(text: string): Buffer {
  if (text === '') return Buffer.alloc(0)
  return Buffer.concat(
    text.split(':').map((word) => {
      if (word.includes('.')) return Buffer.from(word.split('.').map(Number))
      return Buffer.from(word.padStart(4, '0'), 'hex')
    }),
  )
}
