import { type Kysely, sql } from 'kysely'

/** Whoever is cut off here is cut off elsewhere before all others of whom there is something to write. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table push_dirty add column is_urgent boolean not null default false`.execute(db)
  await sql`create index push_dirty_urgent on push_dirty (source_id, due_at) where is_urgent`.execute(
    db,
  )
}
