import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  defaultSettings,
  makeErrorResponse,
  type ResourceStore,
  type ResourceStores,
  ScimError,
  type ScimRequest,
  type ScimResponse,
  ScimService,
  type ServiceSettings,
} from '../../../protocols/scim/index.ts'
import type { Audience, Listing } from '../../directory/ports/listing.ts'
import type { Service } from '../../directory/service.ts'
import { type Rate, RateLimit } from '../../rate-limit.ts'
import { type AdmissionParts, admit } from './admission.ts'
import { makeStores } from './stores.ts'

const PREFIX = '/scim/v2'

/** A search request is all that is read from a body so far; its filter has 8 kB at most. */
const MAX_BODY_BYTES = 256 * 1_024

/** Above what Entra asks of a service: 25 requests a second for each tenant. */
const DEFAULT_RATE: Rate = { perSecond: 100, burst: 400 }

/** A database that is gone is asked for again by its pool within seconds. */
const UNAVAILABLE_RETRY_SECONDS = 5

export interface ScimParts extends Omit<AdmissionParts, 'rateLimit' | 'nowMs'> {
  readonly listing: Listing
  /** Told of each fault with the id the client was given. */
  readonly onFault: (id: string, error: unknown) => void
  /** Origin under which clients reach us; null takes it from the request. */
  readonly publicUrl: string | null
  readonly settings?: Partial<ServiceSettings>
  readonly rate?: Rate
  readonly nowMs?: () => number
}

/** SCIM under `/scim/v2`, as a plugin of the HTTP application. */
export function scimPlugin(parts: ScimParts): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    await app.register(async (scope) => addRoutes(scope, parts), { prefix: PREFIX })
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who was let in; null where nobody needs to be. */
    scimConnection: Service | null
  }
}

/** Everything under the prefix is answered in SCIM's form, what Fastify itself refuses included. */
function addRoutes(scope: FastifyInstance, parts: ScimParts): void {
  const nowMs = parts.nowMs ?? Date.now
  const rateLimit = new RateLimit(parts.rate ?? DEFAULT_RATE, nowMs)
  const admission: AdmissionParts = { ...parts, rateLimit, nowMs }
  const gateway = new ScimGateway(parts)

  // Bodies are read as they come: what they may be is the protocol's to say.
  scope.removeAllContentTypeParsers()
  const asBytes = { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES } as const
  scope.addContentTypeParser('*', asBytes, (_request, body, done) => done(null, body))

  scope.decorateRequest('scimConnection', null)
  scope.addHook('onRequest', async (request, reply) => {
    if (isOpen(request)) return
    const { authorization = null } = request.headers
    const admitted = admit(admission, { authorization, address: request.ip })
    if (admitted.ok) request.scimConnection = admitted.connection
    else await send(reply, makeErrorResponse(admitted.error, admitted.headers))
  })

  const handler = (request: FastifyRequest, reply: FastifyReply) => gateway.answer(request, reply)
  const method = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  scope.route({ method, url: '/', handler })
  scope.route({ method, url: '/*', handler })
  scope.setNotFoundHandler(handler)
  scope.setErrorHandler((error, request, reply) =>
    send(reply, makeErrorResponse(toScimError(error, request, parts.onFault))),
  )
}

/** RFC 7643 §5: how to authenticate can be read before one has; with a token it is checked. */
function isOpen(request: FastifyRequest): boolean {
  return (
    (request.method === 'GET' || request.method === 'HEAD') &&
    splitUrl(request).path === '/ServiceProviderConfig' &&
    request.headers.authorization === undefined
  )
}

class ScimGateway {
  readonly #parts: ScimParts
  readonly #settings: ServiceSettings

  constructor(parts: ScimParts) {
    this.#parts = parts
    this.#settings = { ...defaultSettings, ...parts.settings }
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { listing, onFault } = this.#parts
    const leaving = new AbortController()
    reply.raw.once('close', () => leaving.abort())
    const service = new ScimService(this.#settings, (error) => {
      // What a client that has left no longer waits for is nobody's fault.
      if (!leaving.signal.aborted) onFault(request.id, error)
      return request.id
    })
    const connection = request.scimConnection
    const stores = connection === null ? noStores : makeStores(listing, audienceOf(connection))
    const response = await service.answer(this.#toRequest(request, leaving.signal), stores)
    return send(reply, response)
  }

  #toRequest(request: FastifyRequest, signal: AbortSignal): ScimRequest {
    const { path, query } = splitUrl(request)
    const origin = this.#parts.publicUrl ?? `${request.protocol}://${request.host}`
    return {
      method: request.method,
      path,
      query,
      ifNoneMatch: request.headers['if-none-match'] ?? null,
      contentType: request.headers['content-type'] ?? null,
      body: request.body instanceof Uint8Array ? request.body : null,
      baseUrl: `${origin}${PREFIX}`,
      signal,
    }
  }
}

function audienceOf(connection: Service): Audience {
  return { connectionId: connection.id, view: connection.view }
}

/** For who is nobody: not even an empty list. */
const noStores: ResourceStores = { User: refusingStore(), Group: refusingStore() }

function refusingStore(): ResourceStore {
  const refuse = () =>
    Promise.reject(new ScimError('SCIM_UNAUTHENTICATED', 'a valid bearer token is needed'))
  return { find: refuse, list: refuse }
}

/** An address under the prefix that the router cannot read, refused in SCIM's form like the rest. */
export function answerUnreadable(request: FastifyRequest, reply: FastifyReply): boolean {
  if (request.raw.url?.startsWith(`${PREFIX}/`) !== true) return false
  const error = new ScimError(
    'SCIM_INVALID_SYNTAX',
    'the address is not percent-encoded as it must be',
  )
  void send(reply, makeErrorResponse(error))
  return true
}

/** The path below the prefix, which some clients write twice. */
function splitUrl(request: FastifyRequest): { readonly path: string; readonly query: string } {
  const url = request.raw.url ?? '/'
  const mark = url.indexOf('?')
  const whole = mark === -1 ? url : url.slice(0, mark)
  let path = whole.slice(PREFIX.length)
  if (path.startsWith(`${PREFIX}/`)) path = path.slice(PREFIX.length)
  return { path, query: mark === -1 ? '' : url.slice(mark + 1) }
}

function send(reply: FastifyReply, { status, headers, body }: ScimResponse): FastifyReply {
  if (status === 503) reply.header('retry-after', UNAVAILABLE_RETRY_SECONDS)
  return reply
    .code(status)
    .headers(headers)
    .send(body === null ? undefined : Buffer.from(JSON.stringify(body)))
}

function toScimError(
  error: unknown,
  request: FastifyRequest,
  onFault: ScimParts['onFault'],
): ScimError {
  const status = statusOf(error)
  // The application's own rules of who may ask at all, such as not without TLS.
  if (status === 403 && error instanceof Error) {
    return new ScimError('SCIM_FORBIDDEN', error.message)
  }
  if (status === 413) {
    return new ScimError('SCIM_TOO_LARGE', `a body has ${MAX_BODY_BYTES} bytes at most`)
  }
  if (status === 415) return new ScimError('SCIM_MEDIA_TYPE', 'a body of that type is not read')
  if (status >= 400 && status < 500) {
    return new ScimError('SCIM_INVALID_SYNTAX', 'the request can not be read')
  }
  onFault(request.id, error)
  return new ScimError('SCIM_FAULT', `internal error ${request.id}`)
}

function statusOf(error: unknown): number {
  return typeof error === 'object' &&
    error !== null &&
    'statusCode' in error &&
    typeof error.statusCode === 'number'
    ? error.statusCode
    : 500
}
