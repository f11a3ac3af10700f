import { sql } from 'kysely'
import {
  type EditableAttribute,
  type Edits,
  faultOfEdit,
  isEditable,
  isLoginAddress,
  type MasteredName,
} from '../directory/attributes.ts'
import { DirectoryError } from '../directory/errors.ts'
import { foldText } from '../directory/fold.ts'
import type { PersonAttributes } from '../directory/person.ts'
import { nameOf, readToldManager, refuseManager } from './person-manager.ts'
import type { Tx } from './sync-batch.ts'
import { claimedNames, writeLoginNames } from './sync-login-names.ts'
import { attributesFrom, personRow, updatePeople } from './sync-person-rows.ts'

/** What an edit did to a person: names and values, for the journal. */
export interface Edited {
  readonly before: Readonly<Record<string, string | null>>
  readonly after: Readonly<Record<string, string | null>>
  /** Other principals for whom an address began or ceased to work. */
  readonly others: ReadonlySet<string>
}

interface PersonNow {
  readonly attributes: PersonAttributes
  readonly username: string
  readonly isGuest: boolean
  readonly managerId: string | null
}

/**
 * Changes attributes of a locked person, who is from then on mastered here in those. Null when she
 * has all those values already.
 *
 * @throws {DirectoryError} `DIRECTORY_REFUSED` for a value that cannot be, for an address somebody else
 *   signs in with, and where a source masters her that we may not write
 */
export async function editPerson(tx: Tx, id: string, edits: Edits): Promise<Edited | null> {
  const { managerId, ...texts } = edits
  const given = Object.entries(texts) as [EditableAttribute, string | null][]
  for (const [name, value] of given) {
    const fault = faultOfEdit(name, value)
    if (fault !== null) throw new DirectoryError('DIRECTORY_REFUSED', fault)
  }
  const now = await readPerson(tx, id)
  const changed = given.filter(([name, value]) => now.attributes[name] !== value)
  const isMoved = managerId !== undefined && managerId !== now.managerId
  if (changed.length === 0 && !isMoved) return null
  await refuseMastered(tx, id)
  await refuseTaken(tx, id, changed)
  if (isMoved && managerId !== null) await refuseManager(tx, id, managerId)
  const names: MasteredName[] = changed.map(([name]) => name)
  if (isMoved) names.push('manager')
  await sql`
    insert into authority (principal_id, attribute)
    select ${id}::uuid, name from unnest(${names}::text[]) as n (name)
    on conflict (principal_id, attribute) do update set source_id = null`.execute(tx)
  return write(tx, { id, now, changed, managerId: isMoved ? managerId : now.managerId })
}

/**
 * Gives attributes back to the sources, whose last word holds again. Null when none was mastered
 * here.
 *
 * @throws {DirectoryError} `DIRECTORY_REFUSED` where no source masters her, and for an address somebody
 *   else signs in with by now
 */
export async function yieldAttributes(
  tx: Tx,
  id: string,
  names: readonly string[],
): Promise<Edited | null> {
  const { rows } = await sql<{ attribute: string }>`
    delete from authority
    where principal_id = ${id}::uuid and source_id is null and attribute = any(${[...names]}::text[])
    returning attribute`.execute(tx)
  const mastered = rows.map(({ attribute }) => attribute)
  const yielded = mastered.filter(isEditable)
  if (mastered.length === 0) return null
  const told = await readTold(tx, id)
  if (told === null) {
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      'no source masters this person, who would lose these values: change them here instead',
    )
  }
  const now = await readPerson(tx, id)
  const changed = yielded.map((name): [EditableAttribute, string | null] => [
    name,
    told[name] ?? null,
  ])
  await refuseTaken(
    tx,
    id,
    changed.filter(([name, value]) => now.attributes[name] !== value),
  )
  const managerId = mastered.includes('manager') ? await readToldManager(tx, id) : now.managerId
  return write(tx, { id, now, changed, managerId })
}

async function write(
  tx: Tx,
  parts: {
    readonly id: string
    readonly now: PersonNow
    readonly changed: readonly (readonly [EditableAttribute, string | null])[]
    readonly managerId: string | null
  },
): Promise<Edited> {
  const { id, now, changed, managerId } = parts
  const texts = Object.fromEntries(changed)
  const { username, isGuest } = now
  const values = { ...now.attributes, ...texts, isGuest }
  const row = { ...personRow(values, { username, managerId }), id }
  await updatePeople(tx, [row])
  const isMoved = managerId !== now.managerId
  const before = {
    ...Object.fromEntries(changed.map(([name]) => [name, now.attributes[name]])),
    ...(isMoved ? { manager: await nameOf(tx, now.managerId) } : {}),
  }
  const after = { ...texts, ...(isMoved ? { manager: await nameOf(tx, managerId) } : {}) }
  if (!changed.some(([name]) => isLoginAddress(name))) return { before, after, others: new Set() }
  const { userPrincipalName, mail } = values
  const names = claimedNames({ username, userPrincipalName, mail })
  return { before, after, others: await writeLoginNames(tx, [{ principalId: id, names }]) }
}

