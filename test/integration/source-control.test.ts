import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { Sources } from '../../src/sources/control.ts'
import type { Database } from '../../src/storage/connection.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'
import { PostgresSyncStore } from '../../src/storage/sync-store.ts'
import { testDatabase } from '../support/database.ts'
import { makeClientCertificate } from '../support/microsoft365-certificate.ts'
import { approveAll, connect, KEYS, never, testTenant, waitingOf } from '../support/sync.ts'

const INTERVAL_MS = 40
const PATIENCE_MS = 20_000
const ADMIN = { name: 'admin:ann', reason: 'the tenant moves' }

/** All that one daemon does with sources. */
async function startSources(t: Test, db: Database): Promise<Sources> {
  const sources = new Sources({
    registry: new PostgresSourceRegistry({ db, keys: KEYS }),
    store: new PostgresSyncStore(db),
    isLeader: () => true,
    intervalMs: INTERVAL_MS,
    refreshMs: INTERVAL_MS,
  })
  await sources.start()
  t.teardown(() => sources.stop())
  return sources
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const startedAtMs = performance.now()
  while (!(await isSo())) {
    if (performance.now() - startedAtMs > PATIENCE_MS) throw new Error(`never came: ${what}`)
    await sleep(INTERVAL_MS / 2)
  }
}

async function kindsJournalled(db: Database, actor: string): Promise<readonly string[]> {
  const { rows } = await sql<{ kind: string }>`
    select kind from (
      select kind, actor, inbox_seq as at from journal
      union all select kind, actor, seq as at from journal_inbox) as every
    where actor = ${actor} order by at`.execute(db.kysely)
  return rows.map(({ kind }) => kind)
}

await t.test('pause: no round begins any more, until it is resumed', async (t) => {
  const db = await testDatabase(t)
  const tenant = await testTenant(t, { people: 12, groups: 2 })
  await connect(tenant, db)
  const sources = await startSources(t, db)
  const lastRound = async () => (await sources.list())[0]?.confirmedAtMs ?? 0
  await until(async () => (await lastRound()) > 0, 'a first import')

  t.match(await sources.pause('contoso', ADMIN), { state: 'paused', stateReason: ADMIN.reason })
  await until(async () => (await sources.list())[0]?.health?.state === 'paused', 'a skipped round')
  const before = await lastRound()
  await sleep(INTERVAL_MS * 5)
  t.equal(await lastRound(), before, 'nothing was read')
  await t.rejects(sources.sync('contoso', {}), {
    code: 'DIRECTORY_REFUSED',
    message: /paused \(the tenant moves\).*source resume contoso/,
  })
  await sources.sync('contoso', { isDryRun: true })

  t.match(await sources.resume('contoso', ADMIN), { state: 'active', stateReason: null })
  await until(async () => (await lastRound()) > before, 'a round after it was resumed')
  t.same(await kindsJournalled(db, ADMIN.name), ['source.paused', 'source.resumed'])
})

await t.test(
  'connect: a paused source tells what it would import, and imports nothing',
  async (t) => {
    const db = await testDatabase(t)
    const tenant = await testTenant(t, { people: 12, groups: 2 })
    const sources = await startSources(t, db)
    const { tenantId, clientId, clientSecret, loginUrl, graphUrl, caPem: ca } = tenant
    const given = { tenantId, clientId, clientSecret, loginUrl, graphUrl, ca }
    const options = { actor: ADMIN.name, signal: AbortSignal.timeout(PATIENCE_MS) }
    const none = { certificate: null, cloud: null, privateKey: null, includeGuests: false }
    const source = { name: 'contoso', ...given, ...none, paused: true }
    t.match(await sources.connectMicrosoft365(source, options), { state: 'paused' })
    const [people] = await sources.sync('contoso', { isDryRun: true })
    t.ok((people?.counts.created ?? 0) > 5, 'it tells')
    await sleep(INTERVAL_MS * 5)
    t.equal((await sources.list())[0]?.confirmedAtMs, null, 'and has read nothing for good')
    await sources.resume('contoso', ADMIN)
    await until(async () => ((await sources.list())[0]?.confirmedAtMs ?? 0) > 0, 'the import')
  },
)

await t.test('pause: whatever a round that was under way finds, paused it stays', async (t) => {
  const db = await testDatabase(t)
  const rig = await connect(await testTenant(t, { people: 12, groups: 2 }), db)
  const state = async () => (await rig.store.readState(rig.sourceId)).state
  await rig.registry.pause(rig.sourceId, ADMIN)
  await rig.store.setState(rig.sourceId, 'quarantined', 'a full answer lacked 9 of 9 known people')
  t.equal(await state(), 'paused')
  await rig.store.liftQuarantine(rig.sourceId)
  t.equal(await state(), 'paused')

  await rig.registry.resume(rig.sourceId, ADMIN)
  await rig.store.setState(rig.sourceId, 'quarantined', 'doubtful')
  await rig.registry.resume(rig.sourceId, ADMIN)
  t.equal(await state(), 'quarantined', 'to resume is not to trust')
  await rig.store.liftQuarantine(rig.sourceId)
  t.equal(await state(), 'active')
})

