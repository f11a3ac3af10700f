import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import {
  EDITABLE_NAMES,
  type EditableAttribute,
  type Edits,
  isMasteredName,
  MASTERED_NAMES,
} from '../../directory/attributes.ts'
import type { Directory } from '../../directory/directory.ts'
import { foldText } from '../../directory/fold.ts'
import type { Person } from '../../directory/person.ts'
import type { Entry, Query } from '../../directory/query.ts'
import { actorOf, requireRole } from '../caller.ts'
import { readGroup, readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { shown } from '../shown.ts'
import { showDeleted, showPerson, showPersonBriefly, showTies, stateOf } from '../views.ts'

const MAX_PAGE = 1000

const ListQuery = Type.Object({
  state: Type.Optional(
    Type.Union([
      Type.Literal('staged'),
      Type.Literal('active'),
      Type.Literal('suspended'),
      Type.Literal('deleted'),
    ]),
  ),
  group: Type.Optional(
    Type.String({ maxLength: 256, description: 'name or id; nested membership counts' }),
  ),
  search: Type.Optional(
    Type.String({ minLength: 1, maxLength: 256, description: 'part of a name or mail address' }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 100 })),
  after: Type.Optional(Type.Integer({ minimum: 0, description: '`next` of the page before' })),
})
export const PersonParams = Type.Object({
  person: Type.String({ maxLength: 320, description: 'id, username, UPN or mail address' }),
})
const Reason = Type.Optional(Type.String({ maxLength: 500 }))
const Text = Type.Union([Type.String({ maxLength: 1024 }), Type.Null()])
const EditBody = Type.Object(
  {
    ...(Object.fromEntries(EDITABLE_NAMES.map((name) => [name, Type.Optional(Text)])) as Record<
      EditableAttribute,
      ReturnType<typeof Type.Optional<typeof Text>>
    >),
    manager: Type.Optional(
      Type.Union([Type.String({ maxLength: 320 }), Type.Null()], {
        description: 'a person, by id, username, UPN or mail address',
      }),
    ),
    reason: Reason,
  },
  { additionalProperties: false, minProperties: 1, description: 'null clears an attribute' },
)
const YieldBody = Type.Object(
  {
    attributes: Type.Array(Type.Union(MASTERED_NAMES.map((name) => Type.Literal(name))), {
      minItems: 1,
      maxItems: MASTERED_NAMES.length,
    }),
    reason: Reason,
  },
  { additionalProperties: false },
)
const KeysBody = Type.Object(
  {
    keys: Type.Array(
      Type.String({
        maxLength: 16_384,
        pattern: '^(ssh|ecdsa|sk)-[a-zA-Z0-9@.-]+ [A-Za-z0-9+/=]+( .*)?$',
      }),
      { maxItems: 64 },
    ),
  },
  { additionalProperties: false },
)
const UsernameBody = Type.Object(
  { username: Type.String({ minLength: 1, maxLength: 32 }) },
  { additionalProperties: false },
)

