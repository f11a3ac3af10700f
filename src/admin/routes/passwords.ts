import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { LINK_HOURS } from '../../account/link.ts'
import { makeGeneratedPassword } from '../../credentials/generated-secret.ts'
import type { PasswordSet } from '../../credentials/password-setter.ts'
import {
  faultOfPolicy,
  POLICY_LIMITS as LIMITS,
  type PasswordPolicy,
} from '../../directory/password-policy.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import { readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { isoTime } from '../views.ts'
import { PersonParams } from './people.ts'

const MAX_PASSWORD_BYTES = 1024
const TIMEOUT_MS = 30_000

const PasswordBody = Type.Object(
  {
    password: Type.Optional(Type.String({ maxLength: MAX_PASSWORD_BYTES })),
    generate: Type.Optional(Type.Boolean()),
    temporary: Type.Optional(
      Type.Boolean({
        description:
          'good for choosing another one on the account pages, and for nothing else; false unless given',
      }),
    ),
  },
  { additionalProperties: false },
)
const whole = ({ from, to }: { from: number; to: number }) =>
  Type.Integer({ minimum: from, maximum: to })
const PolicyBody = Type.Object(
  {
    minLength: Type.Optional(whole(LIMITS.minLength)),
    maxLength: Type.Optional(whole(LIMITS.maxLength)),
    minStrength: Type.Optional({
      ...whole(LIMITS.minStrength),
      description: "zxcvbn's measure: 0 takes anything, 4 asks for the most",
    }),
    history: Type.Optional({
      ...whole(LIMITS.history),
      description: 'how many passwords before the present one may not come back',
    }),
    maxAgeDays: Type.Optional(
      Type.Union([whole(LIMITS.maxAgeDays), Type.Null()], { description: 'null is for ever' }),
    ),
    banned: Type.Optional(
      Type.Array(Type.String({ minLength: LIMITS.banned.from, maxLength: LIMITS.banned.to }), {
        maxItems: LIMITS.banned.words,
        description: 'words no password may contain',
      }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
)

const LinkBody = Type.Object(
  {
    mail: Type.Boolean({
      default: false,
      description: 'send it to their address; otherwise it is in the answer',
    }),
    hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 168, default: LINK_HOURS })),
    reason: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)

/** The rules of passwords, and passwords that an admin sets. */
export function passwordRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory } = parts

  app.get('/password-policy', { schema: { summary: 'What passwords have to be' } }, () => ({
    ...directory.settings.passwordPolicy,
  }))

  app.patch<{ Body: Static<typeof PolicyBody> }>(
    '/password-policy',
    {
      schema: {
        summary: 'Change the rules; they hold for passwords set from then on',
        body: PolicyBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const passwordPolicy = {
        ...directory.settings.passwordPolicy,
        ...request.body,
      } as PasswordPolicy
      const fault = faultOfPolicy(passwordPolicy)
      if (fault !== null) throw new ApiError(422, 'refused', fault)
      const written = await parts.resources.updateSettings({ passwordPolicy }, actorOf(request))
      await parts.reached(written.inboxSeq)
      return { changed: written.changed }
    },
  )

  app.post<{ Params: Static<typeof PersonParams>; Body: Static<typeof LinkBody> }>(
    '/people/:person/activation-link',
    {
      schema: {
        summary: 'A link, good once, to choose a password with; voids the one before it',
        params: PersonParams,
        body: LinkBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { mail, hours = LINK_HOURS, reason = null } = request.body
      const { url, expiresAtMs, mailedTo } = await parts.activation.issue(
        readPerson(directory, request.params.person).value,
        { isMailed: mail, livesHours: hours },
        actorOf(request, reason),
      )
      // Whom it was mailed to, nobody else needs it.
      return { expiresAt: isoTime(expiresAtMs), mailedTo, ...(mail ? {} : { link: url }) }
    },
  )

  app.put<{ Params: Static<typeof PersonParams>; Body: Static<typeof PasswordBody> }>(
    '/people/:person/password',
    { schema: { summary: 'Set the primary password', params: PersonParams, body: PasswordBody } },
    async (request) => {
      requireRole(request, 'operator')
      const { generate = false, temporary = false } = request.body
      if ((request.body.password === undefined) !== generate)
        throw new ApiError(400, 'which-password', 'give either a password or `generate`')
      const generated = generate ? makeGeneratedPassword() : null
      const bytes = generated === null ? takePassword(request.body) : Buffer.from(generated)
      const setting = parts.passwords.set(
        {
          person: readPerson(directory, request.params.person).value,
          password: bytes,
          isTemporary: temporary,
          isGenerated: generate,
          proof: { by: 'admin' },
          key: `admin|${request.ip}`,
          signal: AbortSignal.timeout(TIMEOUT_MS),
        },
        actorOf(request),
      )
      const set = await setting.finally(() => bytes.fill(0))
      const changed = await requireSet(parts, set)
      return generated === null ? { changed } : { changed, password: generated }
    },
  )
}

/** As bytes, which can be wiped; nothing holds on to the text while a tenant is asked. */
function takePassword(body: { password?: string }): Buffer {
  const bytes = Buffer.from(body.password ?? '')
  delete body.password
  return bytes
}

/** @throws {ApiError} that says which rule the password breaks, or why it was not set */
async function requireSet(parts: AdminParts, set: PasswordSet): Promise<number> {
  switch (set.kind) {
    case 'set':
      await parts.reached(set.written.inboxSeq)
      return set.written.changed
    case 'refused':
      throw new ApiError(
        422,
        'password-refused',
        `the password was not set. ${set.faults.map(({ message }) => message).join(' ')}`,
      )
    case 'not-pushed':
      throw new ApiError(422, 'password-not-pushed', set.message)
    case 'unknown':
      throw new ApiError(502, 'password-unknown', set.message)
    case 'busy':
      throw new ApiError(
        409,
        'conflict',
        'the password is being set by somebody else at this moment; nothing was set: try again in a minute',
      )
    case 'stale':
      throw new ApiError(409, 'conflict', 'the password was changed meanwhile; nothing was set')
  }
}
