import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { EXTRAS } from '../../sources/microsoft365/settings.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import type { AdminParts, ConnectAttempt } from '../parts.ts'
import {
  ConnectFields,
  Extra,
  Guid,
  NewSourceFields,
  readConnection,
  readNewSource,
  Tier,
} from './source-fields.ts'

/** Where a browser comes back to from Microsoft's consent page. */
export const CONSENT_RETURN = '/connect/microsoft365'

const Extras = Type.Array(Extra, { maxItems: EXTRAS.length, uniqueItems: true })

const Consent = Type.Object(
  {
    tenant: Type.Optional(Guid),
    tier: Type.Optional(Tier),
    extras: Type.Optional(Extras),
    ...NewSourceFields,
  },
  { additionalProperties: false },
)
const Device = Type.Object(
  {
    tenant: Type.Optional(Guid),
    tier: Type.Optional(Tier),
    extras: Type.Optional(Extras),
    publicClientId: Type.Optional(Guid),
    ...ConnectFields,
  },
  { additionalProperties: false },
)
const Params = Type.Object({ attempt: Guid })
const short = Type.Optional(Type.String({ maxLength: 2_048 }))
const Returned = Type.Object({
  state: short,
  tenant: short,
  error: short,
  error_description: short,
})

export function connectRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { connect } = parts

  app.post<{ Body: Static<typeof Consent> }>(
    '/sources/microsoft365/consent',
    {
      schema: {
        summary:
          'Connect a tenant by its administrator’s click: gives a link to send her, good for an hour and once',
        body: Consent,
      },
    },
    async (request, reply) => {
      requireRole(request, 'owner')
      const { tenant = null, tier = 'read', extras = [], ...given } = request.body
      const begun = await connect.beginConsent(
        { ...readNewSource(given), tenant, tier, extras },
        redirectUri(parts),
        actorOf(request),
      )
      return reply.code(201).send(begun)
    },
  )

  app.post<{ Body: Static<typeof Device> }>(
    '/sources/microsoft365/device',
    {
      schema: {
        summary:
          'Connect a tenant by a code its administrator enters: with her sign-in the application is made that Gatehouse signs in with',
        body: Device,
      },
    },
    async (request, reply) => {
      requireRole(request, 'owner')
      const {
        tenant = null,
        tier = 'read',
        extras = [],
        publicClientId = null,
        ...given
      } = request.body
      const signInReturn = parts.signInReturn()
      const begun = await connect.beginDevice(
        { ...readConnection(given), tenant, tier, extras, publicClientId, signInReturn },
        actorOf(request),
      )
      return reply.code(201).send(begun)
    },
  )

  app.get<{ Params: Static<typeof Params> }>(
    '/sources/microsoft365/attempts/:attempt',
    { schema: { summary: 'What has become of a connection that was begun', params: Params } },
    async (request) => {
      const attempt = await connect.find(request.params.attempt)
      if (attempt !== null) return attempt
      throw new ApiError(
        404,
        'not-found',
        'there is no such attempt; one that is a day old is forgotten',
      )
    },
  )
}

/** For whoever's browser comes back from Microsoft: she need not be known here. */
export function consentReturnRoute(app: FastifyInstance, parts: AdminParts): void {
  app.get<{ Querystring: Static<typeof Returned> }>(
    CONSENT_RETURN,
    { schema: { querystring: Returned, hide: true } },
    async (request, reply) => {
      const { state = '', tenant = null, error = null, error_description = null } = request.query
      const attempt = await parts.connect.finishConsent({
        state,
        tenant,
        error: error_description ?? error,
      })
      return reply
        .code(attempt === null ? 400 : 200)
        .headers({
          'content-type': 'text/plain; charset=utf-8',
          'cache-control': 'no-store',
          'referrer-policy': 'no-referrer',
          'x-content-type-options': 'nosniff',
        })
        .send(wordsFor(attempt))
    },
  )
}

/** @throws {ApiError} when no browser could come back */
function redirectUri(parts: AdminParts): string {
  const origin = parts.publicOrigin()
  if (origin !== null) return `${origin}${CONSENT_RETURN}`
  throw new ApiError(
    422,
    'refused',
    'no browser could come back here: set public_url, or open an HTTP listener',
  )
}

function wordsFor(attempt: ConnectAttempt | null): string {
  if (attempt === null)
    return 'This link is used up, too old, or not ours. Begin again: gatehouse source connect --consent\n'
  const { status, source, note } = attempt
  if (status === 'connected') return `Connected: ${source}. You may close this page.\n`
  return `Not connected: ${note ?? status}. You may close this page.\n`
}
