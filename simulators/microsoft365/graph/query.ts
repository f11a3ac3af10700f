import type { Request } from '../http/exchange.ts'
import { badRequest } from './graph-error.ts'

const KNOWN = new Set([
  '$select',
  '$top',
  '$filter',
  '$count',
  '$skiptoken',
  '$deltatoken',
  '$expand',
  '$orderby',
  '$search',
  '$format',
])
const DEFAULT_TOP = 100
const MAX_TOP = 999

/** A system query option, whatever its case; null when absent. */
export function readOption(query: URLSearchParams, name: string): string | null {
  for (const [key, value] of query) if (key.toLowerCase() === name) return value
  return null
}

/** @throws {GraphError} for an argument that is no system query option, `select` without `$` too */
export function refuseUnknownOptions(query: URLSearchParams): void {
  for (const key of query.keys()) {
    if (!KNOWN.has(key.toLowerCase()))
      throw badRequest(`Unrecognized query argument specified: '${key}'.`)
  }
}

export function readTop(query: URLSearchParams): number {
  const text = readOption(query, '$top')
  if (text === null) return DEFAULT_TOP
  const top = Number(text)
  if (!Number.isInteger(top) || top < 1 || top > MAX_TOP)
    throw badRequest(
      `Invalid page size specified: '${text}'. Must be between 1 and ${MAX_TOP} inclusive.`,
    )
  return top
}

export function isEventual(request: Request): boolean {
  return (request.headers['consistencylevel'] ?? '').toLowerCase() === 'eventual'
}

/** `$count=true` counts only for an advanced query. */
export function wantsCount(request: Request): boolean {
  return readOption(request.query, '$count') === 'true' && isEventual(request)
}
