import { type Kysely, sql } from 'kysely'

/** How a source's last round went, for the daemons that did not run it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table source_health (
      source_id uuid primary key references source,
      at        timestamptz not null default clock_timestamp(),
      -- counts and words, as the daemon that leads shows them
      kept      jsonb not null
    )`.execute(db)
}
