import { isDeepStrictEqual } from 'node:util'
import { sql } from 'kysely'
import type { Tx } from './sync-batch.ts'
import type { ChangeAct } from './sync-changes.ts'

/** What a round did to one person, group or membership, and how that stands now. */
export interface Undoable {
  readonly id: number
  readonly kind: 'person' | 'group' | 'membership'
  readonly act: ChangeAct
  readonly subject: string
  readonly memberNo: number | null
  readonly before: Readonly<Record<string, unknown>> | null
  readonly after: Readonly<Record<string, unknown>> | null
  /** What an admin calls it. */
  readonly name: string
  readonly entity: string | null
  readonly username: string
  readonly isLinked: boolean
  /** Of whose link there is none any more, or never was. */
  readonly hasLink: boolean
  readonly lifecycle: string | null
  readonly isMaster: boolean
  readonly isProtected: boolean
  readonly isDeletedHere: boolean
  readonly isForgotten: boolean
  readonly isHeld: boolean
  readonly values: Readonly<Record<string, unknown>>
  /** Names that are mastered here. */
  readonly mastered: readonly string[]
  readonly isMember: boolean
  /** Of a membership: both ends live, and the group is the source's. */
  readonly hasEnds: boolean
  /** Of a group, or a person's membership in it: who its people are is decided here by now. */
  readonly isDecidedHere: boolean
  /** A later round, which stands, has had its say about the same: how it is now is that one's doing. */
  readonly isDoneAgain: boolean
}

export type Verdict =
  | { readonly do: 'nothing' }
  | { readonly do: 'keep'; readonly why: string }
  | { readonly do: 'delete' | 'restore' | 'hold' | 'free' | 'add' | 'take-out' }
  /** Gives back the values of these names; what of them shows here, and was not changed since. */
  | { readonly do: 'give-back'; readonly names: readonly string[]; readonly why: string | null }

/** An admin has taken it over since. */
const DECIDED_HERE = 'its people are decided on here'
const NOTHING: Verdict = { do: 'nothing' }

/** What is to be done to take one change back; where it stands otherwise by now, it is kept. */
export function judgeUndo(change: Undoable): Verdict {
  const verdict = judgeAlone(change)
  const isKept = verdict.do === 'nothing' || verdict.do === 'keep' || verdict.do === 'give-back'
  return isKept || !change.isDoneAgain ? verdict : keep('done again since')
}

function judgeAlone(change: Undoable): Verdict {
  if (change.kind === 'membership') return judgeMembership(change)
  if (!change.hasLink) return NOTHING
  switch (change.act) {
    case 'created':
    case 'restored':
      return judgeArrival(change)
    case 'removed':
      return judgeRemoval(change)
    case 'changed':
      return judgeValues(change)
    case 'held':
      return change.isHeld ? { do: 'free' } : NOTHING
    case 'freed':
      return judgeFreed(change)
  }
}

function judgeMembership({ act, isMember, hasEnds, isDecidedHere }: Undoable): Verdict {
  if ((act === 'created') !== isMember) return NOTHING
  if (isDecidedHere) return keep(DECIDED_HERE)
  if (isMember) return { do: 'take-out' }
  return hasEnds ? { do: 'add' } : keep('the group, or the member, is gone')
}

function judgeArrival(change: Undoable): Verdict {
  const { act, kind, isLinked, lifecycle, isProtected } = change
  if (!isLinked || lifecycle === 'deleted') return NOTHING
  if (isProtected) return keep('protected')
  if (change.isDecidedHere) return keep(DECIDED_HERE)
  if (act === 'created' && kind === 'person' && lifecycle === 'active')
    return keep('activated since')
  return { do: 'delete' }
}

function judgeRemoval(change: Undoable): Verdict {
  if (change.isLinked) return NOTHING
  if (change.isDeletedHere) return keep('deleted here since')
  if (change.isForgotten) return keep('what was known is gone')
  return { do: 'restore' }
}

function judgeFreed({ isHeld, isLinked, isProtected }: Undoable): Verdict {
  if (isHeld || !isLinked) return NOTHING
  return isProtected ? keep('protected') : { do: 'hold' }
}

