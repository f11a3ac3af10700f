import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { findGuestEnd, type GuestEnd, type GuestTerms, mayVouch } from '../../access/guest.ts'
import type { Directory } from '../../directory/directory.ts'
import { DirectoryError } from '../../directory/errors.ts'
import { foldText } from '../../directory/fold.ts'
import {
  DEFAULT_GUEST_MS,
  type Guest,
  MAX_GUEST_AHEAD_MS,
  MAX_GUEST_MS,
} from '../../directory/guest.ts'
import type { PrincipalId } from '../../directory/id.ts'
import type { GuestChange } from '../../directory/ports/guests.ts'
import type { Written } from '../../directory/ports/people.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError, notFound } from '../error.ts'
import { readPerson } from '../lookup.ts'
import { Moment, readMoment } from '../moment.ts'
import type { AdminParts } from '../parts.ts'
import { isoTime } from '../views.ts'

const MAX_PAGE = 1_000
/** As one transaction bears, and one sheet of paper. */
const MAX_COUNT = 100
const MAX_DAYS = MAX_GUEST_MS / 86_400_000
const MAX_DAYS_AHEAD = MAX_GUEST_AHEAD_MS / 86_400_000

const Params = Type.Object({
  guest: Type.String({ minLength: 1, maxLength: 64, description: 'name or id' }),
})
const Listing = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 100 })),
    after: Type.Optional(Type.Integer({ minimum: 0, description: '`next` of the page before' })),
    all: Type.Optional(
      Type.Boolean({ description: 'those too that expired or were removed in the last 30 days' }),
    ),
  },
  { additionalProperties: false },
)
const Text = (maxLength: number, description: string) =>
  Type.Union([Type.String({ minLength: 1, maxLength }), Type.Null()], { description })
const guestFields = {
  label: Text(128, 'who it is, for people to read'),
  company: Text(128, 'whom the guest comes from'),
  note: Text(512, 'anything else'),
  sponsor: Type.Union([Type.String({ minLength: 1, maxLength: 256 }), Type.Null()], {
    description:
      'username, log-in name or id of who must be let in herself; null for nobody in particular',
  }),
  expiresAt: Type.Unsafe<string>({
    ...Moment,
    description: `from when on the guest is let in no more, at most ${MAX_DAYS} days ahead; a day after the beginning when left out`,
  }),
}
const ChangeBody = Type.Partial(Type.Object(guestFields), { additionalProperties: false })
const NewGuestBody = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'what the guest types to log in, beginning with `guest-`; generated without',
      }),
    ),
    count: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_COUNT,
        default: 1,
        description: 'so many, each with a name and a password of its own',
      }),
    ),
    startsAt: Type.Optional(
      Type.Unsafe<string>({
        ...Moment,
        description: `from when on, at most ${MAX_DAYS_AHEAD} days ahead; now when left out`,
      }),
    ),
    ...Type.Partial(Type.Object(guestFields)).properties,
  },
  { additionalProperties: false },
)

