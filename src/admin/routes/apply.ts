import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { readBody } from '../../read-body.ts'
import {
  applyPlan,
  cutOffsOf,
  isCutOff,
  type Plan,
  peopleByAct,
  planPeople,
} from '../apply-people.ts'
import { actorOf, requireRole } from '../caller.ts'
import { type Consequences, readConsequences } from '../consequences.ts'
import { ApiError } from '../error.ts'
import type { AdminParts } from '../parts.ts'
import { type ListedRow, MAX_CSV_BYTES, MAX_ROWS, readPeopleCsv } from '../people-list.ts'

const Query = Type.Object({
  dryRun: Type.Optional(Type.Boolean({ description: 'tell what it would do, and change nothing' })),
  skipBad: Type.Optional(
    Type.Boolean({ description: 'pass over lines that cannot be carried out' }),
  ),
  count: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'how many lose their access, with those of the last hour, where that is many',
    }),
  ),
})
const Cell = (description: string) => Type.Optional(Type.String({ maxLength: 500, description }))
const Rows = Type.Array(
  Type.Object(
    {
      person: Type.String({ maxLength: 320, description: 'id, username, UPN or mail address' }),
      action: Cell('activate, suspend, resume, delete or restore; none where there are dates'),
      start: Cell('when she is activated, with its time zone'),
      leave: Cell('when she is suspended, with its time zone'),
      reason: Cell('kept in the journal'),
    },
    { additionalProperties: false },
  ),
  { minItems: 1, maxItems: MAX_ROWS },
)
/** Lines told in the words of a refusal; a dry run tells all. */
const LINES_TOLD = 20
const CONSEQUENCES_SHOWN = 50

/** A list of people with what is to be done to each, as JSON or as a sheet. */
export function applyRoutes(app: FastifyInstance, parts: AdminParts): void {
  app.addContentTypeParser('text/csv', (_request, payload, done) => {
    readBody(payload, MAX_CSV_BYTES).then(
      (bytes) => {
        if (bytes === null) {
          const most = `a sheet has at most ${MAX_CSV_BYTES / 1024 / 1024} MiB`
          return done(new ApiError(413, 'too-large', most))
        }
        try {
          done(null, readPeopleCsv(bytes))
        } catch (error) {
          done(error as Error)
        }
      },
      (error: Error) => done(Object.assign(error, { statusCode: 400 })),
    )
  })

  app.post<{ Querystring: Static<typeof Query>; Body: Static<typeof Rows> | readonly ListedRow[] }>(
    '/people/apply',
    {
      schema: {
        summary: 'Do what a list says of each person; a sheet (text/csv) or JSON',
        description:
          'The first line of a sheet names its columns: person, action, start, leave, reason. ' +
          'Nothing is done when a line cannot be carried out, unless skipBad is given.',
        querystring: Query,
        body: { content: { 'application/json': { schema: Rows }, 'text/csv': { schema: {} } } },
      },
    },
    async (request) => {
      requireRole(request, 'operator')
      const { dryRun = false, skipBad = false, count = null } = request.query
      if (!Array.isArray(request.body))
        throw new ApiError(415, 'unknown-type', 'send application/json or text/csv')
      const plan = await planPeople(parts, request.body.map(toRow))
      if (dryRun) return { dryRun, ...told(plan), consequences: await preview(parts, plan) }
      if (plan.bad.length > 0 && !skipBad) throw badLines(plan)
      // The list as a whole is one decision.
      await parts.people.allowCutOffs(cutOffsOf(plan), actorOf(request), count)
      const { counts, inboxSeq } = await applyPlan(parts, plan, (reason) =>
        actorOf(request, reason),
      )
      await parts.reached(inboxSeq)
      return { dryRun, ...told(plan), counts }
    },
  )
}

function toRow(row: Static<typeof Rows>[number] | ListedRow, at: number): ListedRow {
  const { person, action = '', start = '', leave = '', reason = '' } = row
  return { line: 'line' in row ? row.line : at + 1, person, action, start, leave, reason }
}

function told({ rows, bad }: Plan) {
  return { people: rows.length, losingAccess: rows.filter(isCutOff).length, bad }
}

async function preview(parts: AdminParts, { rows }: Plan) {
  const consequences: (Consequences & { readonly of: string })[] = []
  for (const [act, people] of peopleByAct(rows)) {
    const shown = people.slice(0, CONSEQUENCES_SHOWN)
    for (const told of await readConsequences(parts, shown, { act, username: null }))
      consequences.push({ ...told, of: act })
  }
  return consequences
}

function badLines({ bad }: Plan): ApiError {
  const lines = bad.slice(0, LINES_TOLD).map(({ line, why }) => `line ${line}: ${why}`)
  const more = bad.length - lines.length
  return new ApiError(
    422,
    'bad-lines',
    [
      ...lines,
      ...(more > 0 ? [`and ${more} more`] : []),
      'nothing was done: mend these, or pass over them with skipBad (--skip-bad)',
    ].join('\n'),
  )
}
