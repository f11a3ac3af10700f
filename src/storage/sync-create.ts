import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { fallbackName, usernameBase } from '../directory/names.ts'
import type { PersonValues } from '../sources/source.ts'
import { sourceHold, type Tx } from './sync-batch.ts'
import { claimedNames, type NameClaims } from './sync-login-names.ts'
import { proposeUsernames } from './sync-names.ts'
import { personRow, WRITTEN_COLUMNS, WRITTEN_TYPES } from './sync-person-rows.ts'
import { allocateNumbers } from './sync-posix.ts'

const LOGIN_SHELL = '/bin/bash'

/** Somebody of a source who is to live here from now on. */
export interface Newcomer {
  readonly externalId: string
  readonly values: PersonValues
  /** Disabled in the source. */
  readonly isHeld: boolean
  readonly isActive: boolean
  readonly generation: number
  /** `session:<id>` or `rule:<id>`; null when nobody chose her. */
  readonly admittedBy: string | null
}

/** What a source calls a person, as a name for her is made of. */
export function usernameBaseOf(externalId: string, values: PersonValues): string {
  const { userPrincipalName = null, mail = null, displayName = null } = values
  const hints = { userPrincipalName, mail, displayName }
  return usernameBase(hints, fallbackName('user', externalId))
}

export function namesOf(username: string, values: PersonValues) {
  const { userPrincipalName = null, mail = null } = values
  return claimedNames({ username, userPrincipalName, mail })
}

/**
 * Makes people of newcomers, with names and numbers of their own. The names they would log in by are
 * left to be written, and so are journal and memberships.
 *
 * @returns what each claims, in the newcomers' order
 */
export async function createPeople(
  tx: Tx,
  sourceId: string,
  newcomers: readonly Newcomer[],
): Promise<readonly NameClaims[]> {
  if (newcomers.length === 0) return []
  const ids = newcomers.map(() => randomUUID() as string)
  const bases = newcomers.map(({ externalId, values }) => usernameBaseOf(externalId, values))
  const usernames = await proposeUsernames(tx, bases)
  const numbers = await allocateNumbers(tx, newcomers.length)
  const managers = await readManagers(tx, sourceId, newcomers)
  for (const [at, { externalId }] of newcomers.entries()) managers.set(externalId, ids[at] ?? '')
  const rows = newcomers.map((newcomer, at) => {
    const { externalId, values } = newcomer
    const username = usernames[at] ?? ''
    const managerId = managers.get(values.managerExternalId ?? '') ?? null
    return {
      ...personRow(values, { username, managerId }),
      id: ids[at],
      external_id: externalId,
      username,
      number: numbers[at],
      is_held: newcomer.isHeld,
      lifecycle: newcomer.isActive ? 'active' : 'staged',
      generation: newcomer.generation,
      admitted_by: newcomer.admittedBy,
      manager_external_id: values.managerExternalId ?? null,
      attributes: values,
    }
  })
  await insertPeople(tx, sourceId, rows)
  return newcomers.map(({ values }, at) => ({
    principalId: ids[at] ?? '',
    names: namesOf(usernames[at] ?? '', values),
  }))
}

/** Our ids of the managers whom these values name, by the source's. */
export async function readManagers(
  tx: Tx,
  sourceId: string,
  people: readonly { readonly values: PersonValues }[],
): Promise<Map<string, string>> {
  const wanted = people.flatMap(({ values }) => values.managerExternalId ?? [])
  if (wanted.length === 0) return new Map()
  const { rows } = await sql<{ external_id: string; principal_id: string }>`
    select l.external_id, l.principal_id from unnest(${wanted}::text[]) as w (id)
    cross join lateral (select * from source_link x
      where x.source_id = ${sourceId}::uuid and x.object_kind = 'person'
        and x.external_id = w.id and x.removed_at is null limit 1) l`.execute(tx)
  return new Map(rows.map((row) => [row.external_id, row.principal_id]))
}

/** People whose manager has just come: theirs is worked out in a later batch. */
export async function callManaged(
  tx: Tx,
  sourceId: string,
  arrived: readonly string[],
): Promise<void> {
  if (arrived.length === 0) return
  await sql`
    update source_link l set manager_pending = true
    from source_link m, person p
    where l.source_id = ${sourceId}::uuid and l.object_kind = 'person' and l.is_master
      and l.manager_external_id = any(${arrived}::text[]) and l.removed_at is null
      and m.source_id = l.source_id and m.object_kind = 'person'
      and m.external_id = l.manager_external_id
      and p.id = l.principal_id and p.manager_id is distinct from m.principal_id`.execute(tx)
}

async function insertPeople(
  tx: Tx,
  sourceId: string,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  const columns = sql.raw(WRITTEN_COLUMNS.join(', '))
  await sql`
    with r as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (id uuid,
        external_id text, username text, number integer, is_held boolean, lifecycle text,
        generation bigint, admitted_by text, manager_external_id text, attributes jsonb,
        ${sql.raw(WRITTEN_TYPES)})),
    principals as (
      insert into principal (id, kind, lifecycle) select id, 'person', lifecycle from r),
    holds as (
      insert into hold (principal_id, reason)
      select id, ${sourceHold(sourceId)} from r where is_held),
    links as (
      insert into source_link (source_id, object_kind, external_id, principal_id, attributes,
        generation, manager_external_id, admitted_by, was_activated, edges_pending)
      select ${sourceId}::uuid, 'person', external_id, id, attributes, generation,
        manager_external_id, admitted_by, lifecycle = 'active',
        exists (select 1 from source_member m
          where m.source_id = ${sourceId}::uuid and m.member_external_id = r.external_id)
      from r)
    insert into person (id, username, username_folded, uid_number, gid_number, home_directory,
      login_shell, ${columns})
    select id, username, username, number, number, '/home/' || username, ${LOGIN_SHELL}, ${columns}
    from r`.execute(tx)
}
