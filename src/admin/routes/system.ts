import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { foldText } from '../../directory/fold.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import { readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'

const MAX_ROWS = 1000

const LogQuery = Type.Object({
  person: Type.Optional(Type.String({ maxLength: 320 })),
  outcome: Type.Optional(
    Type.Union([Type.Literal('success'), Type.Literal('denied'), Type.Literal('unavailable')]),
  ),
  since: Type.Optional(Type.String({ maxLength: 40, description: 'ISO time' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_ROWS, default: 100 })),
})
const Settings = Type.Object(
  {
    allowPlaintextBinds: Type.Optional(Type.Boolean()),
    allowNetworkPasswords: Type.Optional(
      Type.Boolean({
        description:
          'network passwords for MS-CHAPv2, of which the NT hash is stored (sealed); false ends and erases them all',
      }),
    ),
  },
  { additionalProperties: false },
)
const BackupBody = Type.Object(
  { passphrase: Type.Optional(Type.String({ minLength: 8, maxLength: 1024 })) },
  { additionalProperties: false },
)

export function systemRoutes(app: FastifyInstance, parts: AdminParts): void {
  app.get('/status', { schema: { summary: 'What runs, on what, and how fresh it is' } }, () =>
    parts.status(),
  )

  app.get('/settings', { schema: { summary: 'Settings all daemons share' } }, () => {
    const { domain, organization, allowPlaintextBinds, allowNetworkPasswords } =
      parts.directory.settings
    return { domain, organization, allowPlaintextBinds, allowNetworkPasswords }
  })

  app.patch<{ Body: Static<typeof Settings> }>(
    '/settings',
    { schema: { summary: 'Change settings', body: Settings } },
    async (request) => {
      requireRole(request, 'owner')
      const written = await parts.resources.updateSettings(request.body, actorOf(request))
      await parts.reached(written.inboxSeq)
      return { changed: written.changed }
    },
  )

  app.get<{ Querystring: Static<typeof LogQuery> }>(
    '/log',
    { schema: { summary: 'Who was let in, who was not, and why', querystring: LogQuery } },
    async (request) => {
      const { person, outcome = null, limit = 100 } = request.query
      return {
        answers: await parts.log.answers({
          ...subject(parts, person),
          outcome,
          sinceMs: sinceMs(request.query.since),
          limit,
        }),
      }
    },
  )

  app.get<{ Querystring: Static<typeof LogQuery> }>(
    '/journal',
    { schema: { summary: 'What was changed, when and by whom', querystring: LogQuery } },
    async (request) => {
      const { person, limit = 100 } = request.query
      const entity = person === undefined ? null : readPerson(parts.directory, person).value.id
      return {
        changes: await parts.log.changes({ entity, sinceMs: sinceMs(request.query.since), limit }),
      }
    },
  )

  app.post<{ Body: Static<typeof BackupBody> | undefined }>(
    '/backup',
    { schema: { summary: 'A portable archive of the directory', body: BackupBody } },
    (request, reply) => {
      requireRole(request, 'owner')
      return reply
        .type('application/gzip')
        .send(Readable.from(parts.writeBackup(request.body?.passphrase ?? null)))
    },
  )
}

/** A name that leads to nobody is searched as it was claimed. */
function subject(parts: AdminParts, person: string | undefined) {
  if (person === undefined) return { principalId: null, name: null }
  const folded = foldText(person)
  const found =
    parts.directory.personByUsername(folded) ?? parts.directory.personByLoginName(folded)
  return found === null
    ? { principalId: null, name: person }
    : { principalId: found.value.id, name: null }
}

function sinceMs(text: string | undefined): number | null {
  if (text === undefined) return null
  const ms = Date.parse(text)
  if (Number.isNaN(ms))
    throw new ApiError(400, 'bad-time', `"${text}" is no time, such as 2026-01-31T09:00:00Z`)
  return ms
}
