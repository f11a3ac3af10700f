import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { actorOf, requireRole } from '../caller.ts'
import { approvalNeeded } from '../meant.ts'
import type { AdminParts } from '../parts.ts'

const SourceParams = Type.Object({
  source: Type.String({ maxLength: 256, description: 'name or id' }),
})
const RoundParams = Type.Object({
  round: Type.String({ maxLength: 36, description: 'id, as the list of rounds says' }),
})
const Query = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 20 })),
})
/** Or no body at all. */
const Body = Type.Union([
  Type.Object(
    {
      count: Type.Optional(
        Type.Integer({ minimum: 0, description: 'how many people are meant, where that is many' }),
      ),
      reason: Type.Optional(Type.String({ maxLength: 500 })),
    },
    { additionalProperties: false },
  ),
  Type.Null(),
])

/** What rounds did, and taking one back. */
export function sourceRoundRoutes(app: FastifyInstance, { sources }: AdminParts): void {
  app.get<{ Params: Static<typeof SourceParams>; Querystring: Static<typeof Query> }>(
    '/sources/:source/rounds',
    {
      schema: {
        summary: 'What the latest rounds did, and how much of it can be taken back',
        params: SourceParams,
        querystring: Query,
      },
    },
    async (request) => await sources.rounds(request.params.source, request.query.limit ?? 20),
  )

  app.get<{ Params: Static<typeof RoundParams> }>(
    '/rounds/:round/undo',
    {
      schema: {
        summary: 'What taking a round back would do, and what stays as it was changed since',
        params: RoundParams,
      },
    },
    async (request) => await sources.undoOutlook(request.params.round),
  )

  app.post<{ Params: Static<typeof RoundParams>; Body: Static<typeof Body> | undefined }>(
    '/rounds/:round/undo',
    {
      schema: {
        summary: 'Take back what a round did, and pause its source',
        params: RoundParams,
        body: Body,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { round } = request.params
      const { count = null, reason = null } = request.body ?? {}
      const undone = await sources.undo({ round, count }, actorOf(request, reason))
      if (!undone.ok) throw approvalNeeded('deletes or holds', undone)
      return { round, undo: undone.undo, counts: undone.counts }
    },
  )
}
