import { namesEntityTag } from '../entity-tag.ts'
import { ScimError } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import { parseSelection } from '../list-query.ts'
import { makeResponse } from '../message.ts'
import type { ResourceType } from '../schema/resource-type.ts'
import { Selection } from '../selection.ts'
import type { Operation } from './call.ts'

/** GET of one resource (RFC 7644 §3.4.1), conditional if the client likes (§3.14). */
export function readResource(type: ResourceType): Operation {
  return async ({ request, params, id, stores, locate }) => {
    const selection = new Selection(type, parseSelection(params))
    const { signal } = request
    const resource = await stores[type.name].find({ id, selection, locate, signal })
    // The id is the client's, and may be anything: it isn't said again.
    if (resource === null) throw new ScimError('SCIM_NOT_FOUND', 'there is no such resource')
    const tag = readVersion(resource)
    const location = locate(type.name, id)
    const headers = tag === null ? { location } : { location, etag: tag }
    const known = request.ifNoneMatch
    const isKnown = known !== null && tag !== null && namesEntityTag(known, tag)
    return isKnown
      ? makeResponse(304, null, headers)
      : makeResponse(200, selection.apply(resource), headers)
  }
}

/** RFC 7643 §3.1: `meta.version` and the header `ETag` are one value. */
function readVersion({ meta }: JsonObject): string | null {
  const version = isJsonObject(meta) ? meta['version'] : undefined
  return typeof version === 'string' ? version : null
}
