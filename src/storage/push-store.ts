import { randomUUID } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import type { Planned } from '../provisioning/desired.ts'
import { driftOf } from '../provisioning/drift.ts'
import type {
  Begun,
  Claim,
  Drift,
  ListedPush,
  PushStore,
  Settled,
} from '../provisioning/push-store.ts'
import type { PushedValue } from '../provisioning/target.ts'
import type { Database } from './connection.ts'
import { hintDenial, journal } from './journal.ts'
import { HAS_LICENCES_HERE } from './licence-store.ts'
import { beginPush } from './push-begin.ts'
import { HAS_GROUPS_HERE } from './push-members.ts'
import { readSubjects } from './push-subjects.ts'
import { lockSource, sourceActor, sourceHold, type Tx, touchPrincipals } from './sync-batch.ts'
import { readAllowance, recordRemovals } from './sync-removals.ts'

/** Journal rows looked through in one transaction. */
const LOOK_BATCH = 500
const RETRIED_AT_ONCE = 200
/** Before all of them. */
const NOBODY = '00000000-0000-0000-0000-000000000000'
const CLAIM_SECONDS = 40
/** Its own kind: nobody keeps the value, so nothing is ever planned for it. */
const PASSWORD = 'password'
const ACTOR = { name: 'gatehouse', reason: null }

/** Of the person of link `l`, principal `p`, there may be something to write. */
const MAY_CONCERN = sql`(p.lifecycle = 'deleted'
  or exists (select from hold h
    where h.principal_id = l.principal_id and h.reason <> 'source:' || l.source_id)
  or exists (select from authority a
    where a.principal_id = l.principal_id and a.source_id is null)
  or ${HAS_GROUPS_HERE}
  or ${HAS_LICENCES_HERE}
  or exists (select from push x
    where x.source_id = l.source_id and x.principal_id = l.principal_id))`

/** The person of link `l`, principal `p` is held, or deleted, since later than her sessions were ended. */
const IS_CUT_OFF = sql`exists (
  select from (
    select h.since from hold h
    where h.principal_id = l.principal_id and h.reason <> 'source:' || l.source_id
    union all select p.deleted_at where p.lifecycle = 'deleted') cut
  where not exists (select from push x
    where x.source_id = l.source_id and x.principal_id = l.principal_id
      and x.attribute = 'sessions-ended' and x.status = 'written'
      and (x.written #>> '{}')::numeric >= (extract(epoch from cut.since) * 1000)::bigint - 1))`

export interface NotAllowed {
  readonly attribute: string
  readonly count: number
  readonly reason: string
}

