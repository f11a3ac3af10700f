import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { DEPARTURES } from '../../sources/departure.ts'
import { actorOf, requireRole } from '../caller.ts'
import { readConsequences } from '../consequences.ts'
import { departureLines } from '../departure-words.ts'
import { readPerson } from '../lookup.ts'
import { approvalNeeded } from '../meant.ts'
import type { AdminParts } from '../parts.ts'

const Params = Type.Object({ source: Type.String({ maxLength: 256, description: 'name or id' }) })
const People = Type.Union(
  DEPARTURES.map((departure) => Type.Literal(departure)),
  { description: 'what becomes of its people' },
)
const Query = Type.Object({ people: People })
const Body = Type.Object(
  {
    people: People,
    count: Type.Optional(
      Type.Integer({ minimum: 0, description: 'how many are meant, where that is many' }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)

/** Disconnecting a source: what it would do, and doing it. */
export function sourceDepartureRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { sources, directory } = parts

  app.get<{ Params: Static<typeof Params>; Querystring: Static<typeof Query> }>(
    '/sources/:source/disconnect',
    {
      schema: {
        summary: 'What a disconnection would do: to whom, and by name; nothing is changed',
        params: Params,
        querystring: Query,
      },
    },
    async (request) => {
      const { people } = request.query
      const { source, outlook } = await sources.departure(request.params.source)
      const shown = outlook.names.map((name) => readPerson(directory, name))
      const consequences =
        people === 'keep'
          ? []
          : await readConsequences(parts, shown, { act: people, username: null })
      return {
        source,
        of: people,
        ...outlook,
        lines: departureLines(source, people, outlook),
        // Nothing is written there any more, whatever an act of its kind would else do.
        consequences: consequences.map(({ username, loses, leaves }) => ({
          username,
          loses,
          leaves,
        })),
      }
    },
  )

  app.post<{ Params: Static<typeof Params>; Body: Static<typeof Body> }>(
    '/sources/:source/disconnect',
    {
      schema: {
        summary: 'Disconnect a source, and keep, suspend or delete its people',
        params: Params,
        body: Body,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { people, count = null, reason = null } = request.body
      const actor = actorOf(request, reason)
      const left = await sources.disconnect(request.params.source, { people, count }, actor)
      if (left.ok) return { source: left.source, of: people, affected: left.affected }
      throw approvalNeeded(`${people}s`, left)
    },
  )
}
