import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { actorOf, requireRole } from '../caller.ts'
import { notFound } from '../error.ts'
import { readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { isoTime } from '../views.ts'
import { PersonParams } from './people.ts'

const PATH = '/people/:person/network-password'
const BY_ADMIN = { by: 'admin' } as const

/** Generated passwords for Wi-Fi and VPN that want MS-CHAPv2. */
export function networkPasswordRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, networkPasswords } = parts

  app.get<{ Params: Static<typeof PersonParams> }>(
    PATH,
    { schema: { summary: 'Whether a person has a network password', params: PersonParams } },
    async (request) => {
      const person = readPerson(directory, request.params.person).value
      const found = await networkPasswords.find(person)
      return {
        allowed: networkPasswords.areAllowed,
        createdAt: found === null ? null : isoTime(found.createdAtMs),
        lastUsedAt: found?.lastUse == null ? null : isoTime(found.lastUse.atMs),
        lastUsedFrom: found?.lastUse?.address ?? null,
      }
    },
  )

  app.post<{ Params: Static<typeof PersonParams> }>(
    PATH,
    {
      schema: {
        summary: 'Make a network password in place of the one before it; it is shown this once',
        params: PersonParams,
      },
    },
    async (request, reply) => {
      requireRole(request, 'operator')
      const person = readPerson(directory, request.params.person).value
      const by = { proof: BY_ADMIN, actor: actorOf(request) }
      const made = await networkPasswords.make(person, by)
      if (made === null) throw notFound('person', request.params.person)
      await parts.reached(made.written.inboxSeq)
      return reply.code(201).send({ password: made.password })
    },
  )

  app.delete<{ Params: Static<typeof PersonParams> }>(
    PATH,
    { schema: { summary: 'Revoke the network password; it ends at once', params: PersonParams } },
    async (request) => {
      requireRole(request, 'operator')
      const person = readPerson(directory, request.params.person).value
      const by = { proof: BY_ADMIN, actor: actorOf(request) }
      const revoked = await networkPasswords.revoke(person, by)
      await parts.reached(revoked?.inboxSeq ?? null)
      return { changed: revoked?.changed ?? 0 }
    },
  )
}
