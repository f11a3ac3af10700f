import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { ACTS } from '../../access/consequences.ts'
import type { PrincipalId } from '../../directory/id.ts'
import type { Person } from '../../directory/person.ts'
import type { Entry } from '../../directory/query.ts'
import { actorOf, requireRole } from '../caller.ts'
import { readConsequences } from '../consequences.ts'
import { ApiError } from '../error.ts'
import { readDead, readPeople, readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { readRecord } from '../record.ts'
import { shown } from '../shown.ts'
import { showDate, stateOf } from '../views.ts'
import { withState } from './people.ts'

const MAX_PEOPLE_AT_ONCE = 10_000

const PersonParams = Type.Object({
  person: Type.String({ maxLength: 320, description: 'id, username, UPN or mail address' }),
})
const People = Type.Array(Type.String({ maxLength: 320 }), {
  minItems: 1,
  maxItems: MAX_PEOPLE_AT_ONCE,
})
const Reason = Type.Optional(Type.String({ maxLength: 500 }))
const Count = Type.Optional(
  Type.Integer({
    minimum: 1,
    description: 'how many lose their access, with those of the last hour, where that is many',
  }),
)
const SeveralBody = Type.Object({ people: People, reason: Reason }, { additionalProperties: false })
const CutOffBody = Type.Object(
  {
    people: People,
    reason: Reason,
    count: Count,
    protected: Type.Optional(
      Type.Boolean({ description: 'of one person, who is protected: she is meant all the same' }),
    ),
  },
  { additionalProperties: false },
)
const DateParams = Type.Object({
  ...PersonParams.properties,
  act: Type.Union([Type.Literal('activate'), Type.Literal('suspend'), Type.Literal('delete')]),
})
const DateBody = Type.Object(
  {
    at: Type.String({
      pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d)?(Z|[+-]\\d\\d:\\d\\d)$',
      description: 'with its time zone, such as 2026-12-31T18:00+01:00',
    }),
    reason: Reason,
    count: Count,
  },
  { additionalProperties: false },
)
const DeleteQuery = Type.Object({ count: Count })
const ActivateBody = Type.Object(
  { people: Type.Optional(People), allStaged: Type.Optional(Type.Boolean()), reason: Reason },
  { additionalProperties: false },
)
/** Or no body at all. */
const ReasonBody = Type.Union([
  Type.Object({ reason: Reason }, { additionalProperties: false }),
  Type.Null(),
])
const Of = Type.Union(ACTS.map((act) => Type.Literal(act)))
const Username = Type.Optional(
  Type.String({ minLength: 1, maxLength: 32, description: 'the new one, for a renaming' }),
)
const RecordQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
})
const ConsequencesQuery = Type.Object({ of: Of, username: Username })
const ConsequencesBody = Type.Object({ people: People, of: Of }, { additionalProperties: false })

