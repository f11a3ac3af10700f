import { type Kysely, sql } from 'kysely'

/** Realms whose log-ins are forwarded, each with its home servers in the order they are asked. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table realm (
      id          uuid primary key,
      version     bigint not null default nextval('entity_version'),
      name        text not null,
      name_folded text collate "C" not null unique,
      policy      jsonb not null,
      -- sealed, one for each server of the policy, in its order
      secrets     bytea[] not null
    )`.execute(db)
}
