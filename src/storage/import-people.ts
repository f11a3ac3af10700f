import { type RawBuilder, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type {
  Decision,
  Namesake,
  PeoplePage,
  PeopleQuery,
  SessionPerson,
} from '../sources/import.ts'
import type { PersonValues } from '../sources/source.ts'
import type { Database } from './connection.ts'
import { isChosen, joinChoice } from './import-choice.ts'
import { MAY_BE_HERE, matches, matchesLinked } from './import-filter.ts'
import type { SessionRow } from './import-sessions.ts'
import type { Tx } from './sync-batch.ts'
import { proposeUsernames } from './sync-names.ts'

interface PersonRow {
  readonly external_id: string
  readonly attributes: PersonValues
  readonly roles: readonly string[]
  readonly groups: number
  readonly linked_to: string | null
}

interface LinkedRow extends PersonRow {
  readonly is_deleted: boolean
}

interface CandidateRow extends PersonRow {
  readonly sort_key: string
  readonly upn_folded: string | null
  readonly mail_folded: string | null
  readonly username_base: string
  readonly is_chosen: boolean
  readonly decision: Decision | null
  readonly may_be_here: boolean
}

/** Where a page ended: among the candidates, by name; then among those linked, by id. */
type Mark =
  | { readonly among: 'candidates'; readonly sortKey: string; readonly id: string }
  | { readonly among: 'linked'; readonly id: string }

const START: Mark = { among: 'candidates', sortKey: '', id: '' }

/** A page of a source's people: those who could come in, by name, then those who are in. */
export async function listPeople(
  db: Database,
  session: SessionRow,
  query: PeopleQuery,
): Promise<PeoplePage> {
  const mark = query.after === null ? START : parseMark(query.after)
  const isOfLinked = query.match === 'linked' || query.match === 'deleted'
  return db.transaction(async (tx) => {
    const candidates =
      mark.among === 'linked' || isOfLinked
        ? []
        : await readCandidates(tx, session, { query, mark })
    if (candidates.length > query.limit) {
      const shown = candidates.slice(0, query.limit)
      return { people: await show(tx, session, shown), next: markAfter(shown) }
    }
    const people = await show(tx, session, candidates)
    const wantsLinked = query.match === null || isOfLinked
    if (!wantsLinked || query.isChosen === true) return { people, next: null }
    const after = mark.among === 'linked' ? mark.id : ''
    const limit = query.limit - candidates.length
    const linked = await readLinked(tx, session, { query, after, limit })
    const shown = linked.slice(0, limit)
    const last = shown.at(-1)?.external_id ?? after
    return {
      people: [...people, ...shown.map((row) => showLinked(session, row))],
      next: linked.length > limit ? formatMark({ among: 'linked', id: last }) : null,
    }
  })
}

function markAfter(rows: readonly CandidateRow[]): string | null {
  const last = rows.at(-1)
  if (last === undefined) return null
  return formatMark({ among: 'candidates', sortKey: last.sort_key, id: last.external_id })
}

function formatMark(mark: Mark): string {
  return Buffer.from(JSON.stringify(mark)).toString('base64url')
}

/** @throws {DirectoryError} `DIRECTORY_REFUSED` for what {@link formatMark} has not made */
function parseMark(text: string): Mark {
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>
    const { among, id, sortKey } = value as { among: unknown; id: unknown; sortKey: unknown }
    if (among === 'linked' && typeof id === 'string') return { among, id }
    if (among === 'candidates' && typeof id === 'string' && typeof sortKey === 'string')
      return { among, sortKey, id }
  } catch {
    // Said below, as of any other text.
  }
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    '`after` is not what an earlier page gave as `next`',
  )
}

/** Roles of a person `c` in the tenant, her own and those of groups she is directly in. */
export function rolesIn(sessionId: string): RawBuilder<readonly string[]> {
  return sql`array(
    select distinct r.role from import_role r
    where r.session_id = ${sessionId}::uuid and (r.external_id = c.external_id
      or r.external_id in (select m.group_external_id from source_member m
        where m.source_id = c.source_id and m.member_external_id = c.external_id))
    order by 1)`
}

/** How many groups that live here a person `c` is directly in. */
export const GROUPS: RawBuilder<number> = sql`(
  select count(*) from source_member m
  join source_link g on g.source_id = m.source_id and g.object_kind = 'group'
    and g.external_id = m.group_external_id and g.removed_at is null
  where m.source_id = c.source_id and m.member_external_id = c.external_id)`

