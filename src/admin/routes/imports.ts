import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { FILTER_FLAGS, FILTER_TEXTS, MATCHES, RULE_ACTIONS } from '../../sources/import.ts'
import { POLICIES } from '../../sources/judge-people.ts'
import { actorOf, requireRole } from '../caller.ts'
import { ApiError } from '../error.ts'
import type { AdminParts } from '../parts.ts'

const MAX_PAGE = 500
const MAX_NAMED = 1_000
const Word = Type.String({ minLength: 1, maxLength: 256 })

const Flags = Object.fromEntries(
  FILTER_FLAGS.map((name) => [name, Type.Optional(Type.Boolean())]),
) as Record<
  (typeof FILTER_FLAGS)[number],
  ReturnType<typeof Type.Optional<ReturnType<typeof Type.Boolean>>>
>
const Texts = Object.fromEntries(FILTER_TEXTS.map((name) => [name, Type.Optional(Word)])) as Record<
  (typeof FILTER_TEXTS)[number],
  ReturnType<typeof Type.Optional<typeof Word>>
>
const Conditions = {
  ...Flags,
  ...Texts,
  domain: Type.Optional(Word),
  group: Type.Optional(Word),
  search: Type.Optional(Word),
}
const Filter = Type.Object(Conditions, {
  additionalProperties: false,
  description: 'whoever all of it holds for; empty means everybody',
})

const SourceParams = Type.Object({
  source: Type.String({ maxLength: 256, description: 'name or id' }),
})
const RuleParams = Type.Object({
  source: Type.String({ maxLength: 256, description: 'name or id' }),
  rule: Type.String({ maxLength: 64 }),
})
const Params = Type.Object({ import: Type.String({ maxLength: 64, description: 'id, or newest' }) })
const PersonParams = Type.Object({
  import: Type.String({ maxLength: 64, description: 'id, or newest' }),
  person: Type.String({ maxLength: 320, description: "the source's id, or the UPN" }),
})
const Reason = Type.Optional(Type.String({ maxLength: 500 }))

const PolicyBody = Type.Object(
  {
    import: Type.Union(
      POLICIES.map((policy) => Type.Literal(policy)),
      { description: 'who comes in by herself: everybody, or nobody but the chosen' },
    ),
    reason: Reason,
  },
  { additionalProperties: false },
)
const RuleBody = Type.Object(
  {
    filter: Filter,
    action: Type.Union(
      RULE_ACTIONS.map((action) => Type.Literal(action)),
      { description: 'stage: they serve nothing yet; activate: they do, within a limit a day' },
    ),
    reason: Reason,
  },
  { additionalProperties: false },
)
const NewImport = Type.Object({ source: Word }, { additionalProperties: false })
const PeopleQuery = Type.Object({
  ...Conditions,
  match: Type.Optional(Type.Union(MATCHES.map((match) => Type.Literal(match)))),
  chosen: Type.Optional(Type.Boolean()),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 100 })),
  after: Type.Optional(
    Type.String({ maxLength: 2_048, description: 'what the page before gave as `next`' }),
  ),
})
const Named = Type.Array(Type.String({ minLength: 1, maxLength: 320 }), { maxItems: MAX_NAMED })
const ChoiceBody = Type.Object(
  {
    matching: Type.Optional(
      Type.Union([Filter, Type.Null()], {
        description: 'whoever matches, and those named below; null forgets all that was said',
      }),
    ),
    with: Type.Optional(Named),
    without: Type.Optional(Named),
  },
  { additionalProperties: false },
)
const DecisionBody = Type.Union([
  Type.Object({ decision: Type.Literal('separate') }, { additionalProperties: false }),
  Type.Object(
    { decision: Type.Literal('link'), to: Type.String({ minLength: 1, maxLength: 320 }) },
    { additionalProperties: false },
  ),
])
const RunBody = Type.Object(
  {
    count: Type.Integer({ minimum: 1, description: 'how many are meant, as the preview said' }),
    until: Type.String({
      pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?Z$',
      description: 'of those told of until then, as the preview said',
    }),
    reason: Reason,
  },
  { additionalProperties: false },
)

export function importRoutes(app: FastifyInstance, parts: AdminParts): void {
  policyRoutes(app, parts)
  choiceRoutes(app, parts)
  runRoutes(app, parts)
}

