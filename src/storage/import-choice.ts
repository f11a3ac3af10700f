import { type RawBuilder, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import type { By, Choice, DecisionMade, PersonFilter } from '../sources/import.ts'
import type { Database } from './connection.ts'
import { matches } from './import-filter.ts'
import { journal } from './journal.ts'
import type { Tx } from './sync-batch.ts'
import { SORT_KEY_MAX } from './sync-candidates.ts'

/** People named one by one; whoever means more of them says it by a filter. */
const LISTED_MAX = 10_000

/** Joins what was said of each candidate `c` as `x`. */
export function joinChoice(sessionId: string): RawBuilder<unknown> {
  return sql`left join import_choice x on x.session_id = ${sessionId}::uuid
    and x.external_id = c.external_id`
}

/**
 * True of a candidate `c`, with what was said of her as `x`, who is chosen. With `until`, a filter
 * counts only for those of whom nothing was told since: what it finds is what an admin has seen.
 */
export function isChosen(choice: {
  readonly matching: PersonFilter | null
  readonly until: string | null
}): RawBuilder<boolean> {
  const { matching, until } = choice
  const isFound = matching === null ? sql`false` : matches(matching)
  const isSeen = until === null ? sql`true` : sql`c.changed_at <= ${until}::timestamptz`
  return sql`coalesce(x.is_chosen, ${isFound} and ${isSeen})`
}

interface Open {
  readonly id: string
  readonly source_id: string
}

export async function choose(db: Database, id: string, choice: Choice): Promise<void> {
  await db.transaction(async (tx) => {
    const session = await reopen(tx, id)
    if (choice.matching !== undefined) {
      const matching = choice.matching === null ? null : JSON.stringify(choice.matching)
      await sql`
        update import_session set matching = ${matching}::jsonb where id = ${id}::uuid`.execute(tx)
      // A new filter begins anew; whom somebody may be here, stays said.
      await sql`
        delete from import_choice
        where session_id = ${id}::uuid and (decision is null or ${matching === null})`.execute(tx)
    }
    await list(tx, session, { people: choice.with, isChosen: true })
    await list(tx, session, { people: choice.without, isChosen: false })
  })
}

async function list(
  tx: Tx,
  session: Open,
  named: { readonly people: readonly string[]; readonly isChosen: boolean },
): Promise<void> {
  if (named.people.length === 0) return
  const ids = await findPeople(tx, session.source_id, named.people)
  await sql`
    insert into import_choice (session_id, external_id, is_chosen)
    select ${session.id}::uuid, id, ${named.isChosen} from unnest(${ids}::text[]) as r (id)
    on conflict (session_id, external_id) do update set is_chosen = excluded.is_chosen`.execute(tx)
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from import_choice where session_id = ${session.id}::uuid`.execute(tx)
  if ((rows[0]?.count ?? 0) <= LISTED_MAX) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `no more than ${LISTED_MAX} people can be named one by one: say whom you mean by a filter`,
  )
}

/** External ids of people who can be imported; those who are here already are passed over. */
async function findPeople(
  tx: Tx,
  sourceId: string,
  references: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await sql<{ asked: string; id: string | null; is_here: boolean }>`
    select r.asked, coalesce(c.external_id, n.external_id) as id,
      exists (select 1 from source_link l
        where l.source_id = ${sourceId}::uuid and l.object_kind = 'person' and l.removed_at is null
          and (l.external_id = r.asked or exists (select 1 from person p
            where p.id = l.principal_id and p.user_principal_name_folded = r.folded))) as is_here
    from unnest(${references}::text[], ${references.map(foldText)}::text[]) as r (asked, folded)
    left join source_candidate c on c.source_id = ${sourceId}::uuid and c.external_id = r.asked
    left join source_candidate n on n.source_id = ${sourceId}::uuid and n.upn_folded = r.folded
      and n.sort_key = left(r.folded, ${SORT_KEY_MAX})`.execute(tx)
  const unknown = rows.filter(({ id, is_here }) => id === null && !is_here)
  if (unknown.length > 0) {
    const some = unknown.slice(0, 5).map(({ asked }) => asked)
    throw new DirectoryError(
      'DIRECTORY_NOT_FOUND',
      `the source has told of nobody with such an id or UPN: ${some.join(', ')}`,
    )
  }
  return [...new Set(rows.flatMap(({ id }) => id ?? []))]
}

export async function decide(
  db: Database,
  id: string,
  word: {
    readonly person: string
    readonly decision: DecisionMade | null
    readonly by: By
  },
): Promise<void> {
  const { person, decision, by } = word
  await db.write(async (tx) => {
    const session = await reopen(tx, id)
    const [externalId] = await findPeople(tx, session.source_id, [person])
    if (externalId === undefined) {
      throw new DirectoryError('DIRECTORY_REFUSED', `${person} is imported already`)
    }
    const principalId =
      decision?.kind === 'link' ? await findLinkable(tx, session.source_id, decision.to) : null
    await sql`
      insert into import_choice (session_id, external_id, is_chosen, decision, principal_id)
      values (${id}::uuid, ${externalId}, true, ${decision?.kind ?? null}, ${principalId}::uuid)
      on conflict (session_id, external_id) do update set is_chosen = true,
        decision = excluded.decision, principal_id = excluded.principal_id`.execute(tx)
    const kind = decision?.kind ?? null
    const detail = { import: session.id, externalId, decision: kind, person: principalId }
    journal(tx, { kind: 'source.import-decided', entity: session.source_id, actor: by, detail })
  })
}

/**
 * Somebody who lives here and is no object of the source, or no more. An account that was her master
 * keeps her, though it is gone: by it she would be restored.
 */
async function findLinkable(tx: Tx, sourceId: string, reference: string): Promise<string> {
  const { rows } = await sql<{ id: string; username: string; is_linked: boolean }>`
    select p.id, p.username, exists (select 1 from source_link l
      where l.source_id = ${sourceId}::uuid and l.principal_id = p.id
        and (l.removed_at is null or l.is_master)) as is_linked
    from person p join principal q on q.id = p.id and q.lifecycle <> 'deleted'
    where p.id::text = ${reference} or p.username_folded = ${foldText(reference)}
      or p.id = (select principal_id from login_name
        where folded = ${foldText(reference)} and not is_contested)
    for update of q`.execute(tx)
  const [found, ...others] = rows
  if (found === undefined || others.length > 0) {
    throw new DirectoryError('DIRECTORY_NOT_FOUND', `there is no person ${reference}`)
  }
  if (!found.is_linked) return found.id
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `${found.username} comes from this source already, as another account there`,
  )
}

/** Locks a session to be changed: whatever was previewed, or run, of it is over. */
async function reopen(tx: Tx, id: string): Promise<Open> {
  const { rows } = await sql<Open & { state: string }>`
    select id, source_id, state from import_session where id::text = ${id} for update`.execute(tx)
  const [session] = rows
  if (session === undefined) throw noSession(id)
  if (session.state === 'running') {
    throw new DirectoryError('DIRECTORY_CONFLICT', 'the import is running: wait until it is done')
  }
  await sql`
    update import_session set state = 'draft', error = null, changed_at = clock_timestamp()
    where id = ${session.id}::uuid`.execute(tx)
  return session
}

export function noSession(id: string): DirectoryError {
  return new DirectoryError('DIRECTORY_NOT_FOUND', `there is no import ${id}`)
}