function judgeValues(change: Undoable): Verdict {
  const { after, values, mastered, isForgotten } = change
  if (isForgotten) return keep('what was known is gone')
  const told = Object.keys(after ?? {})
  const names = told.filter((name) =>
    isDeepStrictEqual(values[name] ?? null, after?.[name] ?? null),
  )
  const lost = told.filter((name) => !names.includes(name))
  const edited = names.filter((name) =>
    mastered.includes(name === 'managerExternalId' ? 'manager' : name),
  )
  const why = [
    ...(lost.length === 0 ? [] : [`changed since: ${lost.join(', ')}`]),
    ...(edited.length === 0 ? [] : [`mastered here: ${edited.join(', ')}`]),
  ].join('; ')
  if (names.length === 0) return keep(why)
  return { do: 'give-back', names, why: why === '' ? null : why }
}

function keep(why: string): Verdict {
  return { do: 'keep', why }
}

/** Of round `r`: it read the source, and has not been taken back. */
const STANDS = sql`(r.mode <> 'undo' and not exists (select from sync_round u
  where u.undoes = r.id and u.state = 'done' and not exists (select from sync_round again
    where again.undoes = u.id and again.state = 'done')))`

/** The changes of a round before `before`, the last first, each with how it stands now. */
export async function readUndoables(
  tx: Tx,
  round: { readonly id: string; readonly sourceId: string },
  page: { readonly before: number; readonly limit: number },
): Promise<readonly Undoable[]> {
  const { rows } = await sql<Undoable>`
    with batch as (
      select * from sync_change where round_id = ${round.id}::uuid and id < ${page.before}
      order by id desc limit ${page.limit})
    select c.id, c.object_kind as kind, c.act, c.subject, c.member_no as "memberNo",
      c.before, c.after,
      coalesce(n.username, g.name, m.name || ': ' || coalesce(mn.username, mg.name, '?'), c.subject)
        as name,
      coalesce(l.principal_id, l.group_id, m.id) as entity, coalesce(n.username, '') as username,
      l.source_id is not null as "hasLink", coalesce(l.removed_at is null, false) as "isLinked",
      coalesce(p.lifecycle, g.lifecycle) as lifecycle, coalesce(l.is_master, true) as "isMaster",
      coalesce(p.is_protected, false) as "isProtected",
      coalesce(p.is_deleted_here, false) as "isDeletedHere",
      coalesce(n.username_folded = 'deleted-' || n.uid_number, false) as "isForgotten",
      h.principal_id is not null as "isHeld", coalesce(l.attributes, '{}') as values,
      array(select a.attribute from authority a
        where a.principal_id = l.principal_id and a.source_id is null) as mastered,
      e.group_no is not null as "isMember",
      coalesce(m.lifecycle = 'active' and m.origin = 'mirrored'
        and coalesce(mp.lifecycle, mg.lifecycle) <> 'deleted'
        and exists (select from source_link x where x.source_id = ${round.sourceId}::uuid
          and x.removed_at is null and (x.principal_id = mp.id or x.group_id = mg.id)), false)
        as "hasEnds",
      exists (select from source_link y where y.group_id = coalesce(m.id, l.group_id)
        and y.members_here and y.removed_at is null and mg.id is null) as "isDecidedHere",
      c.act <> 'changed' and exists (select from sync_change d
        join sync_round r on r.id = d.round_id and ${STANDS}
        where d.act <> 'changed' and d.subject = c.subject and d.object_kind = c.object_kind
          and d.member_no is not distinct from c.member_no and d.id > c.id
          and r.source_id = ${round.sourceId}::uuid and r.id <> c.round_id
          and (d.act in ('held', 'freed')) = (c.act in ('held', 'freed'))) as "isDoneAgain"
    from batch c
    left join source_link l on c.object_kind <> 'membership' and l.source_id = ${round.sourceId}::uuid
      and l.object_kind = c.object_kind and l.external_id = c.subject
    left join principal p on p.id = l.principal_id
    left join person n on n.id = l.principal_id
    left join directory_group g on g.id = l.group_id
    left join hold h on h.principal_id = l.principal_id
      and h.reason = ${`source:${round.sourceId}`}
    left join directory_group m on c.object_kind = 'membership'
      and m.id = case when c.object_kind = 'membership' then c.subject::uuid end
    left join principal mp on mp.no = c.member_no
    left join person mn on mn.id = mp.id
    left join directory_group mg on mg.no = c.member_no
    left join membership e on e.group_no = m.no and e.member_no = c.member_no
    order by c.id desc`.execute(tx)
  return rows
}
