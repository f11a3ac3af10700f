import { type Kysely, sql } from 'kysely'

/** Who decides on the members of a group that comes from a source. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table source_link
      -- of a group: its people are decided on here, and written there
      add column members_here      boolean not null default false,
      -- removals beyond the window that an admin has let go, and that are still to be made
      add column removals_approved integer not null default 0`.execute(db)
  await sql`create index source_link_members_here on source_link (source_id) where members_here`.execute(
    db,
  )
}
