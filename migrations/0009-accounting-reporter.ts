import { type Kysely, sql } from 'kysely'

/** One NAS entry may stand for a network of access points: a session is lost when its own restarts. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table accounting_session add column reported_by text not null default ''`.execute(
    db,
  )
}
