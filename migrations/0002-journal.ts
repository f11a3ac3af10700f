import { type Kysely, sql } from 'kysely'

/** The one order of all changes, the log of who was let in, and the ring of master keys. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table journal_inbox (
      seq     bigint generated always as identity primary key,
      kind    text not null,
      entity  uuid not null,
      -- for a membership: the group's and the member's entry numbers
      group_no  integer,
      member_no integer,
      version bigint,
      actor   text,
      reason  text,
      detail  uuid
    )`.execute(db)
  await sql`
    create table journal_head (
      one   boolean primary key default true check (one),
      usn   bigint not null,
      epoch uuid not null,
      hash  bytea not null,
      -- the highest inbox row that has been stamped, so that a writer can tell when its own has
      inbox_seq bigint not null default 0
    )`.execute(db)
  await sql`
    create table journal (
      usn       bigint primary key,
      at        timestamptz not null,
      inbox_seq bigint not null,
      kind      text not null,
      entity    uuid not null,
      group_no  integer,
      member_no integer,
      version   bigint,
      actor     text,
      reason    text,
      detail    uuid,
      hash      bytea not null
    )`.execute(db)
  await sql`create index journal_entity on journal (entity, usn)`.execute(db)
  await sql`create index journal_inbox_seq on journal (inbox_seq)`.execute(db)
  await sql`
    create table journal_detail (
      id     uuid primary key,
      salt   bytea not null,
      digest bytea not null,
      -- before and after, without secrets; null once erased
      body   jsonb,
      at     timestamptz not null default clock_timestamp()
    )`.execute(db)

  await sql`
    create table auth_event (
      at            timestamptz not null,
      id            bigint generated always as identity,
      last_at       timestamptz not null,
      count         integer not null default 1,
      outcome       text not null check (outcome in ('success', 'denied', 'unavailable')),
      reason        text,
      resource_kind text not null,
      resource_name text,
      method        text not null,
      principal_id  uuid,
      name          text not null,
      address       text not null,
      device        text,
      detail        jsonb,
      primary key (at, id)
    ) partition by range (at)`.execute(db)
  await sql`create table auth_event_default partition of auth_event default`.execute(db)
  await sql`create index auth_event_principal on auth_event (principal_id, at)`.execute(db)

  await sql`
    create table key_ring (
      key_id     text primary key,
      check_value bytea not null,
      created_at timestamptz not null default clock_timestamp(),
      retired_at timestamptz
    )`.execute(db)
}
