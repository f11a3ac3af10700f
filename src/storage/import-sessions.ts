import { randomUUID } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type {
  By,
  ImportCounts,
  ImportSession,
  PersonFilter,
  SessionState,
} from '../sources/import.ts'
import type { RoleHolder } from '../sources/source.ts'
import type { Database } from './connection.ts'
import { isChosen, joinChoice, noSession } from './import-choice.ts'
import { groupNameOf, named } from './import-filter.ts'
import { journal } from './journal.ts'
import { MARK_FORMAT } from './sync-sources.ts'

/** Sessions that are kept, newest first. */
const LIST_MAX = 100
const NO_COUNTS: ImportCounts = { created: 0, linked: 0, skipped: 0 }

export interface SessionRow {
  readonly id: string
  readonly source_id: string
  readonly source: string
  readonly source_state: string
  readonly state: SessionState
  readonly matching: PersonFilter | null
  /** Our name of the group that `matching` asks for. */
  readonly group_name: string | null
  readonly listed: number
  readonly unlisted: number
  readonly created_by: string
  readonly created_at: Date
  readonly changed_mark: string
  readonly started_at: Date | null
  readonly finished_at: Date | null
  readonly until_mark: string | null
  readonly run_by: string | null
  readonly run_reason: string | null
  readonly cursor: string | null
  readonly total: number
  readonly counts: Partial<ImportCounts>
  readonly error: string | null
  readonly roles_unknown: string | null
}

function mark(column: string): RawBuilder<string> {
  return sql`to_char(${sql.ref(column)} at time zone 'UTC', ${MARK_FORMAT})`
}

async function selectSessions(
  db: Database,
  where: RawBuilder<boolean>,
): Promise<readonly SessionRow[]> {
  const { rows } = await sql<SessionRow>`
    select i.*, s.name as source, s.state as source_state,
      ${mark('i.changed_at')} as changed_mark, ${mark('i.until')} as until_mark,
      ${groupNameOf(sql`i.source_id`, sql`i.matching`)} as group_name,
      (select count(*) from import_choice x where x.session_id = i.id and x.is_chosen) as listed,
      (select count(*) from import_choice x where x.session_id = i.id and not x.is_chosen)
        as unlisted
    from import_session i join source s on s.id = i.source_id
    where ${where} order by i.created_at desc, i.id limit ${LIST_MAX}`.execute(db.kysely)
  return rows
}

export async function listSessions(db: Database): Promise<readonly ImportSession[]> {
  return (await selectSessions(db, sql`true`)).map(toSession)
}

/** @throws {DirectoryError} `DIRECTORY_NOT_FOUND` */
export async function readSession(db: Database, id: string): Promise<SessionRow> {
  const [session] = await selectSessions(db, sql`i.id::text = ${id}`)
  if (session === undefined) throw noSession(id)
  return session
}

export function toSession(row: SessionRow): ImportSession {
  return {
    id: row.id,
    sourceId: row.source_id,
    source: row.source,
    state: row.state,
    matching: row.matching && named(row.matching, row.group_name),
    listed: { with: row.listed, without: row.unlisted },
    createdBy: row.created_by,
    createdAtMs: row.created_at.getTime(),
    startedAtMs: row.started_at?.getTime() ?? null,
    finishedAtMs: row.finished_at?.getTime() ?? null,
    total: row.total,
    counts: { ...NO_COUNTS, ...row.counts },
    error: row.error,
    rolesUnknown: row.roles_unknown,
  }
}

export async function openSession(
  db: Database,
  sourceId: string,
  parts: { readonly roles: readonly RoleHolder[] | string; readonly by: By },
): Promise<string> {
  const id = randomUUID()
  const { roles, by } = parts
  const holders = typeof roles === 'string' ? [] : roles
  await db.transaction(async (tx) => {
    await sql`
      insert into import_session (id, source_id, state, roles_unknown, created_by)
      values (${id}::uuid, ${sourceId}::uuid, 'draft', ${typeof roles === 'string' ? roles : null},
        ${by.name})`.execute(tx)
    await sql`
      insert into import_role (session_id, external_id, role)
      select distinct ${id}::uuid, r.external_id, r.role
      from unnest(${holders.map(({ externalId }) => externalId)}::text[],
                  ${holders.map(({ role }) => role)}::text[]) as r (external_id, role)`.execute(tx)
  })
  return id
}

