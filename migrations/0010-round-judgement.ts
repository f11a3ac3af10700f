import { type Kysely, sql } from 'kysely'

/**
 * A round is judged once, when all of it has been read, and what was found must outlive a crash. Of
 * a full round that is half applied nobody knows any more: it takes nothing away, and everything is
 * read again.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table sync_round add column is_believed boolean not null default true,
      add column needs_full boolean not null default false`.execute(db)
  await sql`
    update sync_round set is_believed = false, needs_full = true
    where state = 'applying' and mode = 'full'`.execute(db)
}
