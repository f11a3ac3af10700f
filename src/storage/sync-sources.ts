import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { TokenFiles } from '../sources/microsoft365/token-file.ts'
import type {
  NewSource,
  Page,
  Seen,
  SourceRegistry,
  StoredSource,
  Waiting,
  WaitingRemoval,
} from '../sources/registry.ts'
import type { KeptHealth } from '../sources/sync-store.ts'
import type { Verification } from '../sources/verify.ts'
import type { Database } from './connection.ts'
import type { Tables } from './database.ts'
import { journal } from './journal.ts'
import { startPushing } from './push-store.ts'
import { type Keys, type Place, seal, unseal } from './sealing.ts'
import type { Tx } from './sync-batch.ts'
import { prepareAllocator } from './sync-posix.ts'

interface SourceRow {
  readonly id: string
  readonly kind: string
  readonly name: string
  readonly config: unknown
  readonly revision: string
  readonly state: StoredSource['state']
  readonly state_reason: string | null
  readonly waiting: number
  readonly verified_at: Date | null
  readonly verification: Verification | null
  readonly confirmed_at: Date | null
  readonly kept: KeptHealth | null
  readonly is_reading: boolean
}

/** Connected sources, their sealed secrets, and what waits for an admin's word. */
export class PostgresSourceRegistry implements SourceRegistry {
  readonly #db: Database
  readonly #keys: Keys
  readonly tokenFiles: TokenFiles

  constructor(parts: {
    readonly db: Database
    readonly keys: Keys
    readonly tokenFiles?: TokenFiles
  }) {
    this.#db = parts.db
    this.#keys = parts.keys
    this.tokenFiles = parts.tokenFiles ?? new Map()
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
    const fresh = randomUUID()
    const { value } = await this.#db.write(async (tx) => {
      await refuseTakenName(tx, source)
      const earlier = await findEarlier(tx, source)
      const id = earlier ?? fresh
      const { rows } = await sql<{ version: number }>`
        insert into source (id, kind, name, config, secret, state)
        values (${id}::uuid, ${source.kind}, ${source.name}, ${JSON.stringify(source.config)}::jsonb,
          ${seal(this.#keys, secretPlace(id), source.secret)}, ${source.state})
        on conflict (id) do update set name = excluded.name, config = excluded.config,
          secret = excluded.secret, state = excluded.state, state_reason = null,
          leave_people = null, leave_by = null, leave_reason = null, left_at = null,
          verified_at = null, verification = null,
          version = nextval('entity_version')
        returning version`.execute(tx)
      await prepareAllocator(tx)
      await fixDomain(tx, source, actor)
      const version = rows[0]?.version ?? 0
      journal(tx, {
        kind: 'source.connected',
        entity: id,
        version,
        actor,
        detail: {
          name: source.name,
          kind: source.kind,
          tenant: source.identity.tenantId,
          isAgain: earlier !== null,
        },
      })
      return id
    })
    return value
  }

  async replaceSecret(
    sourceId: string,
    change: Pick<NewSource, 'config' | 'secret'>,
    actor: Actor,
  ): Promise<void> {
    await this.#db.write(async (tx) => {
      const { rows } = await sql<{ version: number }>`
        update source set config = config || ${JSON.stringify(change.config)}::jsonb,
          secret = ${seal(this.#keys, secretPlace(sourceId), change.secret)},
          version = nextval('entity_version')
        where id = ${sourceId}::uuid and leave_people is null returning version`.execute(tx)
      const version = rows[0]?.version
      if (version === undefined)
        throw new DirectoryError('DIRECTORY_NOT_FOUND', 'the source is gone')
      journal(tx, { kind: 'source.secret-replaced', entity: sourceId, version, actor })
    })
  }

  async configure(
    sourceId: string,
    change: Parameters<SourceRegistry['configure']>[1],
    actor: Actor,
  ): Promise<void> {
    const { config, decision, detail } = change
    await this.#db.write(async (tx) => {
      const { rows } = await sql<{ version: number }>`
        update source set config = config || ${JSON.stringify(config)}::jsonb,
          version = nextval('entity_version')
        where id = ${sourceId}::uuid and leave_people is null returning version`.execute(tx)
      const version = rows[0]?.version
      if (version === undefined)
        throw new DirectoryError('DIRECTORY_NOT_FOUND', 'the source is gone')
      if (change.startsPushing) await startPushing(tx, sourceId)
      journal(tx, { kind: decision, entity: sourceId, version, actor, detail })
    })
  }

  async pause(sourceId: string, actor: Actor): Promise<void> {
    await this.#db.write(async (tx) => {
      const { rows } = await sql<{ version: number }>`
        update source set state = 'paused', state_reason = ${actor.reason},
          version = nextval('entity_version')
        where id = ${sourceId}::uuid and leave_people is null
          and (state <> 'paused' or state_reason is distinct from ${actor.reason})
        returning version`.execute(tx)
      for (const { version } of rows)
        journal(tx, { kind: 'source.paused', entity: sourceId, version, actor })
    })
  }

  async resume(sourceId: string, actor: Actor): Promise<void> {
    await this.#db.write(async (tx) => {
      const { rows } = await sql<{ version: number }>`
        update source set state = 'active', state_reason = null,
          version = nextval('entity_version')
        where id = ${sourceId}::uuid and state = 'paused' and leave_people is null
        returning version`.execute(tx)
      for (const { version } of rows)
        journal(tx, { kind: 'source.resumed', entity: sourceId, version, actor })
    })
  }

  /** One statement: what is counted is what is shown. */
  async readWaiting(sourceId: string, page: Page): Promise<Waiting> {
    const { rows } = await sql<WaitingRow>`
      select every.count, every.until, w.*
      from (select count(*) as count,
              to_char(max(since) at time zone 'UTC', ${MARK_FORMAT}) as until
            from removal_waiting
            where source_id = ${sourceId}::uuid and approved_at is null) every
      left join lateral (
        select w.kind, w.subject, w.group_external_id, w.since,
          coalesce(p.username, g.name) as name, wg.name as group_name
        from removal_waiting w
        left join source_link l on l.source_id = w.source_id and l.external_id = w.subject
        left join person p on p.id = l.principal_id
        left join directory_group g on g.id = l.group_id
        left join source_link lg on lg.source_id = w.source_id and lg.object_kind = 'group'
          and lg.external_id = w.group_external_id
        left join directory_group wg on wg.id = lg.group_id
        where w.source_id = ${sourceId}::uuid and w.approved_at is null
        order by w.since, w.kind, w.subject, w.group_external_id
        limit ${page.limit} offset ${page.offset}) w on true
      order by w.since, w.kind, w.subject, w.group_external_id`.execute(this.#db.kysely)
    const { count = 0, until = null } = rows[0] ?? {}
    return { count, until, removals: rows.flatMap(toWaitingRemoval) }
  }

  async approve(sourceId: string, seen: Seen, actor: Actor): Promise<number> {
    const { count, until } = seen
    await this.#db.write(async (tx) => {
      const { numAffectedRows = 0n } = await sql`
        update removal_waiting set approved_at = clock_timestamp(), approved_by = ${actor.name}
        where source_id = ${sourceId}::uuid and approved_at is null
          and since <= ${until}::timestamptz`.execute(tx)
      if (numAffectedRows !== BigInt(count)) {
        throw new DirectoryError(
          'DIRECTORY_CONFLICT',
          `${numAffectedRows} removals have waited since ${until}, not ${count}; nothing was ` +
            'approved: look again at what waits',
        )
      }
      journal(tx, {
        kind: 'source.removals-approved',
        entity: sourceId,
        actor,
        detail: { count, until },
      })
    })
    return count
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
      revision: row.revision,
      state: row.state,
      stateReason: row.state_reason,
      waitingRemovals: row.waiting,
      verification:
        row.verified_at === null
          ? null
          : { atMs: row.verified_at.getTime(), streams: row.verification ?? [] },
      confirmedAtMs: row.confirmed_at?.getTime() ?? null,
      kept: row.kept,
      isReading: row.is_reading,
    }
  }
}