/** How many are chosen of whom nothing was told since. */
export async function countChosen(db: Database, row: SessionRow, until: string): Promise<number> {
  const { matching } = row
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from source_candidate c ${joinChoice(row.id)}
    where c.source_id = ${row.source_id}::uuid and ${isChosen({ matching, until })}`.execute(
    db.kysely,
  )
  return rows[0]?.count ?? 0
}

export async function beginSession(
  db: Database,
  id: string,
  parts: { readonly seen: { readonly count: number; readonly until: string }; readonly by: By },
): Promise<void> {
  const { seen, by } = parts
  const row = await readSession(db, id)
  refuseToBegin(row)
  const count = await countChosen(db, row, seen.until)
  await db.write(async (tx) => {
    const { numAffectedRows } = await sql`
      update import_session set state = 'running', until = ${seen.until}::timestamptz,
        run_by = ${by.name}, run_reason = ${by.reason}, started_at = clock_timestamp(),
        finished_at = null, cursor = null, total = ${count},
        counts = ${JSON.stringify(NO_COUNTS)}::jsonb, error = null
      where id = ${row.id}::uuid and state <> 'running' and ${count} = ${seen.count}::integer
        and changed_at = ${row.changed_mark}::timestamptz
        and changed_at <= ${seen.until}::timestamptz`.execute(tx)
    if (numAffectedRows !== 1n) {
      throw new DirectoryError(
        'DIRECTORY_CONFLICT',
        `${count} people are chosen, of those told of until ${seen.until}, not ${seen.count}, or ` +
          'the choice has changed; nobody was imported: look at the preview again',
      )
    }
    const detail = { import: row.id, people: count }
    journal(tx, { kind: 'source.import-begun', entity: row.source_id, actor: by, detail })
  })
}

function refuseToBegin({ state, source, source_state }: SessionRow): void {
  if (state === 'running') {
    throw new DirectoryError('DIRECTORY_CONFLICT', 'the import is running already')
  }
  if (source_state !== 'paused') return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `${source} is paused: gatehouse source resume ${source}, then import`,
  )
}

export async function removeSession(db: Database, id: string, by: By): Promise<void> {
  await db.write(async (tx) => {
    const { rows } = await sql<{ source_id: string; state: string }>`
      delete from import_session where id::text = ${id} returning source_id, state`.execute(tx)
    const [removed] = rows
    if (removed === undefined) throw noSession(id)
    if (removed.state !== 'running') return
    const detail = { import: id }
    journal(tx, { kind: 'source.import-cancelled', entity: removed.source_id, actor: by, detail })
  })
}

export async function runningSessions(
  db: Database,
): Promise<readonly { readonly id: string; readonly sourceId: string }[]> {
  const { rows } = await sql<{ id: string; sourceId: string }>`
    select id, source_id as "sourceId" from import_session
    where state = 'running' order by started_at`.execute(db.kysely)
  return rows
}

function counted(name: keyof ImportCounts): RawBuilder<number> {
  return sql`coalesce((counts ->> ${sql.lit(name)})::integer, 0)`
}

/**
 * The last step of a run; told before, it would be over before its memberships are. Whoever was in
 * the preview and was not met since was left out: something was told of them, or they are gone.
 */
export async function finishSession(db: Database, id: string): Promise<void> {
  await db.write(async (tx) => {
    const { rows } = await sql<SessionRow>`
      update import_session set state = 'done', finished_at = clock_timestamp(),
        counts = counts || jsonb_build_object('skipped', greatest(${counted('skipped')},
          total - ${counted('created')} - ${counted('linked')}))
      where id = ${id}::uuid and state = 'running' returning *`.execute(tx)
    const [done] = rows
    if (done === undefined) return
    const actor = { name: done.run_by ?? done.created_by, reason: done.run_reason }
    const detail = { import: id, ...done.counts }
    journal(tx, { kind: 'source.imported', entity: done.source_id, actor, detail })
  })
}

export async function failSession(db: Database, id: string, error: string): Promise<void> {
  await sql`
    update import_session set state = 'failed', error = ${error}, finished_at = clock_timestamp()
    where id = ${id}::uuid and state = 'running'`.execute(db.kysely)
}
