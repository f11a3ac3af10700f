import { MAX_DESCRIPTION_BYTES } from './limits.ts'

/** An attribute type with its options (RFC 4512 §2.5), both in lower case. */
export interface AttributeDescription {
  /** A short name or a dotted OID. */
  readonly type: string
  /** Sorted, without duplicates. */
  readonly options: readonly string[]
}

const DESCRIPTION =
  /^((?:[a-z][a-z0-9-]*)|(?:(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+))((?:;[a-z0-9-]+)*)$/
const NO_OPTIONS: readonly string[] = []

/** Null when `text` is no attribute description; clients do send empty ones. */
export function parseAttributeDescription(text: string): AttributeDescription | null {
  if (text.length > MAX_DESCRIPTION_BYTES) return null
  const found = DESCRIPTION.exec(text.toLowerCase())
  if (found === null) return null
  const [, type = '', options = ''] = found
  if (options === '') return { type, options: NO_OPTIONS }
  return { type, options: [...new Set(options.slice(1).split(';'))].sort(byCodeUnit) }
}

/** Orders text by UTF-16 code unit, the same everywhere. */
export function byCodeUnit(left: string, right: string): number {
  return left < right ? -1 : Number(left > right)
}
