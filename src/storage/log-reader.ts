import { type SqlBool, sql } from 'kysely'
import type { Database } from './connection.ts'

export interface AnswerFilter {
  readonly principalId: string | null
  readonly name: string | null
  readonly outcome: 'success' | 'denied' | 'unavailable' | null
  readonly sinceMs: number | null
  readonly limit: number
}

export interface ChangeFilter {
  /** What was changed; for a principal its credentials too, those it no longer has included. */
  readonly entity: string | null
  readonly sinceMs: number | null
  readonly limit: number
}

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
      .orderBy('auth_event.at', 'desc')
      .orderBy('auth_event.id', 'desc')
      .limit(filter.limit)
    if (filter.principalId !== null)
      query = query.where('auth_event.principal_id', '=', filter.principalId)
    if (filter.name !== null) query = query.where('auth_event.name', '=', filter.name)
    if (filter.outcome !== null) query = query.where('auth_event.outcome', '=', filter.outcome)
    if (filter.sinceMs !== null)
      query = query.where('auth_event.at', '>=', new Date(filter.sinceMs))
    const rows = await query.execute()
    return rows.map((row) => ({
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
