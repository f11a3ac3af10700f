import { type Kysely, sql, type Transaction } from 'kysely'
import type { Position } from '../directory/change.ts'
import type {
  Audience,
  Condition,
  Listed,
  ListedGroup,
  ListedPerson,
  Listing,
  Question,
} from '../directory/ports/listing.ts'
import type { Database } from './connection.ts'
import type { Tables } from './database.ts'
import { asFault } from './fault.ts'
import {
  compileCondition,
  groupInView,
  personInView,
  withViewGroups,
} from './listing-conditions.ts'
import { type Fields, groupFields, personFields, type Sql } from './listing-fields.ts'
import {
  GROUP_COLUMNS,
  type GroupRow,
  PERSON_COLUMNS,
  type PersonRow,
  readGroupsOf,
  readMembersOf,
  toListedGroup,
  toListedPerson,
} from './listing-rows.ts'
import { Totals } from './listing-totals.ts'

/** What a search without an index may take: a client that pages waits longer than a person would. */
const SEARCH_LIMIT_MS = 10_000
const QUERY_CANCELED = '57014'

type Reader = Kysely<Tables> | Transaction<Tables>

/** Lists from Postgres: one statement for the page, one for its memberships, one for the total. */
export class PostgresListing implements Listing {
  readonly #kysely: Kysely<Tables>
  readonly #searchLimitMs: number
  readonly #totals: Totals

  /** `position` is where the journal stands; without it every total is counted anew. */
  constructor(
    database: Pick<Database, 'kysely'>,
    options: { readonly searchLimitMs?: number; readonly position?: () => Position | null } = {},
  ) {
    this.#kysely = database.kysely
    this.#totals = new Totals(options.position ?? (() => null))
    this.#searchLimitMs = options.searchLimitMs ?? SEARCH_LIMIT_MS
  }

  people(question: Question): Promise<Listed<ListedPerson> | null> {
    return this.#run(question, async (db) => {
      const { rows, total } = await this.#readPage<PersonRow>(db, question, peopleSource(question))
      const groups = question.wants.memberships
        ? await readGroupsOf(db, rows, question.audience)
        : null
      return { total, entries: rows.map((row) => toListedPerson(row, groups)) }
    })
  }

  groups(question: Question): Promise<Listed<ListedGroup> | null> {
    return this.#run(question, async (db) => {
      const { rows, total } = await this.#readPage<GroupRow>(db, question, groupsSource(question))
      if (!question.wants.memberships) {
        return { total, entries: rows.map((row) => toListedGroup(row, null)) }
      }
      const members = await readMembersOf(db, rows)
      return members === null
        ? null
        : { total, entries: rows.map((row) => toListedGroup(row, members)) }
    })
  }

  async #readPage<Row>(
    db: Reader,
    question: Question,
    source: Source,
  ): Promise<{ readonly rows: readonly Row[]; readonly total: number | null }> {
    const { offset, limit, wants } = question
    const rows = limit === 0 ? [] : await readRows<Row>(db, question, source)
    if (!wants.total) return { rows, total: null }
    // A page that isn't full is the last one, and tells how many there are without counting them.
    const isLast = rows.length < limit && (rows.length > 0 || offset === 0)
    if (isLast) return { rows, total: offset + rows.length }
    const count = () => countRows(db, question, source)
    return { rows, total: await this.#totals.read(source.kind, question, count) }
  }

  /** Null when the server ended the search for taking too long. */
  async #run<T>(question: Question, read: (db: Reader) => Promise<T>): Promise<T | null> {
    question.signal.throwIfAborted()
    try {
      if (isLookUp(question.where)) return await read(this.#kysely)
      return await this.#kysely.transaction().execute(async (tx) => {
        await sql`select set_config('statement_timeout', ${String(this.#searchLimitMs)}, true)`.execute(
          tx,
        )
        return read(tx)
      })
    } catch (error) {
      if (isCanceled(error)) return null
      throw asFault(error)
    }
  }
}

function isCanceled(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === QUERY_CANCELED
  )
}

const indexed: ReadonlySet<string> = new Set(['id', 'externalId', 'username', 'mail'])

/** Whether an index leads to few rows, so that no limit is needed. */
function isLookUp(condition: Condition): boolean {
  if (condition.op === 'all') return condition.of.some(isLookUp)
  if (condition.op === 'any') return condition.of.length > 0 && condition.of.every(isLookUp)
  return condition.op === 'text' && condition.test === 'equals' && indexed.has(condition.field)
}

interface Source {
  readonly kind: 'people' | 'groups'
  readonly fields: Fields
  readonly columns: Sql
  readonly from: Sql
  readonly where: Sql
  readonly no: Sql
}

function externalIds(entity: string, { connectionId }: Audience): Sql {
  return sql`left join connection_external_id x
    on x.service_id = ${connectionId}::uuid and x.entity_id = ${sql.ref(entity)}`
}

function peopleSource({ audience, where }: Question): Source {
  const condition = compileCondition(where, personFields, audience)
  return {
    kind: 'people',
    fields: personFields,
    columns: PERSON_COLUMNS,
    no: sql`pr.no`,
    // The manager is one whom the audience may see; joins that a statement doesn't use cost nothing.
    from: sql`principal pr join person p on p.id = pr.id ${externalIds('pr.id', audience)}
      left join principal mr on mr.id = p.manager_id and mr.lifecycle = 'active'
        and ${personInView('mr.no', audience)}
      left join person m on m.id = mr.id`,
    where: sql`pr.lifecycle = 'active' and ${personInView('pr.no', audience)} and ${condition}`,
  }
}

function groupsSource({ audience, where }: Question): Source {
  const condition = compileCondition(where, groupFields, audience)
  return {
    kind: 'groups',
    fields: groupFields,
    columns: GROUP_COLUMNS,
    no: sql`g.no`,
    from: sql`directory_group g ${externalIds('g.id', audience)}`,
    where: sql`g.lifecycle = 'active' and ${groupInView('g.no', audience)} and ${condition}`,
  }
}

async function readRows<Row>(
  db: Reader,
  question: Question,
  source: Source,
): Promise<readonly Row[]> {
  const { audience, offset, limit } = question
  const order = orderBy(question, source)
  const page = sql`order by ${order} limit ${limit} offset ${offset}`
  // A late page is found by its numbers alone, so that what is passed over is joined to nothing.
  const where =
    offset === 0
      ? sql`${source.where} ${page}`
      : sql`${source.no} in (
          select ${source.no} from ${source.from} where ${source.where} ${page})
        order by ${order}`
  const { rows } = await sql<Row>`
    ${withViewGroups(audience)}
    select ${source.columns} from ${source.from} where ${where}`.execute(db)
  return rows
}

async function countRows(db: Reader, { audience }: Question, source: Source): Promise<number> {
  const { rows } = await sql<{ total: number }>`
    ${withViewGroups(audience)}
    select count(*) as total from ${source.from} where ${source.where}`.execute(db)
  return rows[0]?.total ?? 0
}

function orderBy({ order }: Question, { fields, no }: Source): Sql {
  if (order === null) return no
  const column =
    order.by === 'createdAt' || order.by === 'changedAt'
      ? fields.time[order.by]
      : fields.text[order.by]?.compared
  if (column === undefined) throw new TypeError(`these rows have no field ${order.by}`)
  return sql`${column} ${order.isDescending ? sql`desc` : sql`asc`}, ${no}`
}
