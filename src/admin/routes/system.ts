import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { actorOf, requireRole } from '../caller.ts'
import type { AdminParts } from '../parts.ts'

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