/** What lets people in, holds them back, takes them out and brings them back. */
export function lifecycleRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, people } = parts

  app.post<{ Body: Static<typeof ActivateBody> }>(
    '/people/activate',
    { schema: { summary: 'Activate staged people', body: ActivateBody } },
    async (request) => {
      requireRole(request, 'operator')
      const { people: references, allStaged = false, reason = null } = request.body
      if ((references === undefined) === !allStaged)
        throw new ApiError(400, 'whom', 'give either people or allStaged')
      const entries =
        references === undefined
          ? Array.from(directory.search(withState('staged')))
          : readPeople(directory, references)
      return await shown(
        parts,
        people.activate(
          entries.map((entry) => (entry as Entry<Person>).value.id),
          actorOf(request, reason),
        ),
      )
    },
  )

  app.post<{ Body: Static<typeof CutOffBody> }>(
    '/people/suspend',
    { schema: { summary: 'Cut people off everywhere', body: CutOffBody } },
    async (request) => {
      requireRole(request, 'operator')
      const note = request.body.reason ?? null
      const meant = readMeant(parts, request.body)
      const options = { actor: actorOf(request, note), note, ...meant }
      return await shown(parts, people.hold(meant.ids, 'admin', options))
    },
  )

  app.post<{ Body: Static<typeof SeveralBody> }>(
    '/people/resume',
    { schema: { summary: "Lift the admins' hold", body: SeveralBody } },
    async (request) => {
      requireRole(request, 'operator')
      const entries = readPeople(directory, request.body.people)
      const written = await people.release(
        entries.map((entry) => entry.value.id),
        'admin',
        actorOf(request, request.body.reason ?? null),
      )
      await parts.reached(written.inboxSeq)
      const stillHeld = readPeople(directory, request.body.people).filter(
        (entry) => stateOf(entry.value) === 'suspended',
      )
      return {
        changed: written.changed,
        stillHeld: stillHeld.map((entry) => ({
          username: entry.value.username,
          reasons: entry.value.holds.map((hold) => hold.reason),
        })),
      }
    },
  )

  app.post<{ Body: Static<typeof CutOffBody> }>(
    '/people/delete',
    {
      schema: {
        summary: 'Delete people; for 30 days they can be restored as they were',
        body: CutOffBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const meant = readMeant(parts, request.body)
      const actor = actorOf(request, request.body.reason ?? null)
      return await shown(parts, people.delete(meant.ids, actor, meant))
    },
  )

  for (const [verb, isProtected, summary] of [
    ['protect', true, 'Let no source, date or list suspend or delete these people'],
    ['unprotect', false, 'Let these people be suspended and deleted as all others'],
  ] as const) {
    app.post<{ Body: Static<typeof SeveralBody> }>(
      `/people/${verb}`,
      { schema: { summary, body: SeveralBody } },
      async (request) => {
        requireRole(request, 'owner')
        const { people: references, reason = null } = request.body
        const ids = readPeople(directory, references).map(({ value }) => value.id)
        return await shown(parts, people.protect(ids, isProtected, actorOf(request, reason)))
      },
    )
  }

  app.get(
    '/dates',
    { schema: { summary: 'Who is to be activated, suspended or deleted, and when' } },
    async () => ({ dates: (await people.dates(MAX_PEOPLE_AT_ONCE)).map(showDate) }),
  )

  app.put<{ Params: Static<typeof DateParams>; Body: Static<typeof DateBody> }>(
    '/people/:person/dates/:act',
    {
      schema: {
        summary: 'Activate, suspend or delete a person at a moment',
        params: DateParams,
        body: DateBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readPerson(directory, request.params.person).value
      const { at, reason = null, count = null } = request.body
      const atMs = Date.parse(at)
      if (Number.isNaN(atMs)) throw new ApiError(400, 'bad-time', `"${at}" is no time`)
      const date = { act: request.params.act, atMs }
      return await shown(parts, people.setDate(id, date, actorOf(request, reason), { count }))
    },
  )

  app.delete<{ Params: Static<typeof DateParams> }>(
    '/people/:person/dates/:act',
    { schema: { summary: 'Take a date back; a leave that has come ends', params: DateParams } },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readPerson(directory, request.params.person).value
      return await shown(parts, people.cancelDate(id, request.params.act, actorOf(request)))
    },
  )

  app.delete<{ Params: Static<typeof PersonParams>; Querystring: Static<typeof DeleteQuery> }>(
    '/people/:person',
    {
      schema: {
        summary: 'Delete a person; for 30 days she can be restored as she was',
        params: PersonParams,
        querystring: DeleteQuery,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readPerson(directory, request.params.person).value
      const { count = null } = request.query
      return await shown(parts, people.delete([id], actorOf(request), { count }))
    },
  )

  app.post<{ Body: Static<typeof SeveralBody> }>(
    '/people/restore',
    { schema: { summary: 'Bring back people who were deleted here', body: SeveralBody } },
    async (request) => {
      requireRole(request, 'operator')
      const { people: references, reason = null } = request.body
      const ids: PrincipalId[] = []
      for (const reference of references) ids.push(await readDead(parts, reference))
      return await shown(parts, people.restore(ids, actorOf(request, reason)))
    },
  )

  app.post<{ Params: Static<typeof PersonParams>; Body: Static<typeof ReasonBody> | undefined }>(
    '/people/:person/restore',
    {
      schema: {
        summary: 'Bring back a person who was deleted here',
        params: PersonParams,
        body: ReasonBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const actor = actorOf(request, request.body?.reason ?? null)
      return await shown(
        parts,
        people.restore([await readDead(parts, request.params.person)], actor),
      )
    },
  )

  app.get<{ Params: Static<typeof PersonParams>; Querystring: Static<typeof RecordQuery> }>(
    '/people/:person/record',
    {
      schema: {
        summary:
          'What happened to a person, here and where she comes from, each step with its time',
        params: PersonParams,
        querystring: RecordQuery,
      },
    },
    async (request) => {
      const { limit = 100 } = request.query
      return await readRecord(parts, await readAnybody(parts, request.params.person), limit)
    },
  )

  app.get<{
    Params: Static<typeof PersonParams>
    Querystring: Static<typeof ConsequencesQuery>
  }>(
    '/people/:person/consequences',
    {
      schema: {
        summary: 'What an act would do to a person: what she loses, by name; nothing is changed',
        params: PersonParams,
        querystring: ConsequencesQuery,
      },
    },
    async (request) => {
      const { of: act, username = null } = request.query
      const person = readPerson(directory, request.params.person)
      const [consequences] = await readConsequences(parts, [person], { act, username })
      return { of: act, ...consequences }
    },
  )

  app.post<{ Body: Static<typeof ConsequencesBody> }>(
    '/people/consequences',
    {
      schema: {
        summary: 'What an act would do to several people; nothing is changed',
        body: ConsequencesBody,
      },
    },
    async (request) => {
      const { people: references, of: act } = request.body
      const found = readPeople(directory, references)
      return {
        of: act,
        people: await readConsequences(parts, found, { act, username: null }),
      }
    },
  )
}

/** Whom a list means, and what was said about them. */
function readMeant({ directory }: AdminParts, body: Static<typeof CutOffBody>) {
  const ids = [...new Set(readPeople(directory, body.people).map(({ value }) => value.id))]
  const { count = null } = body
  return { ids, count, includesProtected: body.protected === true && ids.length === 1 }
}

/** Alive or dead. */
async function readAnybody(parts: AdminParts, reference: string): Promise<PrincipalId> {
  try {
    return readPerson(parts.directory, reference).value.id
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error
    return await readDead(parts, reference)
  }
}
