import { ScimError } from './errors.ts'
import { isJsonArray, isJsonObject, type Json, type JsonObject } from './json.ts'
import type { SelectionRequest } from './selection.ts'
import { SEARCH_REQUEST } from './urns.ts'

/** What a client asks of a list (RFC 7644 §3.4.2), before names are looked up. */
export interface ListQuery extends SelectionRequest {
  readonly filter: string | null
  readonly sortBy: string | null
  readonly isDescending: boolean
  /** 1 or more. */
  readonly startIndex: number
  /** 0 or more; null leaves the page's size to the service. */
  readonly count: number | null
}

// Above it a database's OFFSET would not take the number; no list is that long.
const MAX_INDEX = 2 ** 31 - 1

/**
 * Reads the query string of a GET. Parameters nobody knows are passed over.
 *
 * @throws {ScimError} `SCIM_INVALID_VALUE`
 */
export function parseListQuery(params: URLSearchParams): ListQuery {
  return {
    ...parseSelection(params),
    filter: single(params, 'filter'),
    sortBy: single(params, 'sortBy'),
    isDescending: readOrder(single(params, 'sortOrder')),
    startIndex: fromOne(readInteger(params, 'startIndex')),
    count: fromZero(readInteger(params, 'count')),
  }
}

/** @throws {ScimError} `SCIM_INVALID_VALUE` */
export function parseSelection(params: URLSearchParams): SelectionRequest {
  return {
    attributes: splitNames(single(params, 'attributes')),
    excludedAttributes: splitNames(single(params, 'excludedAttributes')),
  }
}

/**
 * Reads the body of POST `/.search` (RFC 7644 §3.4.3).
 *
 * @throws {ScimError} `SCIM_INVALID_SYNTAX` when it is no SearchRequest, `SCIM_INVALID_VALUE`
 */
export function parseSearchRequest(body: Json): ListQuery {
  if (!isJsonObject(body) || !hasSchema(body, SEARCH_REQUEST)) {
    throw new ScimError('SCIM_INVALID_SYNTAX', `the body must be a ${SEARCH_REQUEST}`)
  }
  const order = textMember(body, 'sortOrder')
  return {
    attributes: namesMember(body, 'attributes'),
    excludedAttributes: namesMember(body, 'excludedAttributes'),
    filter: textMember(body, 'filter'),
    sortBy: textMember(body, 'sortBy'),
    isDescending: readOrder(order),
    startIndex: fromOne(integerMember(body, 'startIndex')),
    count: fromZero(integerMember(body, 'count')),
  }
}

/** URIs compare without case; a body may name others beside it. */
export function hasSchema(body: JsonObject, uri: string): boolean {
  const schemas = body['schemas']
  return (
    isJsonArray(schemas) &&
    schemas.some((item) => typeof item === 'string' && item.toLowerCase() === uri.toLowerCase())
  )
}

function single(params: URLSearchParams, name: string): string | null {
  const values = params.getAll(name)
  if (values.length > 1) throw new ScimError('SCIM_INVALID_VALUE', `"${name}" is there twice`)
  return values[0] ?? null
}

function splitNames(text: string | null): readonly string[] | null {
  if (text === null) return null
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  return names.length === 0 ? null : names
}

function readInteger(params: URLSearchParams, name: string): number | null {
  const text = single(params, name)?.trim() ?? ''
  if (text === '') return null
  if (!/^[+-]?\d{1,15}$/.test(text)) {
    throw new ScimError('SCIM_INVALID_VALUE', `"${name}" must be an integer`)
  }
  return Number(text)
}

/** RFC 7644 §3.4.2.4, table 6: a start below 1 is 1. */
function fromOne(value: number | null): number {
  return Math.min(MAX_INDEX, Math.max(1, value ?? 1))
}

/** The same table: a negative count is 0. */
function fromZero(value: number | null): number | null {
  return value === null ? null : Math.min(MAX_INDEX, Math.max(0, value))
}

function readOrder(text: string | null): boolean {
  if (text === null || text === '') return false
  const lower = text.toLowerCase()
  if (lower !== 'ascending' && lower !== 'descending') {
    throw new ScimError('SCIM_INVALID_VALUE', '"sortOrder" is "ascending" or "descending"')
  }
  return lower === 'descending'
}

function textMember(body: JsonObject, name: string): string | null {
  const value = body[name] ?? null
  if (value !== null && typeof value !== 'string') {
    throw new ScimError('SCIM_INVALID_VALUE', `"${name}" must be a string`)
  }
  return value
}

function integerMember(body: JsonObject, name: string): number | null {
  const value = body[name] ?? null
  if (value === null) return null
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new ScimError('SCIM_INVALID_VALUE', `"${name}" must be an integer`)
  }
  return value
}

function namesMember(body: JsonObject, name: string): readonly string[] | null {
  const value = body[name] ?? null
  if (value === null) return null
  const names = typeof value === 'string' ? [value] : value
  if (!(isJsonArray(names) && names.every((item): item is string => typeof item === 'string'))) {
    throw new ScimError('SCIM_INVALID_VALUE', `"${name}" must be an array of strings`)
  }
  return names.length === 0 ? null : names
}
