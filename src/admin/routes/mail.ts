import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { faultOfMail, isMailAddress, MAIL_TLS, type MailSettings } from '../../mail/settings.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import type { AdminParts } from '../parts.ts'
import { isoTime } from '../views.ts'

const MAX_LISTED = 1_000

const MailBody = Type.Object(
  {
    host: Type.String({ minLength: 1, maxLength: 253 }),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    tls: Type.Union(MAIL_TLS.map((tls) => Type.Literal(tls))),
    user: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 320 }), Type.Null()])),
    password: Type.Optional(
      Type.String({
        maxLength: 1_024,
        description:
          'kept sealed and never shown; left out, the one there is stays, unless it would go to another server or user',
      }),
    ),
    from: Type.String({ minLength: 3, maxLength: 320, pattern: '^[^\\r\\n]*$' }),
    ca: Type.Optional(
      Type.Union([Type.String({ maxLength: 65_536 }), Type.Null()], {
        description: "PEM of a CA to trust beside the system's",
      }),
    ),
  },
  { additionalProperties: false },
)
const TestBody = Type.Object(
  { to: Type.String({ maxLength: 320 }) },
  { additionalProperties: false },
)
const ListQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LISTED, default: 100 })),
})

/** How mail is sent to people, and what became of it. */
export function mailRoutes(app: FastifyInstance, { mail }: AdminParts): void {
  app.get(
    '/mail',
    { schema: { summary: 'How mail is sent; null until somebody said' } },
    async () => {
      const known = await mail.read()
      return { mail: known === null ? null : { ...known.settings, hasPassword: known.hasPassword } }
    },
  )

  app.put<{ Body: Static<typeof MailBody> }>(
    '/mail',
    { schema: { summary: 'Say how mail is sent', body: MailBody } },
    async (request) => {
      requireRole(request, 'owner')
      const { password, user = null, ca = null, ...rest } = request.body
      const settings: MailSettings = { ...rest, user, ca }
      const fault = faultOfMail(settings)
      if (fault !== null) throw new ApiError(422, 'refused', fault)
      if (user === null && password !== undefined)
        throw new ApiError(422, 'refused', 'a password needs a user to go with it')
      await mail.configure(settings, user === null ? null : password, actorOf(request))
      return { changed: 1 }
    },
  )

  app.post<{ Body: Static<typeof TestBody> }>(
    '/mail/test',
    { schema: { summary: 'Send a mail at once, and tell what came of it', body: TestBody } },
    async (request) => {
      requireRole(request, 'operator')
      if (!isMailAddress(request.body.to))
        throw new ApiError(422, 'refused', `"${request.body.to}" is no mail address`)
      const reason = await mail.test(request.body.to)
      if (reason !== null)
        throw new ApiError(502, 'mail-not-sent', `the mail was not sent: ${reason}`)
      return { sent: true }
    },
  )

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/mail/outbox',
    {
      schema: {
        summary: 'What was sent, waits, or failed and why; never what it says',
        querystring: ListQuery,
      },
    },
    async (request) => {
      const listed = await mail.list(request.query.limit ?? 100)
      return {
        mail: listed.map(({ createdAtMs, ...one }) => ({
          ...one,
          createdAt: isoTime(createdAtMs),
        })),
      }
    },
  )
}
