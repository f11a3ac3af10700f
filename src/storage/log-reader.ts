import type { Database } from './connection.ts'

export interface AnswerFilter {
  readonly principalId: string | null
  readonly name: string | null
  readonly outcome: 'success' | 'denied' | 'unavailable' | null
  readonly sinceMs: number | null
  readonly limit: number
}

export interface ChangeFilter {
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
      .select(['usn', 'at', 'kind', 'entity', 'actor', 'reason'])
      .orderBy('usn', 'desc')
      .limit(filter.limit)
    if (filter.entity !== null) query = query.where('entity', '=', filter.entity)
    if (filter.sinceMs !== null) query = query.where('at', '>=', new Date(filter.sinceMs))
    const rows = await query.execute()
    return rows.map((row) => ({ ...row, usn: String(row.usn), at: row.at.toISOString() }))
  }
}
