import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Person } from '../../directory/person.ts'
import type { Written } from '../../directory/ports/people.ts'
import { actorOf, requireRole } from '../caller.ts'
import { notFound } from '../error.ts'
import { readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { isoTime } from '../views.ts'
import { PersonParams } from './people.ts'

const PATH = '/people/:person/factors'
const BY_ADMIN = { by: 'admin' } as const

const OneParams = Type.Object({
  ...PersonParams.properties,
  factor: Type.String({
    minLength: 1,
    maxLength: 64,
    description: '`totp` for the authenticator app, or the id of a passkey',
  }),
})

/** What people prove on the account pages beside a password: to look at and to remove, never to read. */
export function factorRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, secondFactors, passkeys } = parts
  const removeFrom = async (request: FastifyRequest, person: Person, factor: string) => {
    requireRole(request, 'operator')
    const by = { proof: BY_ADMIN, actor: actorOf(request) }
    const removed: (Written | null)[] = []
    if (factor === 'totp' || factor === 'all') removed.push(await secondFactors.remove(person, by))
    if (factor !== 'totp') removed.push(await passkeys.remove(person, factor, by))
    for (const written of removed) await parts.reached(written?.inboxSeq ?? null)
    return { changed: removed.reduce((sum, written) => sum + (written?.changed ?? 0), 0) }
  }

  app.get<{ Params: Static<typeof PersonParams> }>(
    PATH,
    { schema: { summary: "A person's second factors and passkeys", params: PersonParams } },
    async (request) => {
      const person = readPerson(directory, request.params.person).value
      const totp = await secondFactors.find(person)
      const hers = await passkeys.listFor(person)
      return {
        totp: totp && { ...timesOf(totp), recoveryCodesLeft: totp.recoveryCodesLeft },
        passkeys: hers.map((one) => ({
          id: one.id,
          name: one.name,
          synced: one.isSynced,
          ...timesOf(one),
        })),
      }
    },
  )

  app.delete<{ Params: Static<typeof PersonParams> }>(
    PATH,
    {
      schema: {
        summary: "Remove a person's second factors and passkeys: her password alone signs in then",
        params: PersonParams,
      },
    },
    async (request) =>
      removeFrom(request, readPerson(directory, request.params.person).value, 'all'),
  )

  app.delete<{ Params: Static<typeof OneParams> }>(
    `${PATH}/:factor`,
    { schema: { summary: 'Remove one second factor or passkey', params: OneParams } },
    async (request) => {
      const { person, factor } = request.params
      const answer = await removeFrom(request, readPerson(directory, person).value, factor)
      if (answer.changed === 0) throw notFound('factor', factor)
      return answer
    },
  )
}

function timesOf(used: { readonly createdAtMs: number; readonly lastUsedAtMs: number | null }) {
  const { createdAtMs, lastUsedAtMs } = used
  return {
    createdAt: isoTime(createdAtMs),
    lastUsedAt: lastUsedAtMs === null ? null : isoTime(lastUsedAtMs),
  }
}
