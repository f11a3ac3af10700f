import { type Kysely, type RawBuilder, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import type { Tables } from './database.ts'
import { journal } from './journal.ts'
import { type Tx, writeOnce } from './written.ts'

/** Of the person of link `l`, what is decided on here; `jsonb`, null where nothing is. */
export const LICENCES_HERE: RawBuilder<unknown> = sql`(
  select jsonb_agg(jsonb_build_object('sku', c.sku, 'isAssigned', c.is_assigned) order by c.sku)
  from licence_choice c where c.source_id = l.source_id and c.principal_id = l.principal_id)`

/** Whether any licence of the person of link `l` is decided on here. */
export const HAS_LICENCES_HERE: RawBuilder<unknown> = sql`exists (
  select from licence_choice c where c.source_id = l.source_id and c.principal_id = l.principal_id)`

/** A licence that is decided on here, and what became of writing it. */
export interface LicenceDecision {
  readonly sku: string
  readonly name: string
  readonly isAssigned: boolean
  /** Of the push; null until there was one. */
  readonly status: string | null
  readonly reason: string | null
}

/** An account whose licences may be looked at. */
export interface LicenceAccount {
  readonly sourceId: string
  readonly source: string
  readonly externalId: string
  readonly decisions: readonly LicenceDecision[]
}

/** Which licences of whom are decided on here; all others are nobody's business of ours. */
export class PostgresLicenceStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  accountsOf(id: PrincipalId): Promise<readonly LicenceAccount[]> {
    return readAccounts(this.#database.kysely, id)
  }

  /**
   * Decides on licences of one account from now on.
   *
   * @throws {DirectoryError} `DIRECTORY_REFUSED` where the source does not have them written
   */
  decide(
    account: { readonly id: PrincipalId; readonly sourceId: string },
    decision: {
      readonly licences: readonly { readonly sku: string; readonly name: string }[]
      readonly isAssigned: boolean
    },
    actor: Actor,
  ): Promise<Written> {
    const { id, sourceId } = account
    const { licences, isAssigned } = decision
    return writeOnce(this.#database, async (tx) => {
      const source = await lockWritten(tx, account)
      const { rows } = await sql`
        insert into licence_choice (source_id, principal_id, sku, name, is_assigned)
        select ${sourceId}::uuid, ${id}::uuid, r.sku, r.name, ${isAssigned}
        from jsonb_to_recordset(${JSON.stringify(licences)}::jsonb) as r (sku text, name text)
        on conflict (source_id, principal_id, sku) do update set name = excluded.name,
          is_assigned = excluded.is_assigned, chosen_at = clock_timestamp()
        where licence_choice.is_assigned <> excluded.is_assigned
        returning sku`.execute(tx)
      // Asked for again, what was refused is tried again.
      await mark(tx, account)
      if (rows.length === 0) return 0
      const names = licences.map(({ name }) => name)
      const kind = isAssigned ? 'admin.licences-assigned' : 'admin.licences-removed'
      journal(tx, { kind, entity: id, actor, detail: { source, licences: names } })
      return rows.length
    })
  }

  /** Gives licences back: they stay as they are there, and whoever changes them there decides. */
  yield(
    account: { readonly id: PrincipalId; readonly sourceId: string },
    skus: readonly string[],
    actor: Actor,
  ): Promise<Written> {
    const { id, sourceId } = account
    return writeOnce(this.#database, async (tx) => {
      const { rows } = await sql<{ name: string }>`
        delete from licence_choice where source_id = ${sourceId}::uuid
          and principal_id = ${id}::uuid and sku = any(${[...skus]}::text[])
        returning name`.execute(tx)
      if (rows.length === 0) return 0
      await mark(tx, account)
      const licences = rows.map(({ name }) => name)
      journal(tx, { kind: 'admin.licences-yielded', entity: id, actor, detail: { licences } })
      return rows.length
    })
  }
}

async function readAccounts(
  db: Kysely<Tables>,
  id: PrincipalId,
): Promise<readonly LicenceAccount[]> {
  const { rows } = await sql<LicenceAccount>`
    select l.source_id as "sourceId", s.name as source, l.external_id as "externalId",
      coalesce((select jsonb_agg(jsonb_build_object('sku', c.sku, 'name', c.name,
          'isAssigned', c.is_assigned, 'status', x.status, 'reason', x.reason) order by c.name)
        from licence_choice c
        left join push x on x.source_id = c.source_id and x.principal_id = c.principal_id
          and x.attribute = 'licence:' || c.sku and x.wanted = to_jsonb(c.is_assigned)
        where c.source_id = l.source_id and c.principal_id = l.principal_id), '[]') as decisions
    from source_link l join source s on s.id = l.source_id
    where l.principal_id = ${id}::uuid and l.object_kind = 'person' and l.removed_at is null
    order by s.name`.execute(db)
  return rows
}

interface LinkRow {
  readonly source: string
  readonly is_written: boolean
  readonly lifecycle: string
}

/** @returns the name of the source */
async function lockWritten(
  tx: Tx,
  { id, sourceId }: { readonly id: PrincipalId; readonly sourceId: string },
): Promise<string> {
  const { rows } = await sql<LinkRow>`
    select s.name as source, p.lifecycle,
      coalesce(s.config -> 'extras' @> '"licences"', false)
        and s.config ->> 'tier' in ('write-back', 'password') as is_written
    from source_link l join source s on s.id = l.source_id join principal p on p.id = l.principal_id
    where l.source_id = ${sourceId}::uuid and l.principal_id = ${id}::uuid
      and l.object_kind = 'person' and l.removed_at is null for update of l`.execute(tx)
  const [row] = rows
  if (row === undefined) throw refused('she has no account in this source any more')
  if (row.lifecycle === 'deleted') throw refused('she is deleted: gatehouse person restore first')
  if (!row.is_written)
    throw refused(
      `${row.source} has no licences written: gatehouse source set-tier ${row.source} write-back, ` +
        `then gatehouse source set-extra ${row.source} licences`,
    )
  return row.source
}

async function mark(
  tx: Tx,
  { id, sourceId }: { readonly id: PrincipalId; readonly sourceId: string },
): Promise<void> {
  await sql`
    insert into push_dirty (source_id, principal_id) values (${sourceId}::uuid, ${id}::uuid)
    on conflict (source_id, principal_id) do update set mark = default, attempts = 0,
      due_at = clock_timestamp()`.execute(tx)
}

function refused(why: string): DirectoryError {
  return new DirectoryError('DIRECTORY_REFUSED', why)
}
