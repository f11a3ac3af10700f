import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { actorOf, requireRole } from '../caller.ts'
import type { AdminParts } from '../parts.ts'

const Guid = Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' })
const Pem = Type.String({ maxLength: 32_768, pattern: '-----BEGIN' })
const Params = Type.Object({ source: Type.String({ maxLength: 256, description: 'name or id' }) })
const NewSource = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    tenantId: Guid,
    clientId: Guid,
    clientSecret: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
    certificate: Type.Optional(Pem),
    privateKey: Type.Optional(Pem),
    loginUrl: Type.Optional(Type.String({ pattern: '^https://' })),
    graphUrl: Type.Optional(Type.String({ pattern: '^https://' })),
    ca: Type.Optional(Pem),
    includeGuests: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
const SyncBody = Type.Object(
  { dryRun: Type.Optional(Type.Boolean()), full: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
)

export function sourceRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { sources } = parts

  app.get(
    '/sources',
    { schema: { summary: 'List sources, how they do, and what to do when they do not' } },
    async () => ({ sources: await sources.list() }),
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
      const {
        name = 'microsoft365',
        tenantId,
        clientId,
        clientSecret = null,
        certificate = null,
        privateKey = null,
        loginUrl = null,
        graphUrl = null,
        ca = null,
        includeGuests = false,
      } = request.body
      const created = await sources.connectMicrosoft365(
        {
          name,
          tenantId,
          clientId,
          clientSecret,
          certificate,
          privateKey,
          loginUrl,
          graphUrl,
          ca,
          includeGuests,
        },
        actorOf(request).name,
      )
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

  app.get<{ Params: Static<typeof Params> }>(
    '/sources/:source/waiting',
    { schema: { summary: 'Removals the guard holds back', params: Params } },
    async (request) => ({
      waiting: await sources.waiting(request.params.source),
    }),
  )

  app.post<{ Params: Static<typeof Params> }>(
    '/sources/:source/waiting/approve',
    { schema: { summary: 'Approve the removals that wait', params: Params } },
    async (request) => {
      requireRole(request, 'owner')
      return { approved: await sources.approve(request.params.source, actorOf(request).name) }
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
