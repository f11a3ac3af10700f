import { type Kysely, sql } from 'kysely'

/** Connecting a source with somebody's word from elsewhere: begun here, finished when she has clicked. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table connect_attempt (
      id          uuid primary key,
      way         text not null check (way in ('consent', 'device')),
      status      text not null check (status in ('waiting', 'working', 'connected', 'refused')),
      -- who began it; what comes of it is journalled in this name
      actor       text not null,
      -- SHA-256 of the one-time state in the link; null for a way without one
      state_hash  bytea unique,
      -- what is to be connected, without secrets
      request     jsonb not null,
      -- sealed; null once the attempt has ended
      secret      bytea,
      -- what is being done, or why it was refused
      note        text,
      source_id   uuid references source,
      created_at  timestamptz not null default clock_timestamp(),
      expires_at  timestamptz not null,
      -- a daemon that works on it has this long; then it has died
      working_until timestamptz,
      check ((status = 'connected') = (source_id is not null)),
      check (status in ('waiting', 'working') or secret is null)
    )`.execute(db)
}
