export type Json = string | number | boolean | null | readonly Json[] | JsonObject

/** A JSON object; an absent member and `undefined` are the same. */
export interface JsonObject {
  readonly [name: string]: Json | undefined
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isJsonArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** RFC 7643 §2.5: null, an empty string, an empty array and an empty object are "unassigned". */
export function isAssigned(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return false
  if (isJsonArray(value)) return value.some(isAssigned)
  if (isJsonObject(value)) return Object.values(value).some(isAssigned)
  return true
}
