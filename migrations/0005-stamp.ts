import { type Kysely, sql } from 'kysely'

/**
 * Gives committed changes their place in the one order.
 *
 * The lock is blocking on purpose: each statement after it takes a snapshot that comes after
 * whoever held it, so numbers become visible in their order. One call is one round trip, so that a
 * daemon that is paused can never sit on the lock. The hash of a row covers the one before it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function stamp() returns bigint language plpgsql volatile as $$
    declare
      batch  journal_inbox[];
      item   journal_inbox;
      head   journal_head;
      stamped_at timestamptz;
      place  bigint;
      chain  bytea;
      hashes bytea[] := '{}';
    begin
      perform pg_advisory_xact_lock(7243002);
      batch := array(select i from journal_inbox i order by i.seq limit 2000);
      if cardinality(batch) = 0 then return 0; end if;

      select * into strict head from journal_head for update;
      stamped_at := clock_timestamp();
      place := head.usn;
      chain := head.hash;
      foreach item in array batch loop
        place := place + 1;
        chain := sha256(chain || convert_to(concat_ws('|',
          place, (extract(epoch from stamped_at) * 1000000)::bigint, item.seq, item.kind, item.entity,
          coalesce(item.group_no::text, '-'), coalesce(item.member_no::text, '-'),
          coalesce(item.version::text, '-'), coalesce(quote_literal(item.actor), '-'),
          coalesce(quote_literal(item.reason), '-'), case when item.detail is null then '-' else coalesce(encode(
            (select d.digest from journal_detail d where d.id = item.detail), 'hex'), '-') end), 'UTF8'));
        hashes := hashes || chain;
      end loop;

      insert into journal (usn, at, inbox_seq, kind, entity, group_no, member_no, version, actor, reason, detail, hash)
      select head.usn + b.ordinality, stamped_at, b.seq, b.kind, b.entity, b.group_no, b.member_no,
             b.version, b.actor, b.reason, b.detail, hashes[b.ordinality]
      from unnest(batch) with ordinality b;

      delete from journal_inbox where seq in (select b.seq from unnest(batch) b);
      update journal_head
        set usn = place, hash = chain,
            inbox_seq = greatest(inbox_seq, (select max(b.seq) from unnest(batch) b));
      return cardinality(batch);
    end $$`.execute(db)

  await sql`
    insert into journal_head (usn, epoch, hash)
    values (0, gen_random_uuid(), sha256(''::bytea)) on conflict do nothing`.execute(db)
}
