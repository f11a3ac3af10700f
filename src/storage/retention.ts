import { sql } from 'kysely'
import { maintainAuthEvents } from './auth-event-partitions.ts'
import type { Database } from './connection.ts'

/** How long what is kept, in days. */
export const RETENTION_DAYS = { journal: 365, detail: 180, accounting: 90, tombstone: 30 } as const

/** Small enough for a transaction to end within its budget. */
const ROWS_AT_ONCE = 500

/**
 * Drops what has been kept long enough. Run by the leader; each statement is small and may be
 * repeated, so that a daemon that dies in between leaves nothing to mend.
 */
export async function applyRetention(database: Database): Promise<void> {
  await maintainAuthEvents(database)
  await repeat(() => eraseDetails(database))
  await repeat(() => dropJournal(database))
  await repeat(() => dropSessions(database))
  await repeat(() => forgetTheDead(database))
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

/** From the front only: a follower that was away for longer compares versions instead. */
async function dropJournal({ kysely }: Database): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from journal
    where usn in (
      select usn from journal
      where at < now() - make_interval(days => ${RETENTION_DAYS.journal})
      order by usn limit ${ROWS_AT_ONCE})`.execute(kysely)
  return Number(numAffectedRows ?? 0)
}

async function dropSessions({ kysely }: Database): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from accounting_session
    where ctid = any (array(
      select ctid from accounting_session
      where updated_at < now() - make_interval(days => ${RETENTION_DAYS.accounting})
      limit ${ROWS_AT_ONCE}))`.execute(kysely)
  return Number(numAffectedRows ?? 0)
}

/** After their grace, the dead keep id and numbers, so that nothing of theirs is given to another. */
async function forgetTheDead(database: Database): Promise<number> {
  return await database.transaction(async (tx) => {
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
        where p.lifecycle = 'deleted' and q.username_folded <> 'deleted-' || q.uid_number
          and p.deleted_at < now() - make_interval(days => ${RETENTION_DAYS.tombstone})
        limit ${ROWS_AT_ONCE})
      returning id`.execute(tx)
    const ids = rows.map(({ id }) => id)
    await sql`delete from credential where principal_id = any (${ids}::uuid[])`.execute(tx)
    await sql`update source_link set attributes = '{}' where principal_id = any (${ids}::uuid[])`.execute(
      tx,
    )
    return ids.length
  })
}