async function readCandidates(
  tx: Tx,
  session: SessionRow,
  page: { readonly query: PeopleQuery; readonly mark: Extract<Mark, { among: 'candidates' }> },
): Promise<readonly CandidateRow[]> {
  const { query, mark } = page
  const chosen = isChosen({ matching: session.matching, until: null })
  const conditions = [
    sql`c.source_id = ${session.source_id}::uuid`,
    sql`(c.sort_key, c.external_id) > (${mark.sortKey}, ${mark.id})`,
    matches(query.filter),
    ...(query.isChosen === null ? [] : [sql`${chosen} = ${query.isChosen}::boolean`]),
    ...(query.match === null ? [] : [sql`${MAY_BE_HERE} = ${query.match === 'conflict'}::boolean`]),
  ]
  const { rows } = await sql<CandidateRow>`
    select c.external_id, c.sort_key, c.attributes, c.upn_folded, c.mail_folded, c.username_base,
      ${chosen} as is_chosen, x.decision, p.username as linked_to, ${MAY_BE_HERE} as may_be_here,
      ${GROUPS} as groups, ${rolesIn(session.id)} as roles
    from source_candidate c ${joinChoice(session.id)}
    left join person p on p.id = x.principal_id
    where ${sql.join(conditions, sql` and `)}
    order by c.sort_key, c.external_id limit ${query.limit + 1}`.execute(tx)
  return rows
}

async function readLinked(
  tx: Tx,
  session: SessionRow,
  page: { readonly query: PeopleQuery; readonly after: string; readonly limit: number },
): Promise<readonly LinkedRow[]> {
  const { match } = page.query
  const isAsked =
    match === null ? sql`true` : sql`pr.is_deleted_here = ${match === 'deleted'}::boolean`
  const { rows } = await sql<LinkedRow>`
    select c.external_id, c.attributes, p.username as linked_to, ${GROUPS} as groups,
      ${rolesIn(session.id)} as roles, pr.is_deleted_here as is_deleted
    from source_link c join person p on p.id = c.principal_id
      join principal pr on pr.id = c.principal_id
    where c.source_id = ${session.source_id}::uuid and c.object_kind = 'person'
      and c.removed_at is null and c.external_id > ${page.after}
      and ${matchesLinked(page.query.filter)} and ${isAsked}
    order by c.external_id limit ${page.limit + 1}`.execute(tx)
  return rows
}

async function show(
  tx: Tx,
  session: SessionRow,
  rows: readonly CandidateRow[],
): Promise<readonly SessionPerson[]> {
  if (rows.length === 0) return []
  const fresh = rows.filter(({ decision }) => decision !== 'link')
  const bases = fresh.map((row) => row.username_base)
  const usernames = await proposeUsernames(tx, bases)
  const proposed = new Map(
    fresh.map(({ external_id }, at) => [external_id, { username: usernames[at] ?? null }]),
  )
  const holders = await readHolders(tx, session, rows)
  return rows.map((row) => ({
    ...showValues(session, row),
    match: row.may_be_here ? 'conflict' : 'new',
    isChosen: row.is_chosen,
    decision: row.decision,
    linkedTo: row.linked_to,
    namesakes: namesakesOf(row, holders),
    username: null,
    uidNumber: null,
    ...proposed.get(row.external_id),
  }))
}

function showLinked(session: SessionRow, row: LinkedRow): SessionPerson {
  return {
    ...showValues(session, row),
    match: row.is_deleted ? 'deleted' : 'linked',
    isChosen: false,
    decision: null,
    linkedTo: row.linked_to,
    namesakes: [],
    username: null,
    uidNumber: null,
  }
}

function showValues(session: SessionRow, { external_id, attributes, roles, groups }: PersonRow) {
  const {
    userPrincipalName = null,
    displayName = null,
    mail = null,
    department = null,
  } = attributes
  return {
    externalId: external_id,
    userPrincipalName,
    displayName,
    mail,
    department,
    isLicensed: attributes.isLicensed === true,
    isGuest: attributes.isGuest === true,
    isDisabled: attributes.isEnabled === false,
    isOnPremises: attributes.isSyncedFromOnPremises === true,
    roles: session.roles_unknown === null ? roles : null,
    groups,
  }
}

interface Holder {
  readonly folded: string
  readonly id: string
  readonly username: string
  readonly is_same_source: boolean
}

/** Who has, of the names these candidates would have, which. */
async function readHolders(
  tx: Tx,
  session: SessionRow,
  rows: readonly CandidateRow[],
): Promise<ReadonlyMap<string, Holder>> {
  const names = rows.flatMap((row) => [row.upn_folded, row.mail_folded, row.username_base])
  const { rows: holders } = await sql<Holder>`
    select n.folded, p.id, p.username, exists (select 1 from source_link l
      where l.source_id = ${session.source_id}::uuid and l.principal_id = p.id
        and (l.removed_at is null or l.is_master)) as is_same_source
    from login_name n join person p on p.id = n.principal_id
    join principal q on q.id = p.id and q.lifecycle <> 'deleted'
    where n.folded = any(${names}::text[])`.execute(tx)
  return new Map(holders.map((holder) => [holder.folded, holder]))
}

function namesakesOf(row: CandidateRow, holders: ReadonlyMap<string, Holder>): readonly Namesake[] {
  const found = new Map<string, Namesake>()
  for (const [by, name] of [
    ['userPrincipalName', row.upn_folded],
    ['mail', row.mail_folded],
    ['username', row.username_base],
  ] as const) {
    const holder = name === null ? undefined : holders.get(name)
    if (holder === undefined || found.has(holder.id)) continue
    const { id, username, is_same_source } = holder
    found.set(id, { id, username, by, canLink: !is_same_source })
  }
  return [...found.values()]
}
