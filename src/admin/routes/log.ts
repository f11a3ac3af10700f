import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { foldText } from '../../directory/fold.ts'
import { readMac } from '../../directory/mac.ts'
import type { AnswerFilter } from '../../observe/log-filter.ts'
import { type Explanation, explain } from '../../observe/reasons.ts'
import { ApiError } from '../error.ts'
import { readPerson } from '../lookup.ts'
import type { AdminParts, LoggedAnswer } from '../parts.ts'

const MAX_ROWS = 1000
const DAY_MS = 86_400_000
/** How far back a search goes that no index helps, unless it says how far. */
const SEARCH_DAYS = 7

const Text = (description: string) => Type.Optional(Type.String({ maxLength: 320, description }))
const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_ROWS, default: 100 }))
const AnswersQuery = Type.Object(
  {
    person: Text('of one person; a name that leads to nobody is searched as it was claimed'),
    outcome: Type.Optional(
      Type.Union([Type.Literal('success'), Type.Literal('denied'), Type.Literal('unavailable')]),
    ),
    reason: Text('one of the words of `reason`'),
    method: Text('one of the words of `method`'),
    network: Text('at one network'),
    nas: Text('that one NAS asked for'),
    ssid: Text('at one SSID'),
    device: Text('of one device: a MAC address in any spelling'),
    since: Text(`ISO time; seven days ago for a search by anything but person and device`),
    until: Text('ISO time'),
    after: Type.Optional(
      Type.String({
        pattern: '^\\d{1,19}$',
        description:
          'only what was stored after the row of this id, the oldest first; of the last five minutes, for following along',
      }),
    ),
    limit: Limit,
  },
  { additionalProperties: false },
)
const ChangesQuery = Type.Object(
  {
    person: Text('of one person'),
    since: Text('ISO time'),
    limit: Limit,
  },
  { additionalProperties: false },
)

/** What became of somebody's try, and what a denial means. */
export interface ExplainedAnswer extends LoggedAnswer {
  readonly explanation: Explanation | null
}

/** The two logs: who was let in, who was not and why; and what was changed. */
export function logRoutes(app: FastifyInstance, parts: AdminParts): void {
  app.get<{ Querystring: Static<typeof AnswersQuery> }>(
    '/log',
    { schema: { summary: 'Who was let in, who was not, and why', querystring: AnswersQuery } },
    async (request) => {
      const answers = await parts.log.answers(readFilter(parts, request.query))
      return { answers: answers.map(withExplanation) }
    },
  )

  app.get<{ Querystring: Static<typeof ChangesQuery> }>(
    '/journal',
    { schema: { summary: 'What was changed, when and by whom', querystring: ChangesQuery } },
    async (request) => {
      const { person, since, limit = 100 } = request.query
      const entity = person === undefined ? null : readPerson(parts.directory, person).value.id
      return { changes: await parts.log.changes({ entity, sinceMs: readTime(since), limit }) }
    },
  )
}

function withExplanation(answer: LoggedAnswer): ExplainedAnswer {
  const why = answer.detail?.['why']
  return { ...answer, explanation: explain(answer.reason, typeof why === 'string' ? why : null) }
}

function readFilter(parts: AdminParts, query: Static<typeof AnswersQuery>): AnswerFilter {
  const { person, device, since, until, after, limit = 100, ...same } = query
  const isIndexed = person !== undefined || device !== undefined || after !== undefined
  const isSearch = Object.values(same).some((value) => value !== undefined)
  const sinceMs =
    readTime(since) ?? (isSearch && !isIndexed ? Date.now() - SEARCH_DAYS * DAY_MS : null)
  const untilMs = readTime(until)
  return {
    ...same,
    ...subject(parts, person),
    ...(device === undefined ? {} : { device: readMac(device.trim()) ?? device }),
    ...(after === undefined ? {} : { afterId: after }),
    ...(untilMs === null ? {} : { untilMs }),
    sinceMs,
    limit,
  }
}

/** Tries that ended before anybody was looked for are found by the name that was claimed. */
function subject(parts: AdminParts, person: string | undefined): Partial<AnswerFilter> {
  if (person === undefined) return {}
  const folded = foldText(person)
  const found =
    parts.directory.personByUsername(folded) ?? parts.directory.personByLoginName(folded)
  if (found === null) return { names: [person] }
  const { id, username } = found.value
  return { principalId: id, names: [...new Set([person, username])] }
}

function readTime(text: string | undefined): number | null {
  if (text === undefined) return null
  const ms = Date.parse(text)
  if (Number.isNaN(ms))
    throw new ApiError(400, 'bad-time', `"${text}" is no time, such as 2026-01-31T09:00:00Z`)
  return ms
}
