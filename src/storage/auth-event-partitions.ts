import { type Kysely, sql } from 'kysely'
import type { Database } from './connection.ts'
import type { Tables } from './database.ts'

/** ARCHITECTURE §3: auth events are kept for 90 days. */
export const AUTH_EVENT_RETENTION_DAYS = 90
const MONTHS_AHEAD = 2
const PARTITION = /^auth_event_(\d{4})_(\d{2})$/

/**
 * Makes next month's partition before it is needed and drops what is past its retention. Run by the
 * leader once a day; what came before a partition was there stays in the default one.
 */
export async function maintainAuthEvents(
  database: Database,
  options: { readonly retentionDays?: number; readonly now?: Date } = {},
): Promise<void> {
  const now = options.now ?? new Date()
  const retentionDays = options.retentionDays ?? AUTH_EVENT_RETENTION_DAYS
  for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead++) {
    await ensurePartition(database, monthAfter(now, ahead))
  }
  const keepSince = new Date(now.getTime() - retentionDays * 86_400_000)
  for (const { name, end } of await listPartitions(database.kysely)) {
    if (end > keepSince) continue
    await sql`drop table ${sql.table(name)}`.execute(database.kysely)
  }
  await sql`delete from auth_event_default where at < ${keepSince}`.execute(database.kysely)
}

function monthAfter(from: Date, months: number): Date {
  return new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, 1))
}

async function ensurePartition(database: Database, start: Date): Promise<void> {
  const name = `auth_event_${start.toISOString().slice(0, 7).replace('-', '_')}`
  const end = monthAfter(start, 1)
  await database.transaction(async (tx) => {
    const { rows } = await sql<{ found: boolean; occupied: boolean }>`
      select to_regclass(${name}) is not null as found,
             exists (select from auth_event_default where at >= ${start} and at < ${end}) as occupied`.execute(
      tx,
    )
    // Rows that are in the default partition already keep their month there.
    if (rows[0]?.found !== false || rows[0].occupied) return
    await sql`
      create table ${sql.table(name)} partition of auth_event
      for values from (${sql.lit(start.toISOString())}) to (${sql.lit(end.toISOString())})`.execute(
      tx,
    )
  })
}

async function listPartitions(db: Kysely<Tables>) {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'auth_event'::regclass`.execute(db)
  return rows.flatMap(({ name }) => {
    const [, year, month] = PARTITION.exec(name) ?? []
    return year && month ? [{ name, end: new Date(Date.UTC(Number(year), Number(month), 1)) }] : []
  })
}
