import type { ScimError } from './errors.ts'
import type { Json, JsonObject } from './json.ts'
import { ERROR, LIST_RESPONSE } from './urns.ts'

/** RFC 7644 §3.1 and §8.1. */
export const SCIM_MEDIA_TYPE = 'application/scim+json'

/** A request, free of any server's types. */
export interface ScimRequest {
  /** In capitals. */
  readonly method: string
  /** Below the base URL, as it came: percent-encoded, beginning with a slash. */
  readonly path: string
  /** What follows the question mark; '' when there is nothing. */
  readonly query: string
  readonly ifNoneMatch: string | null
  readonly contentType: string | null
  /** Null when there is none; its size is the server's to bound. */
  readonly body: Uint8Array | null
  /** Without a slash at the end; the beginning of every location. */
  readonly baseUrl: string
  readonly signal: AbortSignal
}

/** An answer. Names of headers are in lower case. */
export interface ScimResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Null where nothing is sent. */
  readonly body: JsonObject | null
}

export function makeResponse(
  status: number,
  body: JsonObject | null,
  headers: Readonly<Record<string, string>> = {},
): ScimResponse {
  return { status, headers: { 'content-type': SCIM_MEDIA_TYPE, ...headers }, body }
}

/** RFC 7644 §3.12; `status` is a string there. */
export function makeErrorResponse(
  error: ScimError,
  headers: Readonly<Record<string, string>> = {},
): ScimResponse {
  const type = error.scimType === null ? {} : { scimType: error.scimType }
  const body = { schemas: [ERROR], status: String(error.status), ...type, detail: error.message }
  return makeResponse(error.status, body, headers)
}

/** RFC 7644 §3.4.2. `Resources` is there even when empty: some clients fail without it. */
export function makeListResponse(list: {
  readonly totalResults: number
  readonly startIndex: number
  readonly resources: readonly Json[]
}): ScimResponse {
  return makeResponse(200, {
    schemas: [LIST_RESPONSE],
    totalResults: list.totalResults,
    startIndex: list.startIndex,
    itemsPerPage: list.resources.length,
    Resources: list.resources,
  })
}
