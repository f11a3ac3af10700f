import { isIPv4, isIPv6 } from 'node:net'

const MAPPED = /^::ffff:(?<v4>\d+\.\d+\.\d+\.\d+)$/i
/** Groups of 16 bits that name a site: /64 is what one subscriber gets, and may roam within. */
const SITE_GROUPS = 4
const GROUPS = 8

/**
 * Whom an address stands for when turns are taken and names are counted: an IPv4 address stands for
 * itself, an IPv6 address for its /64, since whoever has one has all of them. Text that is no address
 * stands for itself.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address
  const plain = address.split('%', 1)[0] ?? address
  const mapped = MAPPED.exec(plain)?.groups?.['v4']
  if (mapped !== undefined && isIPv4(mapped)) return mapped
  return isIPv6(plain) ? `${siteOf(plain)}::/64` : plain
}

/** Whether `address` can only be this machine. */
export function isLoopback(address: string): boolean {
  const key = addressKey(address)
  return key.startsWith('127.') || address === '::1'
}

function siteOf(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::')
  const front = head === '' ? [] : head.split(':')
  // A dotted tail is two groups, and never among the first four unless written in full.
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const backLength = back.length + (back.at(-1)?.includes('.') === true ? 1 : 0)
  const zeros = tail === undefined ? 0 : GROUPS - front.length - backLength
  const groups = [...front, ...Array.from({ length: zeros }, () => '0'), ...back]
  return groups
    .slice(0, SITE_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