await t.test(
  'secret: another one is proven, kept, and used by every daemon from then on',
  async (t) => {
    const db = await testDatabase(t)
    const tenant = await testTenant(t, { people: 12, groups: 2 })
    await connect(tenant, db)
    const [here, elsewhere] = [await startSources(t, db), await startSources(t, db)]
    const healthOf = async (sources: Sources) => (await sources.list())[0]?.health
    const isWell = async (sources: Sources, sinceMs: number) => {
      const health = await healthOf(sources)
      return health?.lastError === null && (health.lastSuccessAtMs ?? 0) >= sinceMs
    }
    await until(() => isWell(here, 0), 'a first import')

    const { application } = tenant
    const expired = application.secrets.map((secret) => ({ ...secret, expiresAtMs: 0 }))
    application.secrets.splice(0, application.secrets.length, ...expired)
    application.tokensValidFromMs = Math.floor(tenant.clock.nowMs() / 1000 + 1) * 1000
    for (const sources of [here, elsewhere]) {
      await until(
        async () => /source set-secret/.test((await healthOf(sources))?.lastError ?? ''),
        'the fault that names the way out',
      )
    }
    // A token says in whole seconds when it was given.
    await until(() => tenant.clock.nowMs() > application.tokensValidFromMs, 'a token that is valid')
    const options = { actor: ADMIN.name, signal: AbortSignal.timeout(PATIENCE_MS) }
    const none = { clientSecret: null, certificate: null, privateKey: null }
    const wrong = { ...none, clientSecret: 'not that one' }
    await t.rejects(here.replaceSecret('contoso', wrong, options), { code: 'SOURCE_REFUSED' })
    await t.rejects(here.replaceSecret('contoso', none, options), { code: 'DIRECTORY_REFUSED' })
    t.same(await kindsJournalled(db, ADMIN.name), [], 'what is not good is not kept')

    application.secrets.push({ value: 'a new one', expiresAtMs: Number.POSITIVE_INFINITY })
    tenant.advance(2_000)
    const changedAtMs = Date.now()
    await here.replaceSecret('contoso', { ...none, clientSecret: 'a new one' }, options)
    t.same(await kindsJournalled(db, ADMIN.name), ['source.secret-replaced'])
    await until(() => isWell(here, changedAtMs), 'a round with the new secret')
    await until(() => isWell(elsewhere, changedAtMs), 'a round of the other daemon')

    const { certificatePem: certificate, keyPem: privateKey } = await makeClientCertificate()
    const { keyPem: foreign } = await makeClientCertificate()
    const pair = { clientSecret: null, certificate, privateKey }
    await t.rejects(here.replaceSecret('contoso', { ...pair, privateKey: foreign }, options), {
      message: /not that of the certificate/,
    })
    application.addCertificate(certificate)
    await here.replaceSecret('contoso', pair, options)
    application.secrets.splice(0)
    application.tokensValidFromMs = Math.floor(tenant.clock.nowMs() / 1000 + 1) * 1000
    tenant.advance(2_000)
    const certifiedAtMs = Date.now()
    await until(() => isWell(here, certifiedAtMs), 'a round with the certificate')
  },
)

await t.test('approve: what came after the admin looked still waits', async (t) => {
  const db = await testDatabase(t)
  const tenant = await testTenant(t, { people: 80, groups: 2 })
  const rig = await connect(tenant, db)
  const { registry, sourceId, store, engine } = rig
  await engine.run({ signal: never })
  const wait = (...subjects: string[]) =>
    sql`insert into removal_waiting (source_id, kind, subject)
      select ${sourceId}::uuid, 'person', unnest(${subjects}::text[])`.execute(db.kysely)
  const everybody = await livingIds(db)
  const people = everybody.slice(0, 5)
  await wait(...people.slice(0, 3))
  await store.setState(sourceId, 'quarantined', 'doubtful')
  const sources = new Sources({ registry, store, isLeader: () => true })
  const seen = await sources.waiting('contoso', { limit: 2, offset: 0 })
  t.equal(seen.count, 3)
  t.equal(seen.removals.length, 2, 'a page of them')
  t.equal((await sources.waiting('contoso', { limit: 2, offset: 2 })).removals.length, 1)
  t.match(await sources.waiting('contoso', { limit: 2, offset: 9 }), { count: 3, removals: [] })
  const mark = { count: seen.count, until: seen.until ?? '' }

  await wait(...people.slice(3))
  await sql`delete from removal_waiting where subject = ${people[0] ?? ''}`.execute(db.kysely)
  await t.rejects(sources.approve('contoso', mark, ADMIN.name), {
    code: 'DIRECTORY_CONFLICT',
    message: /2 removals .* not 3; nothing was approved/,
  })
  t.equal((await waitingOf(registry, sourceId)).length, 4)

  t.equal(await sources.approve('contoso', { ...mark, count: 2 }, ADMIN.name), 2)
  t.equal((await livingIds(db)).length, everybody.length - 2)
  t.same(
    (await waitingOf(registry, sourceId)).map(({ externalId }) => externalId).toSorted(),
    people.slice(3).toSorted(),
  )
  t.equal((await store.readState(sourceId)).state, 'quarantined', 'more waits than was seen')
  const rest = await sources.waiting('contoso', { limit: 10, offset: 0 })
  await sources.approve('contoso', { count: 2, until: rest.until ?? '' }, ADMIN.name)
  t.equal((await store.readState(sourceId)).state, 'active')
  t.match(await sources.waiting('contoso', { limit: 10, offset: 0 }), { count: 0, until: null })
  t.equal(await approveAll(registry, sourceId), 0)
})

async function livingIds(db: Database): Promise<readonly string[]> {
  const { rows } = await sql<{ id: string }>`
    select external_id as id from source_link
    where object_kind = 'person' and removed_at is null order by external_id`.execute(db.kysely)
  return rows.map(({ id }) => id)
}
