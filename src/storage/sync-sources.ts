import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import type {
  NewSource,
  SourceRegistry,
  StoredSource,
  WaitingRemoval,
} from '../sources/registry.ts'
import type { Database } from './connection.ts'
import type { Tables } from './database.ts'
import { journal } from './journal.ts'
import { type Keys, type Place, seal, unseal } from './sealing.ts'
import type { Tx } from './sync-batch.ts'
import { prepareAllocator } from './sync-posix.ts'

interface SourceRow {
  readonly id: string
  readonly kind: string
  readonly name: string
  readonly config: unknown
  readonly secret: Buffer | null
  readonly state: StoredSource['state']
  readonly state_reason: string | null
  readonly waiting: number
  readonly confirmed_at: Date | null
  readonly last_full_at: Date | null
}

/** Connected sources, their sealed secrets, and what waits for an admin's word. */
export class PostgresSourceRegistry implements SourceRegistry {
  readonly #db: Database
  readonly #keys: Keys

  constructor(parts: { readonly db: Database; readonly keys: Keys }) {
    this.#db = parts.db
    this.#keys = parts.keys
  }

  async list(): Promise<readonly StoredSource[]> {
    const rows = await selectSources(this.#db.kysely)
    return rows.map((row) => this.#toSource(row))
  }

  async find(nameOrId: string): Promise<StoredSource | null> {
    const all = await this.list()
    return all.find((source) => source.id === nameOrId || source.name === nameOrId) ?? null
  }

  readSecret(source: StoredSource): Promise<Buffer> {
    return this.#db.kysely
      .selectFrom('source')
      .select('secret')
      .where('id', '=', source.id)
      .executeTakeFirst()
      .then((row) => {
        if (!row?.secret)
          throw new DirectoryError('DIRECTORY_NOT_FOUND', 'the source has no secret')
        return unseal(this.#keys, secretPlace(source.id), row.secret)
      })
  }

  async connect(source: NewSource, actor: Actor): Promise<string> {
    const id = randomUUID()
    await this.#db.write(async (tx) => {
      await refuseTakenName(tx, source)
      const { rows } = await sql<{ version: number }>`
        insert into source (id, kind, name, config, secret, state)
        values (${id}::uuid, ${source.kind}, ${source.name}, ${JSON.stringify(source.config)}::jsonb,
          ${seal(this.#keys, secretPlace(id), source.secret)}, 'active')
        returning version`.execute(tx)
      await prepareAllocator(tx)
      await fixDomain(tx, source, actor)
      const version = rows[0]?.version ?? 0
      journal(tx, {
        kind: 'source.connected',
        entity: id,
        version,
        actor,
        detail: { name: source.name, kind: source.kind, tenant: source.identity.tenantId },
      })
    })
    return id
  }

  async listWaiting(sourceId: string): Promise<readonly WaitingRemoval[]> {
    const { rows } = await sql<WaitingRow>`
      select w.kind, w.subject, w.group_external_id, w.since, w.approved_at,
        coalesce(p.username, g.name) as name, wg.name as group_name
      from removal_waiting w
      left join source_link l on l.source_id = w.source_id and l.external_id = w.subject
      left join person p on p.id = l.principal_id
      left join directory_group g on g.id = l.group_id
      left join source_link lg on lg.source_id = w.source_id and lg.object_kind = 'group'
        and lg.external_id = w.group_external_id
      left join directory_group wg on wg.id = lg.group_id
      where w.source_id = ${sourceId}::uuid
      order by w.since, w.kind, w.subject, w.group_external_id`.execute(this.#db.kysely)
    return rows.map((row) => ({
      kind: row.kind,
      externalId: row.subject,
      groupExternalId: row.group_external_id === '' ? null : row.group_external_id,
      subject: row.name ?? row.subject,
      group: row.group_name,
      sinceMs: row.since.getTime(),
      isApproved: row.approved_at !== null,
    }))
  }

  async approve(sourceId: string, actor: Actor): Promise<number> {
    const { value } = await this.#db.write(async (tx) => {
      const { numAffectedRows = 0n } = await sql`
        update removal_waiting set approved_at = clock_timestamp(), approved_by = ${actor.name}
        where source_id = ${sourceId}::uuid and approved_at is null`.execute(tx)
      const count = Number(numAffectedRows)
      if (count > 0) {
        journal(tx, {
          kind: 'source.removals-approved',
          entity: sourceId,
          actor,
          detail: { count },
        })
      }
      return count
    })
    return value
  }

  async reject(sourceId: string, actor: Actor): Promise<number> {
    const { value } = await this.#db.write(async (tx) => {
      const { numAffectedRows = 0n } = await sql`
        delete from removal_waiting
        where source_id = ${sourceId}::uuid and approved_at is null`.execute(tx)
      const count = Number(numAffectedRows)
      if (count > 0) {
        journal(tx, {
          kind: 'source.removals-rejected',
          entity: sourceId,
          actor,
          detail: { count },
        })
      }
      return count
    })
    return value
  }

  #toSource(row: SourceRow): StoredSource {
    return {
      id: row.id,
      kind: row.kind,
      name: row.name,
      config: row.config,
      state: row.state,
      stateReason: row.state_reason,
      waitingRemovals: row.waiting,
      confirmedAtMs: row.confirmed_at?.getTime() ?? null,
      lastFullAtMs: row.last_full_at?.getTime() ?? null,
    }
  }
}

interface WaitingRow {
  readonly kind: WaitingRemoval['kind']
  readonly subject: string
  readonly group_external_id: string
  readonly since: Date
  readonly approved_at: Date | null
  readonly name: string | null
  readonly group_name: string | null
}

function secretPlace(id: string): Place {
  return { table: 'source', column: 'secret', row: id }
}

async function selectSources(db: Kysely<Tables>): Promise<readonly SourceRow[]> {
  const { rows } = await sql<SourceRow>`
    select s.id, s.kind, s.name, s.config, s.state, s.state_reason,
      (select count(*) from removal_waiting w
       where w.source_id = s.id and w.approved_at is null) as waiting,
      (select min(t.confirmed_at) from sync_token t where t.source_id = s.id) as confirmed_at,
      (select max(r.finished_at) from sync_round r
       where r.source_id = s.id and r.mode = 'full' and r.state = 'done') as last_full_at
    from source s order by s.created_at, s.id`.execute(db)
  return rows
}

async function refuseTakenName(tx: Tx, source: NewSource): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select name from source
    where name = ${source.name}
      or (kind = ${source.kind} and config->>'tenantId' = ${source.identity.tenantId})`.execute(tx)
  const other = rows[0]
  if (!other) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    other.name === source.name
      ? `there is a source ${source.name} already; choose another name`
      : `the tenant is connected already, as ${other.name}`,
  )
}

/** The base DN comes from the first source and stays: every DN ends in it. */
async function fixDomain(tx: Tx, source: NewSource, actor: Actor): Promise<void> {
  const { defaultDomain, organization } = source.identity
  const { rows } = await sql<{ id: string; version: number }>`
    insert into settings as s (id, domain, organization)
    values (${randomUUID()}::uuid, ${defaultDomain}, ${organization})
    on conflict (one) do update set domain = coalesce(s.domain, excluded.domain),
      organization = coalesce(s.organization, excluded.organization),
      version = nextval('entity_version')
      where s.domain is null or s.organization is null
    returning id, version`.execute(tx)
  const row = rows[0]
  if (row) journal(tx, { kind: 'settings', entity: row.id, version: row.version, actor })
}
