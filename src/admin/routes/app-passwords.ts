import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { AppPassword } from '../../directory/ports/app-passwords.ts'
import type { Written } from '../../directory/ports/people.ts'
import { actorOf, requireRole } from '../caller.ts'
import { notFound } from '../error.ts'
import { readPerson, readService } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { isoTime } from '../views.ts'
import { PersonParams } from './people.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const BY_ADMIN = { by: 'admin' } as const

const NewAppPassword = Type.Object(
  {
    name: Type.String({ maxLength: 256, description: 'what it is for, such as a device' }),
    uses: Type.Array(Type.Union([Type.Literal('ldap'), Type.Literal('radius')]), {
      minItems: 1,
      maxItems: 2,
      description: 'where it is good; nowhere else',
    }),
    ldapClient: Type.Optional(
      Type.String({ maxLength: 64, description: 'through this LDAP client alone' }),
    ),
    days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 3_650, description: 'until revoked, unless given' }),
    ),
  },
  { additionalProperties: false },
)
const OneParams = Type.Object({
  ...PersonParams.properties,
  appPassword: Type.String({ minLength: 1, maxLength: 256, description: 'id or name' }),
})

/** Generated passwords of people, each for one purpose and revoked by itself. */
export function appPasswordRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, appPasswords } = parts

  app.get<{ Params: Static<typeof PersonParams> }>(
    '/people/:person/app-passwords',
    {
      schema: { summary: "A person's app passwords, and when each was used", params: PersonParams },
    },
    async (request) => {
      const person = readPerson(directory, request.params.person).value
      const found = await appPasswords.listFor(person)
      return { appPasswords: found.map((one) => show(parts, one)) }
    },
  )

  app.post<{ Params: Static<typeof PersonParams>; Body: Static<typeof NewAppPassword> }>(
    '/people/:person/app-passwords',
    {
      schema: {
        summary: 'Make an app password; it is shown this once',
        params: PersonParams,
        body: NewAppPassword,
      },
    },
    async (request, reply) => {
      requireRole(request, 'operator')
      const person = readPerson(directory, request.params.person).value
      const { name, uses, ldapClient, days } = request.body
      const wish = {
        name,
        uses,
        client:
          ldapClient === undefined ? null : readService(directory, 'ldap-client', ldapClient).value,
        expiresAtMs: days === undefined ? null : Date.now() + days * DAY_MS,
      }
      const by = { proof: BY_ADMIN, actor: actorOf(request) }
      const made = await appPasswords.make(person, wish, by)
      if (made === null) throw notFound('person', request.params.person)
      await parts.reached(made.written.inboxSeq)
      return reply.code(201).send({ id: made.id, name: name.trim(), password: made.password })
    },
  )

  app.delete<{ Params: Static<typeof OneParams> }>(
    '/people/:person/app-passwords/:appPassword',
    { schema: { summary: 'Revoke an app password; it ends at once', params: OneParams } },
    async (request) => {
      requireRole(request, 'operator')
      const { person, appPassword } = request.params
      const by = { proof: BY_ADMIN, actor: actorOf(request) }
      const revoked = await appPasswords.revoke(
        readPerson(directory, person).value,
        appPassword,
        by,
      )
      const answer = await seen(parts, revoked)
      if (answer.changed === 0) throw notFound('app password', appPassword)
      return answer
    },
  )

  app.delete<{ Params: Static<typeof PersonParams> }>(
    '/people/:person/app-passwords',
    { schema: { summary: "Revoke all of a person's app passwords", params: PersonParams } },
    async (request) => {
      requireRole(request, 'operator')
      const by = { proof: BY_ADMIN, actor: actorOf(request) }
      const person = readPerson(directory, request.params.person).value
      return await seen(parts, await appPasswords.revoke(person, null, by))
    },
  )
}

async function seen(parts: AdminParts, written: Written | null): Promise<{ changed: number }> {
  if (written === null) return { changed: 0 }
  await parts.reached(written.inboxSeq)
  return { changed: written.changed }
}

function show({ appPasswords }: AdminParts, one: AppPassword) {
  const { id, name, uses, createdAtMs, expiresAtMs, lastUse } = one
  return {
    id,
    name,
    uses,
    ldapClient: appPasswords.clientNameOf(one),
    createdAt: isoTime(createdAtMs),
    expiresAt: expiresAtMs === null ? null : isoTime(expiresAtMs),
    lastUsedAt: lastUse === null ? null : isoTime(lastUse.atMs),
    lastUsedFrom: lastUse === null ? null : lastUse.address,
  }
}
