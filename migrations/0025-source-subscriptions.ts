import { type Kysely, sql } from 'kysely'

/**
 * Subscriptions to a source's change notifications. No secret is kept: what proves a notification is
 * derived from the master key and the row's id.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table source_subscription (
      -- part of the address that notifications come to
      id              uuid primary key,
      source_id       uuid not null references source,
      stream          text not null check (stream in ('people', 'groups')),
      url             text not null,
      state           text not null default 'creating'
                        check (state in ('creating', 'active', 'failed')),
      -- the source's own id; null until it exists
      subscription_id text,
      expires_at      timestamptz,
      -- whoever asked for it has this long; then it has died
      working_until   timestamptz not null,
      -- when to renew it, or to ask again
      due_at          timestamptz,
      attempts        integer not null default 0,
      demand          text check (demand in ('reauthorize', 'recreate')),
      error           text,
      next_step       text,
      heard_at        timestamptz,
      missed_at       timestamptz,
      unique (source_id, stream),
      check ((state = 'active') <= (subscription_id is not null and expires_at is not null))
    )`.execute(db)
}