/** As fine as the database's clock: a mark between two of them would approve the unseen. */
export const MARK_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'

interface WaitingRow {
  readonly count: number
  readonly until: string | null
  /** Null, as all that follow, in the row that only counts. */
  readonly kind: WaitingRemoval['kind'] | null
  readonly subject: string
  readonly group_external_id: string
  readonly since: Date
  readonly name: string | null
  readonly group_name: string | null
}

function toWaitingRemoval(row: WaitingRow): WaitingRemoval[] {
  if (row.kind === null) return []
  return [
    {
      kind: row.kind,
      externalId: row.subject,
      groupExternalId: row.group_external_id === '' ? null : row.group_external_id,
      subject: row.name ?? row.subject,
      group: row.group_name,
      sinceMs: row.since.getTime(),
    },
  ]
}

function secretPlace(id: string): Place {
  return { table: 'source', column: 'secret', row: id }
}

async function selectSources(db: Kysely<Tables>): Promise<readonly SourceRow[]> {
  const { rows } = await sql<SourceRow>`
    select s.id, s.kind, s.name, s.config, s.state, s.state_reason, s.verified_at, s.verification,
      -- whether it tells of changes by itself is nothing to a reader
      md5(coalesce(s.secret, '') || convert_to((s.config - 'isLive')::text, 'UTF8')) as revision,
      (select count(*) from removal_waiting w
       where w.source_id = s.id and w.approved_at is null) as waiting,
      (select h.kept from source_health h where h.source_id = s.id) as kept,
      exists (select from sync_round r where r.source_id = s.id and r.mode <> 'undo'
        and r.state in ('fetching', 'applying')) as is_reading,
      (select min(t.confirmed_at) from sync_token t where t.source_id = s.id) as confirmed_at
    from source s where s.leave_people is null order by s.created_at, s.id`.execute(db)
  return rows
}

/** The lock keeps a second one, of any daemon, from being connected between look and insert. */
async function refuseTakenName(tx: Tx, source: NewSource): Promise<void> {
  await sql`lock table source in share row exclusive mode`.execute(tx)
  const { rows } = await sql<{ name: string; is_leaving: boolean }>`
    select name, leave_people is not null as is_leaving from source
    where left_at is null and (name = ${source.name}
      or (kind = ${source.kind} and config->>'tenantId' = ${source.identity.tenantId}))`.execute(tx)
  const other = rows[0]
  if (!other) return
  if (other.is_leaving) {
    const why = `${other.name} is still being disconnected: wait until \`log changes\` shows source.disconnected`
    throw new DirectoryError('DIRECTORY_CONFLICT', why)
  }
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    other.name === source.name
      ? `there is a source ${source.name} already; choose another name`
      : `the tenant is connected already, as ${other.name}`,
  )
}

/** The same tenant, disconnected: its people are found again by their links. */
async function findEarlier(tx: Tx, source: NewSource): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select id from source
    where left_at is not null and kind = ${source.kind}
      and config->>'tenantId' = ${source.identity.tenantId}`.execute(tx)
  return rows[0]?.id ?? null
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