/** What is pushed to the sources people come from. */
export class PostgresPushStore implements PushStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async markChanged(sourceId: string): Promise<boolean> {
    const { value } = await this.#db.write(async (tx) => {
      const cursor = await readCursor(tx, sourceId)
      if (cursor === null) return false
      const upTo = Math.min(cursor.head, cursor.usn + LOOK_BATCH)
      if (upTo === cursor.usn) return false
      await mark(
        tx,
        sourceId,
        sql`
        with looked as (select * from journal where usn > ${cursor.usn} and usn <= ${upTo}),
        changed as (select distinct entity from looked where kind = 'person')
        select entity from changed
        union
        select p.id from looked join principal p on p.no = looked.member_no
        join source_link gl on gl.group_id = looked.entity and gl.members_here
          and gl.source_id = ${sourceId}::uuid
        where looked.kind = 'membership'
        union
        -- Whose manager has come, or gone, can be given him now, or no longer.
        select p.id from changed join person p on p.manager_id = changed.entity
        join authority a on a.principal_id = p.id and a.attribute = 'manager'
          and a.source_id is null`,
      )
      await sql`update push_cursor set usn = ${upTo} where source_id = ${sourceId}::uuid`.execute(
        tx,
      )
      return upTo < cursor.head
    })
    return value
  }

  async claim(sourceId: string, limit: number): Promise<readonly Claim[]> {
    const id = randomUUID()
    const urgent = await this.#take(sourceId, { id, limit, isUrgent: true })
    const left = limit - urgent
    const others = left > 0 ? await this.#take(sourceId, { id, limit: left, isUrgent: false }) : 0
    if (urgent + others === 0) return []
    // In a statement of its own, which sees all that was committed before the claim, and its mark.
    const subjects = await readSubjects(
      this.#db.kysely,
      sourceId,
      sql`select principal_id, mark, attempts from push_dirty
        where source_id = ${sourceId}::uuid and claim = ${id}::uuid`,
    )
    return subjects.map((read) => ({ ...read, id, sourceId }))
  }

  /** @param claim.isUrgent of those alone whom somebody has cut off */
  async #take(
    sourceId: string,
    claim: { readonly id: string; readonly limit: number; readonly isUrgent: boolean },
  ): Promise<number> {
    const { rows } = await sql`
      with due as (
        select d.principal_id from push_dirty d
        join source s on s.id = d.source_id and s.state <> 'paused'
        where d.source_id = ${sourceId}::uuid and d.due_at <= clock_timestamp()
          and (d.claimed_until is null or d.claimed_until < clock_timestamp())
          and ${claim.isUrgent ? sql`d.is_urgent` : sql`true`}
        order by d.due_at limit ${claim.limit} for update of d skip locked)
        update push_dirty d set claim = ${claim.id}::uuid, attempts = d.attempts + 1,
          claimed_until = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS})
        from due where d.source_id = ${sourceId}::uuid and d.principal_id = due.principal_id
        returning 1 as taken`.execute(this.#db.kysely)
    return rows.length
  }

  begin(claim: Claim, planned: Planned): Promise<Begun> {
    return beginPush(this.#db, claim, planned)
  }

  async settle(claim: Claim, planned: Planned, settled: Settled): Promise<void> {
    const { write, repeats } = planned
    const wanted = JSON.stringify(write.value)
    const isWritten = settled.status === 'written'
    const reason = settled.status === 'written' ? null : settled.reason
    await this.#db.write(async (tx) => {
      const before = await tx
        .selectFrom('push')
        .select('reason')
        .where('source_id', '=', claim.sourceId)
        .where('principal_id', '=', claim.principalId)
        .where('attribute', '=', write.attribute)
        .executeTakeFirst()
      // Whoever has lost the claim knows less than the one who holds it now.
      const { rows } = await sql`
        with mine as (
          select 1 from push_dirty
          where source_id = ${claim.sourceId}::uuid and principal_id = ${claim.principalId}::uuid
            and claim = ${claim.id}::uuid for update)
        insert into push (source_id, principal_id, attribute, status, wanted, repeats, reason,
          written, written_at)
        select ${claim.sourceId}::uuid, ${claim.principalId}::uuid, ${write.attribute},
          ${settled.status}, ${wanted}::jsonb, ${repeats}, ${reason}::text,
          case when ${isWritten}::boolean then ${wanted}::jsonb end,
          case when ${isWritten}::boolean then clock_timestamp() end from mine
        on conflict (source_id, principal_id, attribute) do update set status = excluded.status,
          wanted = excluded.wanted, repeats = excluded.repeats, reason = excluded.reason,
          written = coalesce(excluded.written, push.written),
          written_at = coalesce(excluded.written_at, push.written_at),
          changed_at = clock_timestamp()
        returning 1 as settled`.execute(tx)
      if (rows.length === 0 || settled.status === 'undecided') return
      // A refusal that is tried again and again is told once.
      if (reason !== null && before?.reason === reason) return
      journal(tx, {
        kind: isWritten ? 'source.pushed' : 'source.push-refused',
        entity: claim.principalId,
        actor: ACTOR,
        detail: {
          source: claim.sourceId,
          attribute: write.attribute,
          value: write.value,
          ...(reason === null ? {} : { reason }),
        },
      })
    })
  }

  async giveBack(claim: Claim, { write }: Planned): Promise<void> {
    if (write.attribute === 'enabled') return this.#adoptDisabled(claim)
    await sql`
      delete from push p using push_dirty d
      where p.source_id = ${claim.sourceId}::uuid and p.principal_id = ${claim.principalId}::uuid
        and p.attribute = ${write.attribute} and d.source_id = p.source_id
        and d.principal_id = p.principal_id and d.claim = ${claim.id}::uuid`.execute(
      this.#db.kysely,
    )
  }

  async #adoptDisabled(claim: Claim): Promise<void> {
    const reason = sourceHold(claim.sourceId)
    await this.#db.write(async (tx) => {
      await lockSource(tx, claim.sourceId)
      if ((await readAllowance(tx, claim.sourceId, 'person')) <= 0) return
      const { rows } = await sql`
        insert into hold (principal_id, reason)
        select principal_id, ${reason} from push_dirty
        where not exists (select from removal_waiting w where w.source_id = ${claim.sourceId}::uuid
            and w.kind = 'suspension' and w.subject = ${claim.externalId})
          and source_id = ${claim.sourceId}::uuid and principal_id = ${claim.principalId}::uuid
          and claim = ${claim.id}::uuid
          and not exists (select from principal p where p.id = principal_id and p.is_protected)
        on conflict do nothing returning 1 as held`.execute(tx)
      if (rows.length === 0) return
      const removal = { kind: 'suspension', subject: claim.externalId, groupId: null } as const
      await recordRemovals(tx, claim.sourceId, [removal])
      await touchPrincipals(tx, [claim.principalId], sourceActor(claim.sourceId))
      hintDenial(tx, claim.principalId)
    })
  }

  async release(claim: Claim, againInMs: number | null): Promise<void> {
    const isMine = sql`source_id = ${claim.sourceId}::uuid
      and principal_id = ${claim.principalId}::uuid and claim = ${claim.id}::uuid`
    if (againInMs === null) {
      await sql`delete from push_dirty where ${isMine} and mark = ${claim.mark}`.execute(
        this.#db.kysely,
      )
    }
    // Marked anew meanwhile, she is due at once.
    await sql`
      update push_dirty set claim = null, claimed_until = null,
        due_at = case when mark = ${claim.mark}
          then clock_timestamp() + make_interval(secs => ${(againInMs ?? 0) / 1_000})
          else due_at end
      where ${isMine}`.execute(this.#db.kysely)
  }

  /**
   * Looks again at everybody of whom a value was not taken, for whatever reason; some at a time, each
   * time for good, since after a restore that is all of them.
   *
   * @returns how many
   */
  async retryRefused(sourceId: string): Promise<number> {
    let count = 0
    for (let after: string | null = NOBODY; after !== null; ) {
      const slice = await this.#retrySlice(sourceId, after)
      count += slice.count
      after = slice.last
    }
    return count
  }

  async #retrySlice(
    sourceId: string,
    after: string,
  ): Promise<{ count: number; last: string | null }> {
    const { value } = await this.#db.write(async (tx) => {
      const { rows } = await sql<{ id: string }>`
        select distinct principal_id as id from push
        where source_id = ${sourceId}::uuid and principal_id > ${after}::uuid
          and (status <> 'written' or attribute = ${PASSWORD})
        order by id limit ${RETRIED_AT_ONCE}`.execute(tx)
      const ids = rows.map(({ id }) => id)
      const isOfThem = sql`source_id = ${sourceId}::uuid and principal_id = any(${ids}::uuid[])`
      await sql`delete from push where ${isOfThem} and attribute = ${PASSWORD}`.execute(tx)
      await sql`
        update push set status = 'undecided', repeats = 0
        where ${isOfThem} and status = 'contested'`.execute(tx)
      const marked = sql`
        select distinct principal_id as entity from push
        where ${isOfThem} and status <> 'written'`
      return { count: await mark(tx, sourceId, marked), last: ids.at(-1) ?? null }
    })
    return value
  }

  /**
   * In what the source, by its own last word, differs from what is wanted here; nothing is done.
   *
   * @param page.after entry number of the last person seen; those looked at are `limit` at most
   */
  async drift(
    sourceId: string,
    page: { readonly after: number; readonly limit: number },
  ): Promise<{ readonly drift: readonly Drift[]; readonly next: number | null }> {
    const { rows: people } = await sql<{ id: string; no: number; username: string }>`
      select p.id, p.no, q.username
      from source_link l join principal p on p.id = l.principal_id join person q on q.id = p.id
      where l.source_id = ${sourceId}::uuid and p.no > ${page.after} and ${MAY_CONCERN}
      order by p.no limit ${page.limit}`.execute(this.#db.kysely)
    const ids = people.map(({ id }) => id)
    const subjects = await readSubjects(
      this.#db.kysely,
      sourceId,
      sql`select r.id as principal_id, coalesce(d.mark, 0) as mark, 0 as attempts
        from unnest(${ids}::uuid[]) as r (id)
        left join push_dirty d on d.source_id = ${sourceId}::uuid and d.principal_id = r.id`,
    )
    const usernames = new Map(people.map(({ id, username }) => [id, username]))
    const found = subjects.flatMap(({ principalId, subject, mark }) =>
      driftOf(subject, mark > 0).map((one) => ({
        person: usernames.get(principalId) ?? '',
        ...one,
      })),
    )
    const drift = await this.#named(sourceId, found)
    return { drift, next: people.length < page.limit ? null : (people.at(-1)?.no ?? null) }
  }

  /**
   * A password is never pushed again by itself; what stood in its way is shown until one is taken.
   *
   * @param refusal null when it was taken, which shows that the application may
   */
  async notePassword(sourceId: string, principalId: string, refusal: string | null): Promise<void> {
    if (refusal === null) {
      await sql`
        delete from push where source_id = ${sourceId}::uuid and attribute = ${PASSWORD}
          and (principal_id = ${principalId}::uuid or reason like 'not-allowed:%')`.execute(
        this.#db.kysely,
      )
      return
    }
    await sql`
      insert into push (source_id, principal_id, attribute, status, wanted, reason)
      values (${sourceId}::uuid, ${principalId}::uuid, ${PASSWORD}, 'refused', 'null', ${refusal})
      on conflict (source_id, principal_id, attribute) do update
        set status = 'refused', reason = excluded.reason, changed_at = clock_timestamp()`.execute(
      this.#db.kysely,
    )
  }

  /** Of each attribute, how often the application was not allowed to write it, and what it was told last. */
  async notAllowed(sourceId: string): Promise<readonly NotAllowed[]> {
    const { rows } = await sql<NotAllowed>`
      select attribute, count(*)::integer as count,
        (array_agg(reason order by changed_at desc))[1] as reason
      from push
      where source_id = ${sourceId}::uuid and status = 'refused' and reason like 'not-allowed:%'
      group by attribute order by max(changed_at) desc`.execute(this.#db.kysely)
    return rows
  }

  /** Managers and groups by what they are called here; by the source's id where nobody is known by it. */
  async #named(sourceId: string, drift: readonly Drift[]): Promise<readonly Drift[]> {
    const people = drift
      .filter(({ attribute }) => attribute === 'manager')
      .flatMap(({ here, there }) => [here, there].filter((id) => typeof id === 'string'))
    const ids = [...new Set([...people, ...drift.map(({ attribute }) => attribute)])]
    if (ids.length === 0) return drift
    const source = sql`${sourceId}::uuid`
    const { rows } = await sql<{ id: string; manager: string; attribute: string }>`
      select w.id, ${managerName(source, sql`w.id`)} as manager,
        ${shownAttribute(source, sql`w.id`)} as attribute
      from unnest(${ids}::text[]) as w (id)`.execute(this.#db.kysely)
    const names = new Map<PushedValue, (typeof rows)[number]>(rows.map((row) => [row.id, row]))
    return drift.map(({ attribute, ...one }) => {
      const shown = (names.get(attribute)?.attribute ?? attribute) as Drift['attribute']
      if (attribute !== 'manager') return { ...one, attribute: shown }
      const { here, there, ...rest } = one
      const nameOf = (value: PushedValue) => names.get(value)?.manager ?? value
      const told = there === undefined ? {} : { there: nameOf(there) }
      return { ...rest, attribute, here: nameOf(here), ...told }
    })
  }

  /** How many people wait to be written, and how many values were not taken. */
  async totals(sourceId: string): Promise<{ readonly waiting: number; readonly refused: number }> {
    const { rows } = await sql<{ waiting: number; refused: number }>`
      select (select count(*)::integer from push_dirty d where d.source_id = ${sourceId}::uuid
          and not exists (select from push x where x.source_id = d.source_id
            and x.principal_id = d.principal_id and x.status in ('refused', 'contested')))
          as waiting,
        (select count(*)::integer from push x where x.source_id = ${sourceId}::uuid
          and x.status in ('refused', 'contested')) as refused`.execute(this.#db.kysely)
    return rows[0] ?? { waiting: 0, refused: 0 }
  }

  /** What was pushed about one person, at all targets. */
  async listFor(principalId: string): Promise<readonly ListedPush[]> {
    const { rows } = await sql<{
      source: string
      attribute: string
      status: string
      wanted: PushedValue
      written_at_ms: number | null
      reason: string | null
    }>`
      select s.name as source, ${shownAttribute(sql`p.source_id`, sql`p.attribute`)} as attribute, p.status, p.reason,
        case when p.attribute = 'manager' and p.wanted <> 'null'
          then to_jsonb(${managerName(sql`p.source_id`, sql`(p.wanted #>> '{}')`)})
          else p.wanted end as wanted,
        (extract(epoch from p.written_at) * 1000)::float8 as written_at_ms
      from push p join source s on s.id = p.source_id
      where p.principal_id = ${principalId}::uuid
      order by s.name, attribute`.execute(this.#db.kysely)
    return rows.map(({ written_at_ms, ...row }) => ({ ...row, writtenAtMs: written_at_ms }))
  }
}

/** A membership by the name that the group has here, a licence by the one it was chosen by. */
function shownAttribute(sourceId: RawBuilder<unknown>, attribute: RawBuilder<unknown>) {
  return sql`coalesce((
    select 'member:' || g.name from source_link gl join directory_group g on g.id = gl.group_id
    where ${attribute} like 'member:%' and gl.source_id = ${sourceId} and gl.object_kind = 'group'
      and gl.external_id = substr(${attribute}, 8) limit 1), (
    select 'licence:' || c.name from licence_choice c
    where ${attribute} like 'licence:%' and c.source_id = ${sourceId}
      and c.sku = substr(${attribute}, 9) limit 1), ${attribute})`
}

/** What a manager is called here whom a push names: by her id at the source, or by ours. */
function managerName(sourceId: RawBuilder<unknown>, id: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`coalesce(
    (select n.username from source_link m join person n on n.id = m.principal_id
      where m.source_id = ${sourceId} and m.object_kind = 'person' and m.external_id = ${id}
      limit 1),
    (select n.username from person n where n.id::text = ${id}), ${id})`
}

/** Null when looking begins only now: for a new target, and after a restore. */
async function readCursor(
  tx: Tx,
  sourceId: string,
): Promise<{ readonly usn: number; readonly head: number } | null> {
  const { rows } = await sql<{ head: number; usn: number | null; is_same: boolean }>`
    select h.usn as head, c.usn, c.epoch is not distinct from h.epoch as is_same
    from journal_head h left join push_cursor c on c.source_id = ${sourceId}::uuid`.execute(tx)
  const row = rows[0]
  if (row === undefined) return null
  if (row.usn !== null && row.is_same) return { usn: row.usn, head: row.head }
  await resetCursor(tx, sourceId)
  return null
}

/** Marks those of the people whom there may be something to say about. */
async function mark(tx: Tx, sourceId: string, people: ReturnType<typeof sql>): Promise<number> {
  const { rows } = await sql`
    insert into push_dirty (source_id, principal_id, is_urgent)
    select l.source_id, l.principal_id, ${IS_CUT_OFF}
    from (${people}) j
    join source_link l on l.source_id = ${sourceId}::uuid and l.principal_id = j.entity
    join principal p on p.id = l.principal_id
    where ${MAY_CONCERN}
    on conflict (source_id, principal_id) do update set mark = default, attempts = 0,
      due_at = clock_timestamp(), is_urgent = excluded.is_urgent
    returning principal_id`.execute(tx)
  return rows.length
}

/**
 * Marks people of a round of whom the source tells otherwise than was written, or than is wanted.
 * Whether it only lags is seen when they are looked at.
 */
export async function markContradicted(
  tx: Tx,
  sourceId: string,
  externalIds: readonly string[],
): Promise<void> {
  if (externalIds.length === 0) return
  await sql`
    insert into push_dirty (source_id, principal_id)
    select l.source_id, l.principal_id
    from source_link l
    join source s on s.id = l.source_id and coalesce(s.config ->> 'tier', 'read') <> 'read'
    where l.source_id = ${sourceId}::uuid and l.object_kind = 'person'
      and l.external_id = any(${[...externalIds]}::text[])
      and (exists (select from push x
          where x.source_id = l.source_id and x.principal_id = l.principal_id
            and x.attribute not in ('sessions-ended', 'password') and x.status = 'written'
            and x.attribute not like 'member:%' and x.attribute not like 'licence:%'
            and coalesce(l.attributes -> case x.attribute when 'enabled' then 'isEnabled'
              when 'manager' then 'managerExternalId' else x.attribute end, 'null') is distinct from x.written)
        or l.attributes ? 'licences' and exists (select from licence_choice c
          where c.source_id = l.source_id and c.principal_id = l.principal_id
            and c.is_assigned <> (l.attributes -> 'licences' @> to_jsonb(c.sku)))
        or l.attributes -> 'isEnabled' = 'true' and (exists (select from hold h
            where h.principal_id = l.principal_id and h.reason <> ${sourceHold(sourceId)})
          or exists (select from principal p where p.id = l.principal_id and p.lifecycle_before = 'active'))
          and not exists (select from push x where x.source_id = l.source_id
            and x.principal_id = l.principal_id and x.attribute = 'enabled'))
    on conflict (source_id, principal_id) do update set mark = default,
      due_at = least(push_dirty.due_at, excluded.due_at)`.execute(tx)
}

/**
 * From now on something is pushed: whoever was changed before is none of it, but for those of whom
 * something was written in an earlier time.
 */
export async function startPushing(tx: Tx, sourceId: string): Promise<void> {
  await sql`delete from push_dirty where source_id = ${sourceId}::uuid`.execute(tx)
  await resetCursor(tx, sourceId)
  await mark(
    tx,
    sourceId,
    sql`select distinct principal_id as entity from push
      where source_id = ${sourceId}::uuid`,
  )
}

async function resetCursor(tx: Tx, sourceId: string): Promise<void> {
  await sql`
    insert into push_cursor (source_id, usn, epoch)
    select ${sourceId}::uuid, usn, epoch from journal_head
    on conflict (source_id) do update set usn = excluded.usn, epoch = excluded.epoch`.execute(tx)
}
