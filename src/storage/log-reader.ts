import { type SqlBool, sql } from 'kysely'
import type { AnswerFilter, ChangeFilter } from '../observe/log-filter.ts'
import type { Database } from './connection.ts'

/** How late a row may be stored and still be seen by whoever follows along. */
const FOLLOWED_MS = 5 * 60_000

/** Reads the two logs back, newest first: who was let in, and what was changed. */
export class LogReader {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async answers(filter: AnswerFilter) {
    let query = this.#database.kysely
      .selectFrom('auth_event')
      .leftJoin('person', 'person.id', 'auth_event.principal_id')
      .leftJoin('service', 'service.id', 'auth_event.principal_id')
      .select((build) => [
        'auth_event.id',
        'auth_event.at',
        'auth_event.last_at',
        'auth_event.count',
        'auth_event.outcome',
        'auth_event.reason',
        'auth_event.resource_kind',
        'auth_event.resource_name',
        'auth_event.method',
        'auth_event.name',
        'auth_event.address',
        'auth_event.device',
        'auth_event.detail',
        build.fn.coalesce('person.username', 'service.name').as('principal'),
      ])
      .where(answersAre(filter))
      .limit(filter.limit)
    query =
      filter.afterId === undefined
        ? query.orderBy('auth_event.at', 'desc').orderBy('auth_event.id', 'desc')
        : query.orderBy('auth_event.id')
    const rows = await query.execute()
    return rows.map((row) => ({
      id: String(row.id),
      at: row.at.toISOString(),
      lastAt: row.last_at.toISOString(),
      count: row.count,
      outcome: row.outcome,
      reason: row.reason,
      resource:
        row.resource_name === null
          ? row.resource_kind
          : `${row.resource_kind} ${row.resource_name}`,
      method: row.method,
      person: row.principal,
      name: row.name,
      address: row.address,
      device: row.device,
      detail: row.detail as Readonly<Record<string, unknown>> | null,
    }))
  }

  async changes(filter: ChangeFilter) {
    let query = this.#database.kysely
      .selectFrom('journal')
      .leftJoin('journal_detail', 'journal_detail.id', 'journal.detail')
      .leftJoin('person', (join) => join.on(nameOf('person')))
      .leftJoin('service', (join) => join.on(nameOf('service')))
      .leftJoin('administrator', (join) => join.on(nameOf('administrator')))
      .select((build) => [
        'journal.usn',
        'journal.at',
        'journal.kind',
        'journal.entity',
        'journal.actor',
        'journal.reason',
        'journal_detail.body as detail',
        build.fn
          .coalesce('person.username', 'service.name', 'administrator.username')
          .as('principal'),
      ])
      .orderBy('journal.usn', 'desc')
      .limit(filter.limit)
    if (filter.entity !== null) {
      const credentials = await this.#credentialsOf(filter.entity)
      query = query.where('journal.entity', 'in', [filter.entity, ...credentials])
    }
    if (filter.sinceMs !== null) query = query.where('journal.at', '>=', new Date(filter.sinceMs))
    const rows = await query.execute()
    return rows.map((row) => ({
      usn: String(row.usn),
      at: row.at.toISOString(),
      kind: row.kind,
      entity: row.entity,
      principal: row.principal,
      actor: row.actor,
      reason: row.reason,
      detail: row.detail as Readonly<Record<string, unknown>> | null,
    }))
  }

  async #credentialsOf(principalId: string): Promise<readonly string[]> {
    const { rows } = await sql<{ id: string }>`
      select id from credential where principal_id = ${principalId}::uuid
      union
      select j.entity from journal_detail d join journal j on j.detail = d.id
      where d.body ->> 'principal' = ${principalId} and j.kind = 'credential'`.execute(
      this.#database.kysely,
    )
    return rows.map((row) => row.id)
  }
}

/** Joins whom a journal row is about: the entity itself, or the owner of the credential. */
function nameOf(table: 'person' | 'service' | 'administrator') {
  return sql<SqlBool>`${sql.ref(`${table}.id`)} = case journal.kind
    when 'credential' then (journal_detail.body ->> 'principal')::uuid else journal.entity end`
}

/** The conditions of a filter; the times are what keeps a search to few partitions. */
function answersAre(filter: AnswerFilter) {
  const conditions = [
    isAbout(filter),
    is('auth_event.outcome', filter.outcome),
    is('auth_event.reason', filter.reason),
    is('auth_event.method', filter.method),
    is('auth_event.device', filter.device),
    is('auth_event.resource_name', filter.network),
    is('auth_event.resource_kind', filter.network === undefined ? null : 'network'),
    detailIs('nas', filter.nas),
    detailIs('ssid', filter.ssid),
    filter.sinceMs == null ? null : sql`auth_event.at >= ${new Date(filter.sinceMs)}`,
    filter.untilMs === undefined ? null : sql`auth_event.at < ${new Date(filter.untilMs)}`,
    filter.afterId === undefined
      ? null
      : sql`auth_event.id > ${filter.afterId}::bigint
            and auth_event.at >= ${new Date(Date.now() - FOLLOWED_MS)}`,
  ].filter((condition) => condition !== null)
  return sql<SqlBool>`${conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)}`
}

function is(column: string, value: string | null | undefined) {
  return value == null ? null : sql`${sql.ref(column)} = ${value}`
}

function isAbout({ principalId, names }: AnswerFilter) {
  const claimed =
    names === undefined
      ? null
      : sql`(auth_event.principal_id is null and auth_event.name = any (${[...names]}::text[]))`
  const own = is('auth_event.principal_id', principalId)
  return own === null || claimed === null ? (own ?? claimed) : sql`(${own} or ${claimed})`
}

function detailIs(key: 'nas' | 'ssid', value: string | undefined) {
  return value === undefined ? null : sql`auth_event.detail ->> ${sql.lit(key)} = ${value}`
}
