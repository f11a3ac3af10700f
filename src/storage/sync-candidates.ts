import { sql } from 'kysely'
import { foldText } from '../directory/fold.ts'
import { FILTER_TEXTS } from '../sources/import.ts'
import type { PersonValues } from '../sources/source.ts'
import type { BatchResult, Round } from '../sources/sync-store.ts'
import type { Database } from './connection.ts'
import { lockRound, type Tx } from './sync-batch.ts'
import { usernameBaseOf } from './sync-create.ts'

/** Characters of a UPN, or name, by which candidates are in order. */
export const SORT_KEY_MAX = 256
/** They are in no use, so that many of them go at once. */
const SWEEP_BATCH = 1_000

interface Told {
  readonly externalId: string
  readonly values: PersonValues
}

/** Keeps what was told of people who are not imported, and, in a full round, that they were seen. */
export async function writeCandidates(
  tx: Tx,
  round: Round,
  batch: { readonly told: readonly Told[]; readonly seen: readonly string[] },
): Promise<void> {
  const { sourceId, generation, mode } = round
  if (batch.told.length > 0) {
    await sql`
      insert into source_candidate as c (source_id, external_id, attributes, sort_key, upn_folded,
        mail_folded, username_base, folded, searched, generation)
      select ${sourceId}::uuid, r.external_id, r.attributes, r.sort_key, r.upn_folded,
        r.mail_folded, r.username_base, r.folded, r.searched, ${generation}
      from jsonb_to_recordset(${JSON.stringify(batch.told.map(candidateRow))}::jsonb)
        as r (external_id text, attributes jsonb, sort_key text, upn_folded text,
          mail_folded text, username_base text, folded jsonb, searched text)
      on conflict (source_id, external_id) do update set attributes = excluded.attributes,
        sort_key = excluded.sort_key, upn_folded = excluded.upn_folded,
        mail_folded = excluded.mail_folded, username_base = excluded.username_base,
        folded = excluded.folded, searched = excluded.searched, generation = excluded.generation,
        changed_at = clock_timestamp()`.execute(tx)
  }
  if (mode === 'delta' || batch.seen.length === 0) return
  await sql`
    update source_candidate set generation = ${generation}
    where source_id = ${sourceId}::uuid and external_id = any(${batch.seen}::text[])
      and generation <> ${generation}`.execute(tx)
}

function candidateRow({ externalId, values }: Told): Record<string, unknown> {
  const { userPrincipalName = null, mail = null, displayName = null } = values
  const shown = userPrincipalName ?? displayName ?? externalId
  return {
    external_id: externalId,
    attributes: values,
    sort_key: foldText(shown).slice(0, SORT_KEY_MAX),
    upn_folded: userPrincipalName === null ? null : foldText(userPrincipalName),
    mail_folded: mail === null ? null : foldText(mail),
    username_base: usernameBaseOf(externalId, values),
    folded: Object.fromEntries(
      FILTER_TEXTS.flatMap((name) => {
        const value = values[name] ?? null
        return value === null ? [] : [[name, foldText(value)]]
      }),
    ),
    searched: foldText([displayName, userPrincipalName, mail].filter(Boolean).join(' ')),
  }
}

/** They have come in, or are gone: nothing is kept of who is neither here nor there. */
export async function dropCandidates(
  tx: Tx,
  sourceId: string,
  externalIds: readonly string[],
): Promise<void> {
  if (externalIds.length === 0) return
  await sql`
    delete from source_candidate
    where source_id = ${sourceId}::uuid and external_id = any(${externalIds}::text[])`.execute(tx)
}

/**
 * Candidates whom a full round did not show. Should one come back, no delta will tell of the groups
 * she is in.
 */
export async function sweepCandidates(db: Database, round: Round): Promise<BatchResult | null> {
  const items = await db.transaction(async (tx) => {
    await lockRound(tx, round)
    const { rows } = await sql<{ count: number }>`
      with swept as (
        delete from source_candidate where (source_id, external_id) in (
          select source_id, external_id from source_candidate
          where source_id = ${round.sourceId}::uuid and generation < ${round.generation}
          limit ${SWEEP_BATCH})
        returning source_id, external_id),
      remembered as (
        insert into source_gone (source_id, external_id)
        select source_id, external_id from swept on conflict do nothing)
      select count(*) as count from swept`.execute(tx)
    return rows[0]?.count ?? 0
  })
  return items === 0 ? null : { counts: {}, items }
}
