import { type Kysely, sql } from 'kysely'

/** "What became of this device?" is what a help desk asks first. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index auth_event_device on auth_event (device, at) where device is not null`.execute(
    db,
  )
}
