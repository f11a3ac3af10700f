import { sql } from 'kysely'
import type { ImportPreview, SessionPerson } from '../sources/import.ts'
import type { Database } from './connection.ts'
import { isChosen, joinChoice } from './import-choice.ts'
import { MAY_BE_HERE } from './import-filter.ts'
import { GROUPS, listPeople, rolesIn } from './import-people.ts'
import type { SessionRow } from './import-sessions.ts'
import { peekNumbers } from './sync-posix.ts'
import { MARK_FORMAT } from './sync-sources.ts'

/** Shown of those who would come in; the list of the session's people has them all. */
const EXAMPLES = 20

type Totals = Pick<
  ImportPreview,
  'count' | 'linked' | 'undecided' | 'guests' | 'disabled' | 'unlicensed' | 'memberships'
> & { readonly until: string; readonly on_premises: number; readonly with_roles: number }

/** What a run would do, were it begun now. */
export async function previewSession(db: Database, session: SessionRow): Promise<ImportPreview> {
  const { matching } = session
  const { rows } = await sql<Totals>`
    with chosen as materialized (
      select c.source_id, c.external_id, c.attributes, x.decision,
        x.decision is null and ${MAY_BE_HERE} as is_undecided
      from source_candidate c ${joinChoice(session.id)}
      where c.source_id = ${session.source_id}::uuid and ${isChosen({ matching, until: null })})
    select to_char(statement_timestamp() at time zone 'UTC', ${MARK_FORMAT}) as until,
      count(*) as count,
      count(*) filter (where decision = 'link') as linked,
      count(*) filter (where is_undecided) as undecided,
      count(*) filter (where (attributes ->> 'isGuest')::boolean) as guests,
      count(*) filter (where not (attributes ->> 'isEnabled')::boolean) as disabled,
      count(*) filter (where (attributes ->> 'isSyncedFromOnPremises')::boolean) as on_premises,
      count(*) filter (where not coalesce((attributes ->> 'isLicensed')::boolean, false))
        as unlicensed,
      count(*) filter (where cardinality(${rolesIn(session.id)}) > 0) as with_roles,
      coalesce(sum(${GROUPS}) filter (where not is_undecided), 0)::integer as memberships
    from chosen c`.execute(db.kysely)
  const { on_premises: onPremises = 0, with_roles: withRoles = 0, ...totals } = rows[0] ?? NOTHING
  const page = { filter: {}, match: null, isChosen: true, after: null, limit: EXAMPLES }
  const { people } = await listPeople(db, session, page)
  const { numbers, left } = await db.transaction((tx) => peekNumbers(tx, EXAMPLES))
  return {
    ...totals,
    created: totals.count - totals.linked - totals.undecided,
    onPremises,
    withRoles: session.roles_unknown === null ? withRoles : null,
    numbers: { first: numbers[0] ?? 0, left },
    people: numbered(people, numbers),
  }
}

/** The first of all who are chosen are the first to get a number; conflicts and links get none. */
function numbered(
  people: readonly SessionPerson[],
  numbers: readonly number[],
): readonly SessionPerson[] {
  const free = numbers.values()
  return people.map((person) => {
    const { match, decision } = person
    const isMade = decision === 'separate' || (decision === null && match === 'new')
    return isMade ? { ...person, uidNumber: free.next().value ?? null } : person
  })
}

const NOTHING: Totals = {
  until: '',
  count: 0,
  linked: 0,
  undecided: 0,
  guests: 0,
  disabled: 0,
  on_premises: 0,
  unlicensed: 0,
  with_roles: 0,
  memberships: 0,
}
