import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { actorOf, requireRole } from '../caller.ts'
import { readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { isoTime } from '../views.ts'
import { PersonParams } from './people.ts'

const PATH = '/people/:person/factors'
const BY_ADMIN = { by: 'admin' } as const

/** What people prove on the account pages beside a password: to look at and to remove, never to read. */
export function factorRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, secondFactors } = parts

  app.get<{ Params: Static<typeof PersonParams> }>(
    PATH,
    { schema: { summary: "A person's second factors", params: PersonParams } },
    async (request) => {
      const person = readPerson(directory, request.params.person).value
      const totp = await secondFactors.find(person)
      if (totp === null) return { totp: null }
      const { createdAtMs, lastUsedAtMs, recoveryCodesLeft } = totp
      return {
        totp: {
          createdAt: isoTime(createdAtMs),
          lastUsedAt: lastUsedAtMs === null ? null : isoTime(lastUsedAtMs),
          recoveryCodesLeft,
        },
      }
    },
  )

  app.delete<{ Params: Static<typeof PersonParams> }>(
    PATH,
    {
      schema: {
        summary: "Remove a person's second factors: her password alone signs in from then on",
        params: PersonParams,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const person = readPerson(directory, request.params.person).value
      const by = { proof: BY_ADMIN, actor: actorOf(request) }
      const removed = await secondFactors.remove(person, by)
      await parts.reached(removed?.inboxSeq ?? null)
      return { changed: removed?.changed ?? 0 }
    },
  )
}
