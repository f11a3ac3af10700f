import { type RawBuilder, sql } from 'kysely'
import type { Actor } from '../directory/ports/people.ts'
import { COMMANDS_WINDOW_MS, WINDOW_MS } from '../sources/guard.ts'
import { maintainAuthEvents } from './auth-event-partitions.ts'
import type { Database } from './connection.ts'
import { CHANGED_CREDENTIAL, noteCredentials } from './credential-store.ts'
import { removeGuests } from './guest-store.ts'
import { touchPrincipals } from './sync-batch.ts'

/** How long what is kept, in days. */
export const RETENTION_DAYS = {
  journal: 365,
  detail: 180,
  gone: 180,
  accounting: 90,
  import: 90,
  tombstone: 30,
  guest: 30,
  mail: 30,
} as const

interface Aging {
  readonly table: string
  /** When a row was last of use. */
  readonly column: string
  readonly hours: number
}

const SESSIONS: Aging = {
  table: 'accounting_session',
  column: 'updated_at',
  hours: RETENTION_DAYS.accounting * 24,
}
/** They count for the guard within its window; a clock that is set back must not shorten it. */
const REMOVALS: Aging = { table: 'removal', column: 'at', hours: (2 * WINDOW_MS) / 3_600_000 }
const CUT_OFFS: Aging = {
  table: 'cut_off',
  column: 'at',
  hours: (2 * COMMANDS_WINDOW_MS) / 3_600_000,
}
/** For whoever asks whether a mail went out. */
const MAIL: Aging = { table: 'mail', column: 'created_at', hours: RETENTION_DAYS.mail * 24 }
const LINKS: Aging = {
  table: 'one_time_link',
  column: 'expires_at',
  hours: RETENTION_DAYS.mail * 24,
}
/** No source brings somebody back after so long under the same id. */
const GONE: Aging = { table: 'source_gone', column: 'at', hours: RETENTION_DAYS.gone * 24 }

/** Whoever has not connected by then begins again. */
const ATTEMPTS: Aging = { table: 'connect_attempt', column: 'expires_at', hours: 24 }

/** An answer that comes later is too late. */
const CHALLENGES: Aging = { table: 'spent_challenge', column: 'expires_at', hours: 24 }

/** What was chosen, and of whom; that it was run stands in the journal. */
const IMPORTS: Aging = {
  table: 'import_session',
  column: 'changed_at',
  hours: RETENTION_DAYS.import * 24,
}

/** Small enough for a transaction to end within its budget. */
const ROWS_AT_ONCE = 200

const RETENTION: Actor = { name: 'system', reason: 'kept long enough' }

/** Of `principal p`: dead for longer than somebody may be restored as she was. */
const IS_FORGOTTEN = sql`p.lifecycle = 'deleted'
  and p.deleted_at < now() - make_interval(days => ${sql.lit(RETENTION_DAYS.tombstone)})`

/**
 * Drops what has been kept long enough. Run by the leader; each statement is small and may be
 * repeated, so that a daemon that dies in between leaves nothing to mend.
 */
export async function applyRetention(database: Database): Promise<void> {
  await maintainAuthEvents(database)
  await repeat(() => eraseDetails(database))
  await repeat(() => dropJournal(database))
  await repeat(() => dropOld(database, SESSIONS))
  await repeat(() => dropOld(database, REMOVALS))
  await repeat(() => dropOld(database, CUT_OFFS))
  await repeat(() => dropOld(database, GONE))
  await repeat(() => dropOld(database, IMPORTS))
  await repeat(() => dropCredentials(database, REMEMBERED))
  await repeat(() => dropCredentials(database, FORBIDDEN))
  await repeat(() => dropOld(database, ATTEMPTS))
  await repeat(() => dropOld(database, CHALLENGES))
  await repeat(() => dropOld(database, MAIL))
  await repeat(() => dropOld(database, LINKS))
  await repeat(() => dropGuests(database))
  await repeat(() => revokeForTheDead(database))
  await repeat(() => forgetTheDead(database))
}

/** Passwords a source found right once serve for their time only, and then are nobody's business. */
const REMEMBERED = sql<boolean>`type = 'source-password' and expires_at < now()`
/** What is stored of them is as good as they are: it stays no longer than they are allowed. */
const FORBIDDEN = sql<boolean>`type = 'network-password'
  and not exists (select from settings where allow_network_passwords)`

async function dropCredentials(
  database: Database,
  condition: RawBuilder<boolean>,
): Promise<number> {
  const { value } = await database.write(async (tx) => {
    const rows = await tx
      .deleteFrom('credential')
      .where('id', 'in', (query) =>
        query.selectFrom('credential').select('id').where(condition).limit(ROWS_AT_ONCE),
      )
      .returning(CHANGED_CREDENTIAL)
      .execute()
    noteCredentials(tx, rows, RETENTION)
    return rows.length
  })
  return value
}

