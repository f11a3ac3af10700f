import { isIP } from 'node:net'
import { ApiError } from './error.ts'

const WIDTH = { 4: 32, 6: 128 } as const
/** Of `::ffff:0:0`, behind which IPv4 is written. */
const MAPPED_PREFIX = 96

/**
 * An address or a CIDR block, its prefix said: `10.20.0.0/16`, `2001:db8::1/128`.
 *
 * @throws {ApiError} 422 for what is neither, and for a block whose address lies inside it
 */
export function canonicalCidr(text: string): string {
  const [address = '', prefix, ...rest] = text.trim().split('/')
  const family = isIP(address)
  const width = family === 0 ? 0 : WIDTH[family as 4 | 6]
  const length = prefix === undefined ? width : Number(prefix)
  const isSound =
    family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix ?? '0') && length <= width
  if (!isSound) throw refused(text, 'is no address and no CIDR block, such as 10.20.0.0/16')
  if (!isFirstOf(address, length, width)) {
    throw refused(text, 'has bits set beyond its prefix; write the first address of the block')
  }
  return mappedBlock(address, length) ?? `${address}/${length}`
}

/** IPv4 that is written as IPv6 (RFC 4291 §2.5.5.2) is what a NAS of IPv4 comes from; null for other. */
function mappedBlock(address: string, length: number): string | null {
  const number = isIP(address) === 6 ? toNumber(address) : 0n
  if (number >> 32n !== 0xffffn || length < MAPPED_PREFIX) return null
  const octets = [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 0xffn)
  return `${octets.join('.')}/${length - MAPPED_PREFIX}`
}

/** Whether two are the same block, however they are written. */
export function isSameBlock(one: string, other: string): boolean {
  const [address = '', length] = one.split('/')
  const [otherAddress = '', otherLength] = other.split('/')
  return (
    isIP(address) === isIP(otherAddress) &&
    length === otherLength &&
    toNumber(address) === toNumber(otherAddress)
  )
}

/** A block is named by its first address. */
function isFirstOf(address: string, length: number, width: number): boolean {
  const hostBits = (1n << BigInt(width - length)) - 1n
  return (toNumber(address) & hostBits) === 0n
}

function toNumber(address: string): bigint {
  if (isIP(address) === 4)
    return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address)
  const text =
    embedded === null
      ? address
      : `${embedded[1]}${toNumber(embedded[2] ?? '')
          .toString(16)
          .padStart(8, '0')
          .replace(/(.{4})/, '$1:')}`
  const [head = '', tail] = text.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...(tail === undefined ? [] : zeros), ...after].reduce(
    (sum, group) => (sum << 16n) | BigInt(`0x${group}`),
    0n,
  )
}

function refused(text: string, why: string): ApiError {
  return new ApiError(422, 'bad-address', `"${text}" ${why}`)
}