/** Guests: let into networks that admit them, for a time. */
export function guestRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, guests } = parts

  app.get<{ Querystring: Static<typeof Listing> }>(
    '/guests',
    { schema: { summary: 'List guests, by name', querystring: Listing } },
    async (request) => {
      const { limit = 100, after = 0, all = false } = request.query
      const nowMs = Date.now()
      const listed = directory.guests().filter((guest) => all || !hasEnded(guest, nowMs))
      return {
        guests: listed
          .slice(after, after + limit)
          .map((guest) => showGuest(directory, guest, nowMs)),
        next: after + limit < listed.length ? after + limit : null,
      }
    },
  )

  app.post<{ Body: Static<typeof NewGuestBody> }>(
    '/guests',
    {
      schema: {
        summary: 'Let guests in for a time; their passwords are shown this once',
        body: NewGuestBody,
      },
    },
    async (request, reply) => {
      requireRole(request, 'operator')
      const { name = null, count = 1, startsAt, expiresAt, ...given } = request.body
      const nowMs = Date.now()
      const startsAtMs = startsAt === undefined ? nowMs : readMoment(startsAt)
      const expiresAtMs =
        expiresAt === undefined ? startsAtMs + DEFAULT_GUEST_MS : readMoment(expiresAt)
      checkTime({ startsAtMs, expiresAtMs }, nowMs)
      const nothing = { label: null, company: null, note: null, sponsorId: null }
      const order = { ...nothing, ...changeOf(directory, given), startsAtMs, expiresAtMs }
      const { made, written } = await guests.add({ ...order, name, count }, actorOf(request))
      await reachedOrStored(parts, written.inboxSeq)
      const unseen = { ...order, createdAtMs: nowMs, revokedAtMs: null }
      return reply.code(201).send({
        guests: made.map(({ password, ...one }) => ({
          ...showGuest(directory, directory.guestById(one.id) ?? { ...unseen, ...one }, nowMs),
          password,
        })),
      })
    },
  )

  app.patch<{ Params: Static<typeof Params>; Body: Static<typeof ChangeBody> }>(
    '/guests/:guest',
    {
      schema: {
        summary: 'Extend a guest’s time, or change what is written of the guest',
        params: Params,
        body: ChangeBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const guest = readGuest(directory, request.params.guest)
      if (guest.revokedAtMs !== null) throw wasRemoved(guest)
      const change = changeOf(directory, request.body)
      // One whose time is over may still be described.
      if (change.expiresAtMs !== undefined) checkTime({ ...guest, ...change }, Date.now())
      const written = await guests.change(guest, change, actorOf(request))
      if (written.changed === 0) throw wasRemoved(guest)
      await parts.reached(written.inboxSeq)
      return showGuest(directory, readGuest(directory, guest.id), Date.now())
    },
  )

  app.delete<{ Params: Static<typeof Params> }>(
    '/guests/:guest',
    {
      schema: {
        summary: 'Remove a guest: let in no more, and sessions are ended',
        params: Params,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const guest = readGuest(directory, request.params.guest)
      const written = await guests.remove(guest, actorOf(request))
      await parts.reached(written.inboxSeq)
      return { changed: written.changed }
    },
  )
}

/** What is stored is made, seen here or not; and its passwords are to be had in this answer alone. */
async function reachedOrStored(
  parts: Pick<AdminParts, 'reached'>,
  inboxSeq: Written['inboxSeq'],
): Promise<void> {
  try {
    await parts.reached(inboxSeq)
  } catch (cause) {
    if (cause instanceof DirectoryError && cause.code === 'DIRECTORY_STORED_UNSEEN') return
    throw cause
  }
}

/** What is shown of a guest has no password: nobody but the one who made it has seen that. */
function showGuest(
  directory: Directory,
  guest: Omit<Guest, 'kind' | 'version' | 'secret'>,
  nowMs: number,
) {
  const { id, name, label, company, note, sponsorId, startsAtMs, expiresAtMs, revokedAtMs } = guest
  const sponsor = sponsorId === null ? null : (directory.entryById(sponsorId)?.value ?? null)
  return {
    id,
    name,
    label,
    company,
    note,
    // Somebody who has gone still shuts her guest out, so it must not look like nobody's.
    sponsor: sponsor?.kind === 'person' ? sponsor.username : sponsorId,
    startsAt: isoTime(startsAtMs),
    expiresAt: isoTime(expiresAtMs),
    removedAt: revokedAtMs === null ? null : isoTime(revokedAtMs),
    createdAt: isoTime(guest.createdAtMs),
    state: stateOf(directory, guest, nowMs),
  }
}

/** The list's word for why a guest is let in nowhere. */
const STATES: Record<GuestEnd, string> = {
  'guest-revoked': 'removed',
  'guest-expired': 'expired',
  'name-taken': 'name-taken',
  'sponsor-shut-out': 'sponsor-shut-out',
  'guest-not-yet': 'coming',
}

function stateOf(directory: Directory, guest: GuestTerms, nowMs: number): string {
  const end = findGuestEnd(directory, guest, nowMs)
  return end === null ? 'active' : STATES[end]
}

function hasEnded({ revokedAtMs, expiresAtMs }: Guest, nowMs: number): boolean {
  return revokedAtMs !== null || expiresAtMs <= nowMs
}

function readGuest(directory: Directory, reference: string): Guest {
  const found = directory.guestById(reference) ?? directory.guestByName(foldText(reference))
  if (found === null) throw notFound('guest', reference)
  return found
}

function changeOf(
  directory: Directory,
  { sponsor, expiresAt, ...same }: Static<typeof ChangeBody>,
): GuestChange {
  return {
    ...same,
    ...(sponsor === undefined
      ? {}
      : { sponsorId: sponsor === null ? null : readSponsor(directory, sponsor) }),
    ...(expiresAt === undefined ? {} : { expiresAtMs: readMoment(expiresAt) }),
  }
}

function readSponsor(directory: Directory, reference: string): PrincipalId {
  const { id, username } = readPerson(directory, reference).value
  if (!mayVouch(directory, id))
    throw refused(
      `${username} may not sign in herself, so nobody she vouches for is let in: name another sponsor, or let her in first (\`gatehouse person show ${username}\` tells why she is not)`,
    )
  return id
}

function checkTime(
  { startsAtMs, expiresAtMs }: Pick<Guest, 'startsAtMs' | 'expiresAtMs'>,
  nowMs: number,
): void {
  if (startsAtMs - nowMs > MAX_GUEST_AHEAD_MS)
    throw refused(
      `a guest begins ${MAX_DAYS_AHEAD} days ahead at most, and ${isoTime(startsAtMs)} is later: add the guest when the time is nearer`,
    )
  const end = isoTime(expiresAtMs)
  if (expiresAtMs <= Math.max(startsAtMs, nowMs))
    throw refused(`a guest until ${end} would never be let in: choose a later end`)
  if (expiresAtMs - Math.max(startsAtMs, nowMs) > MAX_GUEST_MS)
    throw refused(
      `a guest stays ${MAX_DAYS} days at most, which ${end} is beyond: choose an earlier end, and extend it when the time comes`,
    )
}

function wasRemoved({ name }: Guest): ApiError {
  return refused(`${name} was removed: add a guest anew`)
}

function refused(message: string): ApiError {
  return new ApiError(422, 'bad-guest', message)
}
