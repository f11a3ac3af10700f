import { createHash } from 'node:crypto'
import type { Entity } from './change.ts'

/** Numbers that count how often something was written, not what it is. */
const counters: ReadonlySet<string> = new Set(['version', 'membersVersion'])

/** Lists whose order says nothing. */
const unordered: ReadonlySet<string> = new Set(['holds', 'loginNames'])

/** A line that is equal for equal values, whatever the order of their members. */
export function digestOf(entity: Entity): string {
  return `${entity.kind} ${entity.id} ${sha256(canonicalText(entity))}`
}

/** One digest of all lines, whatever their order. */
export function digestOfLines(lines: readonly string[]): string {
  return sha256(lines.toSorted().join('\n'))
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function canonicalText(value: unknown): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'))
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([name, member]) => !counters.has(name) && member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${memberText(name, member)}`)
  return `{${members.join()}}`
}

function memberText(name: string, member: unknown): string {
  return unordered.has(name) && Array.isArray(member)
    ? `[${member.map(canonicalText).sort().join()}]`
    : canonicalText(member)
}
