import { type Kysely, sql } from 'kysely'

/** Work that one daemon does for all: who leads is known by a lock, and how often it changed by a number. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table leadership (
      name  text primary key,
      fence bigint not null
    )`.execute(db)
  await sql`insert into leadership (name, fence) values ('sync', 0)`.execute(db)
}
