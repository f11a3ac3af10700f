import { ScimError } from '../errors.ts'
import type { Json } from '../json.ts'
import { SCIM_MEDIA_TYPE, type ScimRequest, type ScimResponse } from '../message.ts'
import type { ServiceSettings } from '../settings.ts'
import type { Locate, ResourceStores } from '../store.ts'

/** What an operation has to do its work with. */
export interface Call {
  readonly request: ScimRequest
  readonly params: URLSearchParams
  /** What the path's placeholder stood for, decoded; '' when it has none. */
  readonly id: string
  readonly stores: ResourceStores
  readonly settings: ServiceSettings
  readonly locate: Locate
}

export type Operation = (call: Call) => ScimResponse | Promise<ScimResponse>

const mediaTypes: ReadonlySet<string> = new Set([SCIM_MEDIA_TYPE, 'application/json'])

/**
 * The request's body. A body without a type is taken for SCIM's.
 *
 * @throws {ScimError} `SCIM_MEDIA_TYPE`, `SCIM_INVALID_SYNTAX`
 */
export function readBody(request: ScimRequest): Json {
  const mediaType = (request.contentType ?? SCIM_MEDIA_TYPE).split(';', 1)[0]?.trim().toLowerCase()
  if (!mediaTypes.has(mediaType ?? '')) {
    throw new ScimError('SCIM_MEDIA_TYPE', `the body must be ${SCIM_MEDIA_TYPE}`)
  }
  try {
    return JSON.parse(utf8.decode(request.body ?? new Uint8Array())) as Json
  } catch {
    throw new ScimError('SCIM_INVALID_SYNTAX', 'the body is not JSON')
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
