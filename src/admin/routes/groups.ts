import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { foldText } from '../../directory/fold.ts'
import type { Group } from '../../directory/group.ts'
import type { Entry, Query } from '../../directory/query.ts'
import { actorOf, requireRole } from '../caller.ts'
import { readGroup, readPerson } from '../lookup.ts'
import type { AdminParts } from '../parts.ts'
import { shown } from '../shown.ts'
import { showGroup, showGroupBriefly } from '../views.ts'

const MAX_PAGE = 1000
const MAX_MEMBERS_SHOWN = 1000
const MAX_MEMBERS_AT_ONCE = 10_000

const ListQuery = Type.Object({
  search: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 100 })),
  after: Type.Optional(Type.Integer({ minimum: 0 })),
})
const PushesQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: MAX_PAGE })),
})
const GroupParams = Type.Object({
  group: Type.String({ maxLength: 256, description: 'id or name' }),
})
const NewGroup = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    displayName: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    description: Type.Optional(Type.String({ maxLength: 1024 })),
  },
  { additionalProperties: false },
)
const Members = Type.Object(
  {
    people: Type.Optional(
      Type.Array(Type.String({ maxLength: 320 }), { maxItems: MAX_MEMBERS_AT_ONCE }),
    ),
    groups: Type.Optional(
      Type.Array(Type.String({ maxLength: 256 }), { maxItems: MAX_MEMBERS_AT_ONCE }),
    ),
  },
  { additionalProperties: false },
)

const MasterBody = Type.Object(
  {
    master: Type.Union([Type.Literal('here'), Type.Literal('source')]),
    reason: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)
const ApprovalBody = Type.Object(
  { count: Type.Integer({ minimum: 1, description: 'how many are meant' }) },
  { additionalProperties: false },
)

export function groupRoutes(app: FastifyInstance, parts: AdminParts): void {
  const { directory, groups } = parts

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/groups',
    { schema: { summary: 'List groups', querystring: ListQuery } },
    (request) => {
      const { search, limit = 100, after = 0 } = request.query
      const of: Query[] = [{ op: 'kind', kind: 'group' }]
      if (search !== undefined) {
        const any = [foldText(search)]
        of.push({
          op: 'or',
          of: (['name', 'displayName'] as const).map((field) => ({
            op: 'substring',
            field,
            initial: null,
            any,
            final: null,
          })),
        })
      }
      const found: Entry<Group>[] = []
      for (const entry of directory.search({ op: 'and', of }, { afterNo: after })) {
        if (found.length === limit)
          return {
            groups: found.map((group) => showGroupBriefly(directory, group)),
            next: found.at(-1)?.no ?? null,
          }
        found.push(entry as Entry<Group>)
      }
      return { groups: found.map((group) => showGroupBriefly(directory, group)), next: null }
    },
  )

  app.get<{ Params: Static<typeof GroupParams> }>(
    '/groups/:group',
    { schema: { summary: 'Show a group', params: GroupParams } },
    async (request) => {
      const group = readGroup(directory, request.params.group)
      const mastery = await groups.mastery(group.value.id)
      const { source = null, master = 'here' } = mastery ?? {}
      return { ...showGroup(directory, group, MAX_MEMBERS_SHOWN), source, master }
    },
  )

  app.get<{ Params: Static<typeof GroupParams>; Querystring: Static<typeof PushesQuery> }>(
    '/groups/:group/pushes',
    {
      schema: {
        summary:
          'What was written of the group where it comes from, and what became of it; first what was not taken',
        params: GroupParams,
        querystring: PushesQuery,
      },
    },
    async (request) => {
      const { id } = readGroup(directory, request.params.group).value
      return await groups.pushes(id, request.query.limit ?? MAX_PAGE)
    },
  )

  app.put<{ Params: Static<typeof GroupParams>; Body: Static<typeof MasterBody> }>(
    '/groups/:group/master',
    {
      schema: {
        summary: 'Say who decides on the people of a group that comes from a source',
        params: GroupParams,
        body: MasterBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { id } = readGroup(directory, request.params.group).value
      const { master, reason = null } = request.body
      return await shown(parts, groups.setMaster(id, master, actorOf(request, reason)))
    },
  )

  app.post<{ Params: Static<typeof GroupParams>; Body: Static<typeof ApprovalBody> }>(
    '/groups/:group/approve',
    {
      schema: {
        summary:
          'Let people leave the group in its source, who were too many; 409 when they are others',
        params: GroupParams,
        body: ApprovalBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { id } = readGroup(directory, request.params.group).value
      const { count } = request.body
      return await shown(parts, groups.approveRemovals(id, count, actorOf(request)))
    },
  )

  app.post<{ Body: Static<typeof NewGroup> }>(
    '/groups',
    { schema: { summary: 'Create a static group', body: NewGroup } },
    async (request, reply) => {
      requireRole(request, 'operator')
      const { name, displayName = name, description = null } = request.body
      const written = await groups.create({ name, displayName, description }, actorOf(request))
      await parts.reached(written.inboxSeq)
      return reply
        .code(201)
        .send(showGroup(directory, readGroup(directory, written.id), MAX_MEMBERS_SHOWN))
    },
  )

  app.delete<{ Params: Static<typeof GroupParams> }>(
    '/groups/:group',
    { schema: { summary: 'Remove a static group', params: GroupParams } },
    async (request) => {
      requireRole(request, 'operator')
      const written = await groups.remove(
        readGroup(directory, request.params.group).value.id,
        actorOf(request),
      )
      await parts.reached(written.inboxSeq)
      return { changed: written.changed }
    },
  )

  for (const [path, method, summary] of [
    ['add', 'addMembers', 'Add direct members'],
    ['remove', 'removeMembers', 'Remove direct members'],
  ] as const) {
    app.post<{ Params: Static<typeof GroupParams>; Body: Static<typeof Members> }>(
      `/groups/:group/members/${path}`,
      { schema: { summary, params: GroupParams, body: Members } },
      async (request) => {
        requireRole(request, 'operator')
        const { id } = readGroup(directory, request.params.group).value
        const members = [
          ...(request.body.people ?? []).map(
            (reference) => readPerson(directory, reference).value.id,
          ),
          ...(request.body.groups ?? []).map(
            (reference) => readGroup(directory, reference).value.id,
          ),
        ]
        const written = await groups[method](id, members, actorOf(request))
        await parts.reached(written.inboxSeq)
        return { changed: written.changed }
      },
    )
  }
}
