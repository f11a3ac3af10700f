import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import { readNas, readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'

const MAX_LISTED = 1_000
const USAGE_MS = 30 * 86_400_000

const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LISTED, default: 100 }))
const Person = Type.Optional(Type.String({ maxLength: 256, description: 'name or id' }))
const Time = Type.Optional(Type.String({ maxLength: 40, description: 'ISO time' }))
const ListQuery = Type.Object({
  person: Person,
  nas: Type.Optional(Type.String({ maxLength: 64 })),
  all: Type.Optional(Type.Boolean({ description: 'those that are over as well' })),
  limit: Limit,
})
const UsageQuery = Type.Object({ person: Person, since: Time, until: Time, limit: Limit })
const Params = Type.Object({
  id: Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' }),
})

/** Sessions as the NAS report them, what they used, and how they are ended. */
export function sessionRoutes(app: FastifyInstance, { directory, sessions }: AdminParts): void {
  const personId = (reference: string | undefined) =>
    reference === undefined ? null : readPerson(directory, reference).value.id

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/sessions',
    {
      schema: {
        summary: 'Sessions, newest report first, with what became of ending them',
        querystring: ListQuery,
      },
    },
    async (request) => {
      const { person, nas, all = false, limit = 100 } = request.query
      const nasId = nas === undefined ? null : readNas(directory, nas).id
      return {
        sessions: await sessions.list({
          principalId: personId(person),
          nasId,
          isAll: all,
          limit,
        }),
      }
    },
  )

  app.get<{ Querystring: Static<typeof UsageQuery> }>(
    '/sessions/usage',
    {
      schema: {
        summary: 'Time and octets by person and device, of sessions last reported in a time',
        querystring: UsageQuery,
      },
    },
    async (request) => {
      const { person, since, until, limit = 100 } = request.query
      const untilMs = until === undefined ? Date.now() : parseTime(until)
      const sinceMs = since === undefined ? untilMs - USAGE_MS : parseTime(since)
      return {
        usage: await sessions.usage({ principalId: personId(person), sinceMs, untilMs, limit }),
      }
    },
  )

  app.post<{ Params: Static<typeof Params> }>(
    '/sessions/:id/disconnect',
    { schema: { summary: 'Have a session ended by its NAS', params: Params } },
    async (request, reply) => {
      requireRole(request, 'operator')
      const { id } = request.params
      if (!(await sessions.disconnect(id, actorOf(request).name)))
        throw new ApiError(404, 'not-found', `there is no open session ${id}`)
      return reply.code(202).send({ changed: 1 })
    },
  )
}

/** @throws {ApiError} 400 for text that is no time */
function parseTime(text: string): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new ApiError(400, 'bad-request', `${text} is no ISO time`)
  return ms
}