async function readPerson(tx: Tx, id: string): Promise<PersonNow> {
  const { rows } = await sql<{ person: Readonly<Record<string, unknown>> }>`
    select to_jsonb(p) as person from person p where id = ${id}::uuid for update`.execute(tx)
  const person = rows[0]?.person
  if (person === undefined)
    throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is no person with such an id')
  return {
    attributes: attributesFrom(person),
    username: String(person['username']),
    isGuest: person['is_guest'] === true,
    managerId: (person['manager_id'] as string | null) ?? null,
  }
}

async function readTold(
  tx: Tx,
  id: string,
): Promise<Readonly<Record<string, string | null>> | null> {
  const { rows } = await sql<{ attributes: Readonly<Record<string, string | null>> }>`
    select attributes from source_link
    where principal_id = ${id}::uuid and removed_at is null and is_master
    order by linked_at limit 1`.execute(tx)
  return rows[0]?.attributes ?? null
}

/** An address that leads to somebody would lead to nobody once two people claimed it. */
async function refuseTaken(
  tx: Tx,
  id: string,
  changed: readonly (readonly [EditableAttribute, string | null])[],
): Promise<void> {
  const addresses = changed.flatMap(([name, value]) =>
    isLoginAddress(name) && value !== null ? [foldText(value)] : [],
  )
  if (addresses.length === 0) return
  const { rows } = await sql<{ folded: string; username: string }>`
    select n.folded, p.username from login_name n join person p on p.id = n.principal_id
    where n.folded = any(${addresses}::text[]) and n.principal_id <> ${id}::uuid
    limit 1`.execute(tx)
  const taken = rows[0]
  if (taken === undefined) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `${taken.folded} is an address of ${taken.username}, who signs in with it: change hers first`,
  )
}

/** A source that only is read would bring its own value back; its admins decide there. */
async function refuseMastered(tx: Tx, id: string): Promise<void> {
  const { rows } = await sql<{ name: string; on_premises: boolean }>`
    select s.name, coalesce((l.attributes ->> 'isSyncedFromOnPremises')::boolean, false)
      as on_premises
    from source_link l join source s on s.id = l.source_id
    where l.principal_id = ${id}::uuid and l.removed_at is null and l.is_master
      and (coalesce(s.config ->> 'tier' not in ('write-back', 'password'), true)
        or (l.attributes ->> 'isSyncedFromOnPremises')::boolean)
    limit 1`.execute(tx)
  const source = rows[0]
  if (source === undefined) return
  const mend = source.on_premises
    ? 'the account comes from Active Directory on premises: change it there'
    : `change it there, or let Gatehouse write it: gatehouse source set-tier ${source.name} write-back`
  throw new DirectoryError('DIRECTORY_REFUSED', `${source.name} masters this person: ${mend}`)
}

/**
 * Values of those of `ids` in whom something is mastered here, whatever the source says. They are
 * locked, so that no edit comes between.
 */
export async function lockMastered(
  tx: Tx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Edits>> {
  if (ids.length === 0) return new Map()
  await sql`
    select 1 from principal where id = any(${[...ids]}::uuid[]) order by id for update`.execute(tx)
  const { rows } = await sql<{
    id: string
    attributes: readonly string[]
    person: Readonly<Record<string, unknown>>
  }>`
    select p.id, to_jsonb(p) as person, a.attributes
    from (select principal_id, array_agg(attribute) as attributes from authority
      where source_id is null and principal_id = any(${[...ids]}::uuid[])
      group by principal_id) a
    join person p on p.id = a.principal_id`.execute(tx)
  return new Map(
    rows.map(({ id, attributes, person }) => {
      const own = attributesFrom(person)
      const mastered = attributes
        .filter(isEditable)
        .map((name): [string, string | null] => [name, own[name]])
      if (attributes.includes('manager'))
        mastered.push(['managerId', (person['manager_id'] as string | null) ?? null])
      return [id, Object.fromEntries(mastered) as Edits]
    }),
  )
}
