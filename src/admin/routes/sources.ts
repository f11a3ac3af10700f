import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { TOOLS } from '../../sources/microsoft365/steps.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import { readGroup } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import {
  Extra,
  Guid,
  NewSourceFields,
  readNewSource,
  Secret,
  Tier,
  TokenFileName,
} from './source-fields.ts'

const Params = Type.Object({ source: Type.String({ maxLength: 256, description: 'name or id' }) })
const MAX_PAGE = 1000
const WaitingQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 100 })),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0 })),
})
const DriftQuery = Type.Object({
  limit: WaitingQuery.properties.limit,
  after: Type.Optional(Type.Integer({ minimum: 0, description: '`next` of the page before' })),
})
const Seen = Type.Object(
  {
    count: Type.Integer({ minimum: 1, description: 'how many are meant' }),
    until: Type.String({
      pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?Z$',
      description: 'of those that waited then, as the list said',
    }),
  },
  { additionalProperties: false },
)
const SecretBody = Type.Object(Secret, {
  additionalProperties: false,
  description: 'a client secret, or a certificate with its private key, or a token file',
})
/** Or no body at all. */
const ReasonBody = Type.Union([
  Type.Object(
    { reason: Type.Optional(Type.String({ maxLength: 500 })) },
    { additionalProperties: false },
  ),
  Type.Null(),
])
const NewSource = Type.Object(
  { tenantId: Guid, ...NewSourceFields },
  { additionalProperties: false },
)
const StepsQuery = Type.Object({
  tool: Type.Optional(Type.Union(TOOLS.map((tool) => Type.Literal(tool)))),
  tier: Type.Optional(Tier),
  extra: Type.Optional(Extra),
  federatedToken: Type.Optional(TokenFileName),
})
const TierBody = Type.Object(
  {
    tier: Tier,
    reason: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)
const ExtraParams = Type.Object({ source: Params.properties.source, extra: Extra })
const ExtraBody = Type.Object(
  { on: Type.Boolean(), reason: Type.Optional(Type.String({ maxLength: 500 })) },
  { additionalProperties: false },
)
const LiveBody = Type.Object(
  {
    on: Type.Boolean({ description: 'whether it is to tell of changes by itself' }),
    reason: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)
const MAX_GROUPS = 50
const MAX_REMEMBER_HOURS = 72
const PassThroughBody = Type.Object(
  {
    groups: Type.Array(Type.String({ maxLength: 256 }), {
      maxItems: MAX_GROUPS,
      description: 'names or ids; none turns it off',
    }),
    rememberHours: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_REMEMBER_HOURS,
        default: 0,
        description:
          'how long a password found right serves while the tenant cannot be reached; 0 is never',
      }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)
/** The registration's object id, as long as it is not known. */
const RotateBody = Type.Object(
  { applicationObjectId: Type.Optional(Guid) },
  { additionalProperties: false },
)
const SignInBody = Type.Object(
  { allowed: Type.Boolean(), reason: Type.Optional(Type.String({ maxLength: 500 })) },
  { additionalProperties: false },
)
const SyncBody = Type.Object(
  { dryRun: Type.Optional(Type.Boolean()), full: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
)

/** Or no body at all. */
const ReconcileBody = Type.Union([
  Type.Object({ dryRun: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
  Type.Null(),
])

export function sourceRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { sources } = parts

  app.get(
    '/sources',
    { schema: { summary: 'List sources, how they do, and what to do when they do not' } },
    async () => ({ sources: await sources.list() }),
  )

  app.get<{ Querystring: Static<typeof StepsQuery> }>(
    '/sources/microsoft365/steps',
    {
      schema: {
        summary: 'How to make the app registration that a tier needs, to be pasted',
        querystring: StepsQuery,
      },
    },
    async (request) => {
      const { tool = 'portal', tier = 'read', extra, federatedToken = null } = request.query
      // What the file of a token says is for those alone who may connect with it.
      if (federatedToken !== null) requireRole(request, 'owner')
      const extras = extra === undefined ? [] : [extra]
      const more = { extras, federatedToken, signInReturn: parts.signInReturn() }
      return { tool, tier, extras, steps: await sources.steps(tool, tier, more) }
    },
  )

  app.post<{ Body: Static<typeof NewSource> }>(
    '/sources/microsoft365',
    {
      schema: {
        summary: 'Connect a Microsoft 365 tenant with an app registration of its own',
        body: NewSource,
      },
    },
    async (request, reply) => {
      requireRole(request, 'owner')
      const { tenantId, ...given } = request.body
      const source = { tenantId, ...readNewSource(given) }
      const created = await sources.connectMicrosoft365(source, actorOf(request).name)
      return reply.code(201).send(created)
    },
  )

  app.post<{ Params: Static<typeof Params>; Body: Static<typeof SyncBody> | undefined }>(
    '/sources/:source/sync',
    {
      schema: {
        summary: 'Run a round now; dryRun shows what it would change',
        params: Params,
        body: SyncBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      return await sources.sync(request.params.source, {
        dryRun: request.body?.dryRun ?? false,
        full: request.body?.full ?? false,
      })
    },
  )

  app.post<{ Params: Static<typeof Params>; Body: Static<typeof ReconcileBody> | undefined }>(
    '/sources/:source/reconcile',
    {
      schema: {
        summary: 'Read everything again and compare; dryRun shows what that would change',
        params: Params,
        body: ReconcileBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { dryRun = false } = request.body ?? {}
      return await sources.sync(request.params.source, { dryRun, full: true })
    },
  )

  app.post<{ Params: Static<typeof Params> }>(
    '/sources/:source/verify',
    {
      schema: {
        summary: 'Count what is there and what is here of it; nothing is changed',
        params: Params,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { name, verification } = await sources.verify(request.params.source)
      return { source: name, verification }
    },
  )

  app.put<{ Params: Static<typeof Params>; Body: Static<typeof SecretBody> }>(
    '/sources/:source/secret',
    {
      schema: {
        summary: 'Sign in with another secret, certificate or token file, once it has proven good',
        params: Params,
        body: SecretBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const {
        clientSecret = null,
        certificate = null,
        privateKey = null,
        federatedToken = null,
        secretExpiresAt = null,
      } = request.body
      const secret = { clientSecret, certificate, privateKey, federatedToken, secretExpiresAt }
      return await sources.replaceSecret(request.params.source, secret, actorOf(request).name)
    },
  )

  app.post<{ Params: Static<typeof Params>; Body: Static<typeof RotateBody> }>(
    '/sources/:source/rotate',
    {
      schema: {
        summary: 'Have the application put another certificate in the place of its own',
        params: Params,
        body: RotateBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { applicationObjectId = null } = request.body
      return await sources.rotate(request.params.source, applicationObjectId, actorOf(request))
    },
  )

  app.get<{ Params: Static<typeof Params> }>(
    '/sources/:source/tier',
    {
      schema: {
        summary: 'What each tier is granted in the tenant, what it lacks, and what that costs',
        params: Params,
      },
    },
    async (request) => await sources.readTiers(request.params.source),
  )

  app.get<{ Params: Static<typeof Params> }>(
    '/sources/:source/health',
    {
      schema: {
        summary: 'How it does: rounds, lag, token, throttling, notifications, and what to do next',
        params: Params,
      },
    },
    async (request) => await sources.health(request.params.source),
  )

  app.put<{ Params: Static<typeof Params>; Body: Static<typeof LiveBody> }>(
    '/sources/:source/live',
    {
      schema: {
        summary: 'Have it tell of changes, or no more; on proves that it can reach us',
        params: Params,
        body: LiveBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { on, reason = null } = request.body
      return await sources.setLive(request.params.source, on, actorOf(request, reason))
    },
  )

  app.put<{ Params: Static<typeof Params>; Body: Static<typeof TierBody> }>(
    '/sources/:source/tier',
    {
      schema: {
        summary: 'Say what may be done in the tenant, once its permissions allow it',
        params: Params,
        body: TierBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { tier, reason = null } = request.body
      return await sources.setTier(request.params.source, tier, actorOf(request, reason))
    },
  )

  app.put<{ Params: Static<typeof ExtraParams>; Body: Static<typeof ExtraBody> }>(
    '/sources/:source/extras/:extra',
    {
      schema: {
        summary: 'Do something beside the tier, or no longer, once its permission allows it',
        params: ExtraParams,
        body: ExtraBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { source, extra } = request.params
      const { on: isOn, reason = null } = request.body
      return await sources.setExtra(source, { extra, isOn }, actorOf(request, reason))
    },
  )

  app.put<{ Params: Static<typeof Params>; Body: Static<typeof PassThroughBody> }>(
    '/sources/:source/pass-through',
    {
      schema: {
        summary: 'Check the passwords of some groups by signing in to the tenant',
        params: Params,
        body: PassThroughBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { groups, rememberHours = 0, reason = null } = request.body
      const groupIds = groups.map((group) => readGroup(parts.directory, group).value.id)
      const setting =
        groupIds.length === 0 ? null : { groupIds: [...new Set(groupIds)], rememberHours }
      const actor = actorOf(request, reason)
      return await sources.setPassThrough(request.params.source, setting, actor)
    },
  )

  app.put<{ Params: Static<typeof Params>; Body: Static<typeof SignInBody> }>(
    '/sources/:source/sign-in',
    {
      schema: {
        summary: 'Let people sign in at the source, in a browser, to choose their password here',
        params: Params,
        body: SignInBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { allowed, reason = null } = request.body
      const redirectUri = parts.signInReturn()
      if (allowed && redirectUri === null)
        throw new ApiError(
          422,
          'refused',
          'no browser could come back here: set public_url, or open an HTTPS listener',
        )
      const actor = actorOf(request, reason)
      return { ...(await sources.setSignIn(request.params.source, allowed, actor)), redirectUri }
    },
  )

  app.get<{ Params: Static<typeof Params>; Querystring: Static<typeof DriftQuery> }>(
    '/sources/:source/drift',
    {
      schema: {
        summary: 'What the source has otherwise than is wanted here; nothing is written',
        params: Params,
        querystring: DriftQuery,
      },
    },
    async (request) => {
      const { limit = 100, after = 0 } = request.query
      return await sources.drift(request.params.source, { limit, after })
    },
  )

  app.post<{ Params: Static<typeof Params> }>(
    '/sources/:source/retry-pushes',
    { schema: { summary: 'Try again to write what the source refused', params: Params } },
    async (request) => {
      requireRole(request, 'operator')
      return { people: await sources.retryPushes(request.params.source) }
    },
  )

  // To stop is always safe; to let go on is a decision, as an approval is.
  for (const [verb, role, summary] of [
    ['pause', 'operator', 'Begin no further round, until it is resumed'],
    ['resume', 'owner', 'Let the rounds of a paused source go on'],
  ] as const) {
    app.post<{ Params: Static<typeof Params>; Body: Static<typeof ReasonBody> | undefined }>(
      `/sources/:source/${verb}`,
      { schema: { summary, params: Params, body: ReasonBody } },
      async (request) => {
        requireRole(request, role)
        const actor = actorOf(request, request.body?.reason ?? null)
        return await sources[verb](request.params.source, actor)
      },
    )
  }

  app.get<{ Params: Static<typeof Params>; Querystring: Static<typeof WaitingQuery> }>(
    '/sources/:source/waiting',
    {
      schema: {
        summary: 'Removals the guard holds back, how many they are, and since when the last waits',
        params: Params,
        querystring: WaitingQuery,
      },
    },
    async (request) => {
      const { limit = 100, offset = 0 } = request.query
      return await sources.waiting(request.params.source, { limit, offset })
    },
  )

  app.post<{ Params: Static<typeof Params>; Body: Static<typeof Seen> }>(
    '/sources/:source/waiting/approve',
    {
      schema: {
        summary: 'Approve the removals that were seen; 409 when they are no longer so many',
        params: Params,
        body: Seen,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { params, body } = request
      return { approved: await sources.approve(params.source, body, actorOf(request).name) }
    },
  )

  app.post<{ Params: Static<typeof Params> }>(
    '/sources/:source/waiting/reject',
    { schema: { summary: 'Keep what waits to be removed', params: Params } },
    async (request) => {
      requireRole(request, 'owner')
      return { rejected: await sources.reject(request.params.source, actorOf(request).name) }
    },
  )
}