/** Until then the log tells of a late try why it is refused. */
const LEFT_LONG_AGO = sql`id in (
  select id from guest
  where least(revoked_at, expires_at) < now() - make_interval(days => ${sql.lit(RETENTION_DAYS.guest)})
  limit ${ROWS_AT_ONCE})`

async function dropGuests(database: Database): Promise<number> {
  const { value } = await database.write((tx) => removeGuests(tx, LEFT_LONG_AGO, RETENTION))
  return value
}

async function repeat(step: () => Promise<number>): Promise<void> {
  while ((await step()) === ROWS_AT_ONCE);
}

/** The digest stays, so that the chain can still be checked; what it is of is gone. */
async function eraseDetails({ kysely }: Database): Promise<number> {
  const { numAffectedRows } = await sql`
    update journal_detail set body = null
    where id in (
      select id from journal_detail
      where body is not null and at < now() - make_interval(days => ${RETENTION_DAYS.detail})
      limit ${ROWS_AT_ONCE})`.execute(kysely)
  return Number(numAffectedRows ?? 0)
}

/**
 * From the front only: a follower that was away for longer compares versions instead. With a row
 * goes the digest of its detail, which nothing else needs.
 */
async function dropJournal({ kysely }: Database): Promise<number> {
  const { rows } = await sql<{ dropped: number }>`
    with old as (
      delete from journal
      where usn in (
        select usn from journal
        where at < now() - make_interval(days => ${RETENTION_DAYS.journal})
        order by usn limit ${ROWS_AT_ONCE})
      returning detail),
    digests as (
      delete from journal_detail where id in (select detail from old where detail is not null))
    select count(*)::integer as dropped from old`.execute(kysely)
  return rows[0]?.dropped ?? 0
}

async function dropOld({ kysely }: Database, { table, column, hours }: Aging): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from ${sql.table(table)}
    where ctid = any (array(
      select ctid from ${sql.table(table)}
      where ${sql.ref(column)} < now() - make_interval(hours => ${sql.lit(hours)})
      limit ${ROWS_AT_ONCE}))`.execute(kysely)
  return Number(numAffectedRows ?? 0)
}

/**
 * What the dead could sign in with goes first, and by the journal, so that every daemon lets go of
 * it: should one of them come back under the same id, no old password is good any more.
 */
async function revokeForTheDead(database: Database): Promise<number> {
  const { value } = await database.write(async (tx) => {
    const { rows } = await sql<{ id: string }>`
      select c.id from credential c join principal p on p.id = c.principal_id
      where ${IS_FORGOTTEN}
      order by c.id limit ${ROWS_AT_ONCE} for update of p`.execute(tx)
    const revoked = await tx
      .deleteFrom('credential')
      .where('id', '=', sql<string>`any (${rows.map(({ id }) => id)}::uuid[])`)
      .returning(CHANGED_CREDENTIAL)
      .execute()
    noteCredentials(tx, revoked, RETENTION)
    return rows.length
  })
  return value
}

/** After their grace, the dead keep id and numbers, so that nothing of theirs is given to another. */
async function forgetTheDead(database: Database): Promise<number> {
  const { value } = await database.write(async (tx) => {
    const { rows } = await sql<{ id: string }>`
      update person set
        username = 'deleted-' || uid_number, username_folded = 'deleted-' || uid_number,
        display_name = 'deleted', display_name_folded = 'deleted', folded = '{}',
        given_name = null, surname = null, mail = null, mail_folded = null,
        user_principal_name = null, user_principal_name_folded = null, job_title = null,
        department = null, company_name = null, office_location = null, employee_id = null,
        employee_type = null, mobile_phone = null, business_phone = null, street_address = null,
        city = null, region = null, postal_code = null, country = null, preferred_language = null,
        manager_id = null, home_directory = '/nonexistent', ssh_public_keys = '{}'
      where id in (
        select p.id from principal p join person q on q.id = p.id
        where ${IS_FORGOTTEN} and q.username_folded <> 'deleted-' || q.uid_number
        order by p.id limit ${ROWS_AT_ONCE} for update of p)
      returning id`.execute(tx)
    const ids = rows.map(({ id }) => id)
    await sql`
      update source_link set attributes = '{}', manager_external_id = null, manager_pending = false
      where principal_id = any (${ids}::uuid[])`.execute(tx)
    // Should one of them come back, nothing of what she was is laid over her, or written anywhere.
    for (const table of [
      'authority',
      'push',
      'push_dirty',
      'licence_choice',
      'lifecycle_date',
      'password_history',
      'password_claim',
      'totp',
      'passkey',
      'one_time_link',
      'mail',
    ]) {
      await sql`
        delete from ${sql.table(table)} where principal_id = any (${ids}::uuid[])`.execute(tx)
    }
    await touchPrincipals(tx, ids, RETENTION)
    return ids.length
  })
  return value
}
