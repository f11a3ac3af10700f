import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Test } from 'tap'
import {
  type Microsoft365,
  type Microsoft365Options,
  startMicrosoft365,
} from '../../simulators/microsoft365/index.ts'
import { DEFAULT_SCOPE, type ImportScope } from '../../src/sources/judge-people.ts'
import { Microsoft365Source } from '../../src/sources/microsoft365/microsoft365.ts'
import {
  formatSecret,
  type Microsoft365Config,
  type Microsoft365Secret,
} from '../../src/sources/microsoft365/settings.ts'
import type { WaitingRemoval } from '../../src/sources/registry.ts'
import { SyncEngine } from '../../src/sources/sync.ts'
import type { Database } from '../../src/storage/connection.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { gatherCalls } from './graph-calls.ts'

export const KEYS = { current: makeKey(Buffer.alloc(32, 7)), earlier: [] }
export const TESTER = { name: 'admin:tester', reason: null }

/** Starts a tenant that stops with the test. */
export async function testTenant(t: Test, options: Microsoft365Options): Promise<Microsoft365> {
  const tenant = await startMicrosoft365(options)
  t.teardown(() => {
    gatherCalls(tenant)
    return tenant.stop()
  })
  return tenant
}

export function configOf(tenant: Microsoft365): Microsoft365Config {
  const { tenantId, clientId, loginUrl, graphUrl, caPem } = tenant
  return {
    tenantId,
    clientId,
    loginUrl,
    graphUrl,
    certificate: null,
    secretExpiresAt: null,
    ca: caPem,
    includesGuests: false,
    includesDisabled: true,
    import: 'everybody',
    tier: 'read',
    extras: [],
    passThrough: null,
    isLive: false,
    browserSignIn: false,
  }
}

export function secretOf(tenant: Microsoft365): Microsoft365Secret {
  return { clientSecret: tenant.clientSecret, privateKey: null }
}

/** Waits a hundredth of what it is told to. */
export function hurried(tenant: Microsoft365): Microsoft365Source {
  return new Microsoft365Source({
    config: configOf(tenant),
    secret: secretOf(tenant),
    timing: { sleep: (ms, signal) => sleep(ms / 100, undefined, { signal }).then(() => {}) },
  })
}

export interface Rig {
  readonly source: Microsoft365Source
  readonly sourceId: string
  readonly store: PostgresSyncStore
  readonly registry: PostgresSourceRegistry
  readonly engine: SyncEngine
}

/** Connects the tenant to the directory; nothing is imported yet. */
export async function connect(
  tenant: Microsoft365,
  db: Database,
  scope: ImportScope = DEFAULT_SCOPE,
): Promise<Rig> {
  const source = hurried(tenant)
  const registry = new PostgresSourceRegistry({ db, keys: KEYS })
  const identity = await source.identify(AbortSignal.timeout(10_000))
  const sourceId = await registry.connect(
    {
      kind: 'microsoft365',
      name: 'contoso',
      config: configOf(tenant),
      secret: formatSecret(secretOf(tenant)),
      identity,
      state: 'active',
    },
    TESTER,
  )
  const store = new PostgresSyncStore(db)
  const engine = new SyncEngine({ source, store, sourceId, scope })
  return { source, sourceId, store, registry, engine }
}

/** All that waits for an admin's word. */
export async function waitingOf(
  registry: PostgresSourceRegistry,
  sourceId: string,
): Promise<readonly WaitingRemoval[]> {
  return (await registry.readWaiting(sourceId, EVERY)).removals
}

/** What an admin does who looks at all that waits, and says yes. */
export async function approveAll(
  registry: PostgresSourceRegistry,
  sourceId: string,
): Promise<number> {
  const { count, until } = await registry.readWaiting(sourceId, EVERY)
  return until === null ? 0 : registry.approve(sourceId, { count, until }, TESTER)
}

const EVERY = { limit: 100_000, offset: 0 }

export const never = new AbortController().signal

export interface DirectoryImage {
  readonly people: Readonly<Record<string, unknown>>
  readonly groups: Readonly<Record<string, unknown>>
}

/** What of the source lives in the directory, by the source's own ids. */
export async function imageOfDirectory(db: Database, sourceId: string): Promise<DirectoryImage> {
  const people = await sql<{ id: string; image: unknown }>`
    select l.external_id as id, jsonb_build_object('displayName', p.display_name, 'mail', p.mail,
      'userPrincipalName', p.user_principal_name, 'department', p.department,
      'jobTitle', p.job_title, 'mobilePhone', p.mobile_phone, 'city', p.city,
      'manager', (select m.external_id from source_link m
                  where m.principal_id = p.manager_id and m.removed_at is null),
      'isHeld', exists (select 1 from hold h where h.principal_id = p.id
                        and h.reason = 'source:' || l.source_id)) as image
    from source_link l join principal pr on pr.id = l.principal_id join person p on p.id = pr.id
    where l.source_id = ${sourceId}::uuid and l.removed_at is null
      and pr.lifecycle <> 'deleted'`.execute(db.kysely)
  const groups = await sql<{ id: string; image: unknown }>`
    select l.external_id as id, jsonb_build_object('displayName', g.display_name,
      'description', g.description, 'members', (
        select coalesce(jsonb_agg(x.external_id order by x.external_id), '[]') from membership m
        join source_link x on x.principal_id = (select id from principal where no = m.member_no)
          or x.group_id = (select id from directory_group where no = m.member_no)
        where m.group_no = g.no)) as image
    from source_link l join directory_group g on g.id = l.group_id
    where l.source_id = ${sourceId}::uuid and l.removed_at is null
      and g.lifecycle = 'active'`.execute(db.kysely)
  const toRecord = (rows: readonly { id: string; image: unknown }[]) =>
    Object.fromEntries(rows.map((row) => [row.id, row.image]))
  return { people: toRecord(people.rows), groups: toRecord(groups.rows) }
}