export function peopleRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, people } = parts

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/people',
    { schema: { summary: 'List people', querystring: ListQuery } },
    async (request) => {
      const { limit = 100, after = 0, state } = request.query
      if (state === 'deleted') {
        const dead = await people.deleted({ name: null, limit })
        return { people: dead.map(showDeleted), next: null }
      }
      const found: Entry<Person>[] = []
      for (const entry of directory.search(listQuery(parts, request.query), { afterNo: after })) {
        if (found.length === limit)
          return { people: found.map(showPersonBriefly), next: found.at(-1)?.no ?? null }
        found.push(entry as Entry<Person>)
      }
      return { people: found.map(showPersonBriefly), next: null }
    },
  )

  app.get<{ Params: Static<typeof PersonParams> }>(
    '/people/:person',
    { schema: { summary: 'Show a person', params: PersonParams } },
    async (request) => {
      const entry = readPerson(directory, request.params.person)
      const ties = (await people.ties([entry.value.id])).get(entry.value.id)
      return { ...showPerson(directory, entry), ...(ties === undefined ? {} : showTies(ties)) }
    },
  )

  app.get<{ Params: Static<typeof PersonParams> }>(
    '/people/:person/failures',
    { schema: { summary: 'Failed tries that count just now', params: PersonParams } },
    (request) => ({
      failures: parts.failuresOf(readPerson(directory, request.params.person).value.id),
    }),
  )

  app.get<{ Params: Static<typeof PersonParams> }>(
    '/people/:person/pushes',
    {
      schema: {
        summary: 'What was written about the person where she comes from, and what became of it',
        params: PersonParams,
      },
    },
    async (request) => ({
      pushes: await parts.sources.pushesOf(readPerson(directory, request.params.person).value.id),
    }),
  )

  app.delete<{ Params: Static<typeof PersonParams> }>(
    '/people/:person/failures',
    { schema: { summary: 'Unlock: forget failed tries', params: PersonParams } },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readPerson(directory, request.params.person).value
      const failures = parts.failuresOf(id)
      if (failures.length === 0) return { changed: 0 }
      const count = failures.reduce((sum, each) => sum + each.failures, 0)
      await people.noteUnlock(id, count, actorOf(request))
      parts.clearFailures(id)
      return { changed: failures.length }
    },
  )

  app.put<{ Params: Static<typeof PersonParams>; Body: Static<typeof KeysBody> }>(
    '/people/:person/ssh-keys',
    { schema: { summary: 'Replace the SSH public keys', params: PersonParams, body: KeysBody } },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readPerson(directory, request.params.person).value
      return await shown(parts, people.setSshPublicKeys(id, request.body.keys, actorOf(request)))
    },
  )

  app.patch<{ Params: Static<typeof PersonParams>; Body: Static<typeof EditBody> }>(
    '/people/:person',
    {
      schema: {
        summary: 'Edit attributes; from then on they are mastered here and written to the source',
        params: PersonParams,
        body: EditBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readPerson(directory, request.params.person).value
      const { reason = null, manager, ...texts } = request.body
      const edits = { ...texts, ...readManager(directory, manager) } as Edits
      return await shown(parts, people.edit(id, edits, actorOf(request, reason)))
    },
  )

  app.post<{ Params: Static<typeof PersonParams>; Body: Static<typeof YieldBody> }>(
    '/people/:person/yield',
    {
      schema: {
        summary: 'Give attributes back to the source, whose last word holds again',
        params: PersonParams,
        body: YieldBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readPerson(directory, request.params.person).value
      const { attributes, reason = null } = request.body
      const names = attributes.filter(isMasteredName)
      return await shown(parts, people.yield(id, names, actorOf(request, reason)))
    },
  )

  app.put<{ Params: Static<typeof PersonParams>; Body: Static<typeof UsernameBody> }>(
    '/people/:person/username',
    {
      schema: {
        summary: 'Rename: moves the DN, uid and memberUid',
        params: PersonParams,
        body: UsernameBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { id } = readPerson(directory, request.params.person).value
      return await shown(parts, people.rename(id, request.body.username, actorOf(request)))
    },
  )
}

function readManager(directory: Directory, reference: string | null | undefined) {
  if (reference === undefined) return {}
  return { managerId: reference === null ? null : readPerson(directory, reference).value.id }
}

export function withState(state: 'staged' | 'active' | 'suspended'): Query {
  return {
    op: 'and',
    of: [
      { op: 'kind', kind: 'person' },
      { op: 'test', test: ({ value }) => value.kind === 'person' && stateOf(value) === state },
    ],
  }
}

function listQuery(parts: AdminParts, query: Static<typeof ListQuery>): Query {
  const of: Query[] = [
    query.state === undefined || query.state === 'deleted'
      ? { op: 'kind', kind: 'person' }
      : withState(query.state),
  ]
  if (query.group !== undefined)
    of.push({ op: 'memberOf', groupNo: readGroup(parts.directory, query.group).no, direct: false })
  if (query.search !== undefined) {
    const any = [foldText(query.search)]
    const fields = ['name', 'displayName', 'mail'] as const
    of.push({
      op: 'or',
      of: fields.map((field) => ({ op: 'substring', field, initial: null, any, final: null })),
    })
  }
  return { op: 'and', of }
}