function policyRoutes(app: FastifyInstance, { imports }: AdminParts): void {
  const path = '/sources/:source/import'

  app.get<{ Params: Static<typeof SourceParams> }>(
    path,
    {
      schema: { summary: 'Say who of a source comes in by herself, and why', params: SourceParams },
    },
    async (request) => await imports.settings(request.params.source),
  )

  app.put<{ Params: Static<typeof SourceParams>; Body: Static<typeof PolicyBody> }>(
    path,
    {
      schema: {
        summary: 'Take everybody in, or nobody but the chosen',
        params: SourceParams,
        body: PolicyBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { import: policy, reason = null } = request.body
      return await imports.setPolicy(request.params.source, policy, actorOf(request, reason))
    },
  )

  app.post<{ Params: Static<typeof SourceParams>; Body: Static<typeof RuleBody> }>(
    `${path}/rules`,
    {
      schema: {
        summary: 'Take in whoever matches, now and from now on',
        params: SourceParams,
        body: RuleBody,
      },
    },
    async (request, reply) => {
      requireRole(request, 'owner')
      const { filter, action, reason = null } = request.body
      const actor = actorOf(request, reason)
      const settings = await imports.addRule(request.params.source, { filter, action }, actor)
      return reply.code(201).send(settings)
    },
  )

  app.delete<{ Params: Static<typeof RuleParams> }>(
    `${path}/rules/:rule`,
    {
      schema: {
        summary: 'Take nobody in by this rule any more; who came by it stays',
        params: RuleParams,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { source, rule } = request.params
      return await imports.removeRule(source, rule, actorOf(request))
    },
  )
}

function choiceRoutes(app: FastifyInstance, { imports }: AdminParts): void {
  app.get('/imports', { schema: { summary: 'List imports, the newest first' } }, async () => ({
    imports: await imports.list(),
  }))

  app.post<{ Body: Static<typeof NewImport> }>(
    '/imports',
    {
      schema: {
        summary: "Begin to choose among a source's people; nobody is chosen yet",
        body: NewImport,
      },
    },
    async (request, reply) => {
      requireRole(request, 'operator')
      return reply.code(201).send(await imports.start(request.body.source, actorOf(request)))
    },
  )

  app.get<{ Params: Static<typeof Params> }>(
    '/imports/:import',
    { schema: { summary: 'Show an import, and how far its run is', params: Params } },
    async (request) => await imports.read(await idOf(imports, request.params.import)),
  )

  app.get<{ Params: Static<typeof Params>; Querystring: Static<typeof PeopleQuery> }>(
    '/imports/:import/people',
    {
      schema: {
        summary: "List the source's people: what they are here, and what they would be called",
        params: Params,
        querystring: PeopleQuery,
      },
    },
    async (request) => {
      const { match = null, chosen = null, limit = 100, after = null, ...filter } = request.query
      const query = { filter, match, isChosen: chosen, limit, after }
      return await imports.people(await idOf(imports, request.params.import), query)
    },
  )

  app.put<{ Params: Static<typeof Params>; Body: Static<typeof ChoiceBody> }>(
    '/imports/:import/choice',
    {
      schema: {
        summary: 'Choose everybody who matches, and people by name; or nobody',
        params: Params,
        body: ChoiceBody,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { matching, with: added = [], without = [] } = request.body
      const choice = { with: added, without, ...(matching === undefined ? {} : { matching }) }
      return await imports.choose(await idOf(imports, request.params.import), choice)
    },
  )
}

function runRoutes(app: FastifyInstance, { imports }: AdminParts): void {
  const decision = '/imports/:import/people/:person/decision'

  app.put<{ Params: Static<typeof PersonParams>; Body: Static<typeof DecisionBody> }>(
    decision,
    {
      schema: {
        summary: 'Say that a newcomer is somebody who is here already, or that she is not',
        params: PersonParams,
        body: DecisionBody,
      },
    },
    async (request) => {
      requireRole(request, 'owner')
      const { import: id, person } = request.params
      const { body } = request
      const word =
        body.decision === 'link'
          ? ({ kind: 'link', to: body.to } as const)
          : ({ kind: 'separate' } as const)
      return await imports.decide(await idOf(imports, id), person, word, actorOf(request))
    },
  )

  app.delete<{ Params: Static<typeof PersonParams> }>(
    decision,
    { schema: { summary: 'Take that word back', params: PersonParams } },
    async (request) => {
      requireRole(request, 'owner')
      const { import: id, person } = request.params
      return await imports.decide(await idOf(imports, id), person, null, actorOf(request))
    },
  )

  app.get<{ Params: Static<typeof Params> }>(
    '/imports/:import/preview',
    { schema: { summary: 'Say what a run would do, and what to say to let it', params: Params } },
    async (request) => await imports.preview(await idOf(imports, request.params.import)),
  )

  app.post<{ Params: Static<typeof Params>; Body: Static<typeof RunBody> }>(
    '/imports/:import/run',
    {
      schema: {
        summary: 'Import the people that were seen; 409 when they are no longer so many',
        params: Params,
        body: RunBody,
      },
    },
    async (request, reply) => {
      requireRole(request, 'operator')
      const { count, until, reason = null } = request.body
      const seen = { count, until }
      const started = await imports.run(
        await idOf(imports, request.params.import),
        seen,
        actorOf(request, reason),
      )
      return reply.code(202).send(started)
    },
  )

  app.delete<{ Params: Static<typeof Params> }>(
    '/imports/:import',
    {
      schema: {
        summary: 'Forget an import; a run ends, and who came in by it stays',
        params: Params,
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const removed = await idOf(imports, request.params.import)
      await imports.remove(removed, actorOf(request))
      return { removed }
    },
  )
}

/** Whoever works on one import, as most do, need not carry its id about. */
async function idOf(imports: AdminParts['imports'], reference: string): Promise<string> {
  if (reference !== 'newest') return reference
  const [newest] = await imports.list()
  if (newest !== undefined) return newest.id
  throw new ApiError(404, 'not-found', 'there is no import yet: POST /imports begins one')
}
