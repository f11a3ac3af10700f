import { ScimError } from './errors.ts'
import { makeErrorResponse, type ScimRequest, type ScimResponse } from './message.ts'
import { findRoute } from './routes.ts'
import { type ResourceTypeName, resourceTypes } from './schema/resource-type.ts'
import type { ServiceSettings } from './settings.ts'
import type { ResourceStores } from './store.ts'

/**
 * A SCIM service provider (RFC 7644): a request in, an answer out.
 *
 * Whoever calls it has authenticated the client and gives the stores as that client may see them.
 */
export class ScimService {
  readonly #settings: ServiceSettings
  readonly #reportFault: (error: unknown) => string

  /** `reportFault` records an error that is ours and gives the id the client is told instead. */
  constructor(settings: ServiceSettings, reportFault: (error: unknown) => string) {
    this.#settings = settings
    this.#reportFault = reportFault
  }

  /** Never throws: every failure is an answer. */
  async answer(request: ScimRequest, stores: ResourceStores): Promise<ScimResponse> {
    try {
      return await this.#run(request, stores)
    } catch (error) {
      if (error instanceof ScimError) return makeErrorResponse(error)
      const id = this.#reportFault(error)
      return makeErrorResponse(new ScimError('SCIM_FAULT', `internal error ${id}`))
    }
  }

  async #run(request: ScimRequest, stores: ResourceStores): Promise<ScimResponse> {
    const route = findRoute(request.path)
    if (route === null) throw new ScimError('SCIM_NOT_FOUND', 'there is no such endpoint')
    const operation = route.methods.get(request.method === 'HEAD' ? 'GET' : request.method)
    if (operation === undefined) return refuseMethod([...route.methods.keys()])
    const response = await operation({
      request,
      params: new URLSearchParams(request.query),
      id: decodeSegment(route.id),
      stores,
      settings: this.#settings,
      locate: (type, id) => `${request.baseUrl}${endpoints[type]}/${encodeURIComponent(id)}`,
    })
    return request.method === 'HEAD' ? { ...response, body: null } : response
  }
}

const endpoints = Object.fromEntries(
  resourceTypes.map(({ name, endpoint }) => [name, endpoint]),
) as Readonly<Record<ResourceTypeName, string>>

function refuseMethod(allowed: readonly string[]): ScimResponse {
  const error = new ScimError('SCIM_METHOD_NOT_ALLOWED', 'that method does not work here')
  return makeErrorResponse(error, { allow: allowed.join(', ') })
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new ScimError('SCIM_INVALID_SYNTAX', 'the path is not encoded properly')
  }
}
