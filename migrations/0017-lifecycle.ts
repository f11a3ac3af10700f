import { type Kysely, sql } from 'kysely'

/** Deletion here with a way back, protected people, and what is to happen at a date. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Who is deleted here stays so whatever a source tells of her, until somebody restores her here.
  await sql`
    alter table principal
      add column is_deleted_here  boolean not null default false,
      -- what she was before, for the day she is restored
      add column lifecycle_before text check (lifecycle_before in ('staged', 'active')),
      -- neither suspended nor deleted by a source, a rule or a long list
      add column is_protected     boolean not null default false,
      add check (lifecycle = 'deleted' or not is_deleted_here)`.execute(db)

  // One date of a kind for each person. The leader carries it out by the database's clock, and the
  // row goes in the same transaction: nothing is done twice, or for a date that has been moved.
  await sql`
    create table lifecycle_date (
      principal_id uuid not null references principal,
      act          text not null check (act in ('activate', 'suspend', 'delete')),
      due_at       timestamptz not null,
      set_by       text not null,
      reason       text,
      -- why it could not be carried out when it was due; an admin has to look
      refused      text,
      primary key (principal_id, act)
    )`.execute(db)
  await sql`create index lifecycle_date_due on lifecycle_date (due_at) where refused is null`.execute(
    db,
  )
}
