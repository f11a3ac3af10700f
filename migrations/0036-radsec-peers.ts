import { type Kysely, sql } from 'kysely'

/** NAS and proxies that come over TLS: what their certificates have to show; null is UDP. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table nas add column radsec jsonb`.execute(db)
}
