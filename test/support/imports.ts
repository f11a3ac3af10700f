import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { ImportPreview, PeopleQuery, SessionPerson } from '../../src/sources/import.ts'
import { Imports } from '../../src/sources/imports.ts'
import { DEFAULT_SCOPE, type ImportScope } from '../../src/sources/judge-people.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import type { Database } from '../../src/storage/connection.ts'
import { PostgresImportStore } from '../../src/storage/import-store.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { FakeSource } from './fake-source.ts'
import { KEYS, never, TESTER } from './sync.ts'

export const CHOSEN: ImportScope = { ...DEFAULT_SCOPE, policy: 'chosen' }

/** A source of which nobody comes in by herself, and an admin who chooses. */
export class ImportBench {
  readonly db: Database
  readonly sourceId: string
  readonly imports: PostgresImportStore
  readonly #sync: PostgresSyncStore
  readonly #engine: SyncEngine

  constructor(parts: {
    readonly db: Database
    readonly sourceId: string
    readonly store: PostgresSyncStore
    readonly engine: SyncEngine
  }) {
    this.db = parts.db
    this.sourceId = parts.sourceId
    this.imports = new PostgresImportStore(parts.db)
    this.#sync = parts.store
    this.#engine = parts.engine
  }

  /** Says in the source's configuration what its engine was told. */
  async setChosen(): Promise<void> {
    await this.imports.setPolicy(this.sourceId, 'chosen', TESTER)
  }

  round(): ReturnType<SyncEngine['run']> {
    return this.#engine.run({ signal: never })
  }

  async people(id: string, query: Partial<PeopleQuery> = {}): Promise<readonly SessionPerson[]> {
    const all = { filter: {}, match: null, isChosen: null, after: null, limit: 500 }
    return (await this.imports.people(id, { ...all, ...query })).people
  }

  /** Imports who was seen in the preview, to the end. */
  async run(id: string, seen?: Pick<ImportPreview, 'count' | 'until'>): Promise<void> {
    await this.imports.begin(id, seen ?? (await this.imports.preview(id)), TESTER)
    await this.finish(id)
  }

  /** What a leader does about runs that are not over. */
  async finish(id: string): Promise<void> {
    const service = new Imports({
      store: this.imports,
      sync: this.#sync,
      isLeader: () => true,
      intervalMs: 10,
    })
    await service.start()
    try {
      while ((await this.imports.session(id)).state === 'running') await sleep(5)
    } finally {
      await service.stop()
    }
  }

  /** A new session in which these are chosen, and its run. */
  async take(...people: readonly string[]): Promise<string> {
    const id = await this.imports.open(this.sourceId, [], TESTER)
    await this.imports.choose(id, { with: people, without: [] })
    await this.run(id)
    return id
  }

  async count(table: 'person' | 'source_candidate' | 'login_name' | 'principal'): Promise<number> {
    const { rows } = await sql<{ n: number }>`
      select count(*) as n from ${sql.table(table)}`.execute(this.db.kysely)
    return rows[0]?.n ?? 0
  }
}

/** Of people of a source, by its ids: what each is here. */
export async function livesOf(
  db: Database,
  sourceId: string,
): Promise<Readonly<Record<string, string>>> {
  const { rows } = await sql<{ id: string; lifecycle: string }>`
    select l.external_id as id, p.lifecycle from source_link l
    join principal p on p.id = l.principal_id
    where l.source_id = ${sourceId}::uuid`.execute(db.kysely)
  return Object.fromEntries(rows.map(({ id, lifecycle }) => [id, lifecycle]))
}

/** A source that answers what it is told to, of which nobody comes in by herself. */
export async function fakeImports(db: Database, name = 'fake') {
  const source = new FakeSource()
  const registry = new PostgresSourceRegistry({ db, keys: KEYS })
  const identity = { ...(await source.identify()), tenantId: name }
  const sourceId = await registry.connect(
    {
      kind: 'fake',
      name,
      config: { tenantId: name },
      secret: Buffer.from('{}'),
      identity,
      state: 'active',
    },
    TESTER,
  )
  const store = new PostgresSyncStore(db)
  const engine = new SyncEngine({ source, store, sourceId, scope: CHOSEN })
  const bench = new ImportBench({ db, sourceId, store, engine })
  await bench.setChosen()
  return { source, registry, sourceId, store, bench }
}

/** Of a group, by the ids of the source that it is of. */
export async function membersOf(
  db: Database,
  sourceId: string,
  group: string,
): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select l.external_id as id from membership m
    join principal p on p.no = m.member_no
    join source_link l on l.principal_id = p.id and l.source_id = ${sourceId}::uuid
    join directory_group g on g.no = m.group_no
    join source_link h on h.group_id = g.id and h.source_id = l.source_id
    where h.external_id = ${group} order by 1`.execute(db.kysely)
  return rows.map(({ id }) => id)
}
