import { sql } from 'kysely'
import type { GroupVerdict } from '../sources/judge-groups.ts'
import type { PersonVerdict } from '../sources/judge-people.ts'
import type {
  JudgeGroups,
  JudgePeople,
  Preview,
  PreviewExample,
  Round,
} from '../sources/sync-store.ts'
import type { Database } from './connection.ts'
import { readGroupBatch } from './sync-groups.ts'
import { readPeopleBatch } from './sync-people.ts'

/** What a batch of a round would do to people. */
export async function previewPeople(
  db: Database,
  round: Round,
  options: { readonly afterSeq: number; readonly judge: JudgePeople },
): Promise<Preview | null> {
  const batch = await db.transaction((tx) => readPeopleBatch(tx, round, options.afterSeq))
  if (batch === null) return null
  const verdicts = options.judge(batch)
  const count = (test: (verdict: PersonVerdict) => boolean) => verdicts.filter(test).length
  return {
    lastSeq: batch.lastSeq,
    counts: {
      created: count(({ act }) => act === 'create'),
      updated: count(({ act }) => act === 'update'),
      restored: count(({ act }) => act === 'restore'),
      removed: count(({ act }) => act === 'remove'),
      suspended: count(({ hold, act }) => hold === 'set' && act !== 'create'),
      resumed: count(({ hold }) => hold === 'lift'),
      waiting: count(({ hold, act }) => act === 'wait' || hold === 'wait'),
      proposed: count(
        ({ act, externalId }) => act === 'propose' && !batch.known.candidates.has(externalId),
      ),
    },
    examples: verdicts.flatMap((verdict) => {
      const { userPrincipalName, displayName } = verdict.values
      return example(verdict.hold === 'set' && verdict.act !== 'create' ? 'suspend' : verdict.act, {
        name: userPrincipalName ?? displayName ?? verdict.externalId,
      })
    }),
  }
}

/** The same for groups; members are counted by what is known of them now. */
export async function previewGroups(
  db: Database,
  round: Round,
  options: { readonly afterSeq: number; readonly judge: JudgeGroups },
): Promise<Preview | null> {
  const batch = await db.transaction((tx) => readGroupBatch(tx, round, options.afterSeq))
  if (batch === null) return null
  const verdicts = options.judge(batch)
  const count = (test: (verdict: GroupVerdict) => boolean) => verdicts.filter(test).length
  const edges = verdicts.flatMap(({ externalId, members }) =>
    members.map(({ externalId: m, isMember }) => ({ g: externalId, m, is: isMember })),
  )
  const { rows } = await sql<{ added: number; removed: number }>`
    select count(*) filter (where r."is" and e.source_id is null) as added,
      count(*) filter (where not r."is" and e.source_id is not null) as removed
    from jsonb_to_recordset(${JSON.stringify(edges)}::jsonb) as r (g text, m text, "is" boolean)
    left join source_member e on e.source_id = ${round.sourceId}::uuid
      and e.group_external_id = r.g and e.member_external_id = r.m`.execute(db.kysely)
  return {
    lastSeq: batch.lastSeq,
    counts: {
      created: count(({ act }) => act === 'create'),
      updated: count(({ act }) => act === 'update'),
      restored: count(({ act }) => act === 'restore'),
      removed: count(({ act }) => act === 'remove'),
      waiting: count(({ act }) => act === 'wait'),
      membersAdded: rows[0]?.added ?? 0,
      membersRemoved: rows[0]?.removed ?? 0,
    },
    examples: verdicts.flatMap(({ act, values, externalId }) =>
      example(act, { name: values.displayName ?? externalId }),
    ),
  }
}

function example(act: string, who: { readonly name: string }): readonly PreviewExample[] {
  return isShown(act) ? [{ act, name: who.name }] : []
}

const SHOWN: ReadonlySet<string> = new Set([
  'create',
  'update',
  'restore',
  'remove',
  'suspend',
  'wait',
])

function isShown(act: string): act is PreviewExample['act'] {
  return SHOWN.has(act)
}
