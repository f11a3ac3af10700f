import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { AttributeType, ErrorCause, findValue, PacketCode } from '../../protocols/radius/index.ts'
import { makeId, type NasId } from '../../src/directory/id.ts'
import type { Nas } from '../../src/directory/network.ts'
import type { Person } from '../../src/directory/person.ts'
import type { SessionReport } from '../../src/directory/ports/accounting.ts'
import { digestGrant } from '../../src/gateway/radius/reply-attributes.ts'
import { Disconnector } from '../../src/gateway/radius/sessions/disconnector.ts'
import { makeLog } from '../../src/observe/log.ts'
import { openDatabase } from '../../src/storage/connection.ts'
import { PostgresDisconnectStore } from '../../src/storage/disconnect-store.ts'
import { SessionReader } from '../../src/storage/session-reader.ts'
import { PostgresSessionStore } from '../../src/storage/session-store.ts'
import { byText, Das, type DasAnswer } from '../support/das.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { aGroup, aHold, aNas, aNetwork, aPerson, MemoryDirectory } from '../support/directory.ts'
import { seedPeople } from '../support/people.ts'
import { sharedPostgres } from '../support/postgres.ts'

const needsPostgres = (await sharedPostgres()) ? {} : { skip: 'there is no PostgreSQL here' }
const SECRET = 'testing123'
const PATIENCE_MS = 15_000
const { acctSessionId, acctMultiSessionId, nasPort, nasPortId } = AttributeType
const { nasIpAddress, nasIdentifier, userName, callingStationId } = AttributeType
const usual = [acctSessionId, nasIpAddress, nasIdentifier, userName, callingStationId]

interface BenchParts {
  readonly database: TestDatabase
  readonly das: Das
  readonly adele: Person
  readonly mode: Nas['dynamicAuthorization']['mode']
  readonly stores: readonly PostgresDisconnectStore[]
}

/** Two daemons' engines on one database, and one NAS on which adele is: on VLAN 10, as staff. */
class Bench {
  readonly staff = aGroup({ name: 'staff' })
  readonly boss = aGroup({ name: 'boss' })
  readonly network = aNetwork({
    name: 'corp',
    everyone: false,
    groups: [
      { groupId: this.boss.id, vlan: 20, attributes: [] },
      { groupId: this.staff.id, vlan: 10, attributes: [] },
    ],
  })
  readonly database: TestDatabase
  readonly das: Das
  readonly adele: Person
  readonly nas: Nas
  readonly directory: MemoryDirectory
  readonly engines: readonly Disconnector[]
  readonly #sessions: PostgresSessionStore
  readonly #reader: SessionReader

  private constructor(parts: BenchParts) {
    const { database, das, adele, mode, stores } = parts
    this.database = database
    this.das = das
    this.adele = adele
    const dynamicAuthorization = { mode, port: das.port, secret: null }
    this.nas = aNas({ id: makeId<NasId>(), dynamicAuthorization })
    this.directory = new MemoryDirectory(this.staff, this.boss, this.network, this.nas, adele)
    this.directory.join(this.staff, adele)
    this.#sessions = new PostgresSessionStore(database)
    this.#reader = new SessionReader(database)
    this.engines = stores.map(
      (store, n) =>
        new Disconnector({
          directory: this.directory.model,
          isGood: () => true,
          store,
          freshness: () => 'fresh',
          isLeader: () => n === 0,
          log: makeLog({ level: 'silent' }),
          retransmission: { initialMs: 250, maxWaitMs: 250, maxCount: 3, maxDurationMs: 750 },
        }),
    )
  }

  static async start(
    t: Test,
    options: { readonly mode?: 'disconnect' | 'coa'; readonly answers?: readonly DasAnswer[] } = {},
  ): Promise<Bench> {
    const database = await testDatabase(t, { engine: 'postgresql' })
    const other = await openDatabase(database.options)
    const das = await Das.start(t, SECRET)
    const left = [...(options.answers ?? [])]
    das.answer = () => left.shift() ?? 'ack'
    const [id] = await seedPeople(database, [{ username: 'adele' }])
    if (id === undefined) throw new Error('nobody')
    const stores = [database, other].map((each) => new PostgresDisconnectStore(each))
    const adele = aPerson({ id, username: 'adele' })
    const { mode = 'disconnect' } = options
    const bench = new Bench({ database, das, adele, mode, stores })
    for (const engine of bench.engines) await engine.start()
    t.teardown(async () => {
      for (const engine of bench.engines) await engine.stop()
      await other.stop()
    })
    return bench
  }

  async report(sessionId: string, changes: Partial<SessionReport> = {}): Promise<void> {
    await this.#sessions.record({
      nasId: this.nas.id,
      reporter: 'ap-1',
      kind: 'start',
      sessionId,
      username: 'adele',
      principalId: this.adele.id,
      device: '02:00:00:00:00:01',
      station: null,
      address: null,
      admission: {
        networkId: this.network.id,
        credentialId: null,
        granted: digestGrant({ groupId: this.staff.id, vlan: 10 }),
      },
      link: { ssid: null, ipv6: null, signal: null, connectInfo: null },
      identity: {
        from: '127.0.0.1',
        nasIpAddress: '10.0.0.1',
        nasIpv6Address: null,
        nasIdentifier: 'ap-1',
        nasPort: 7,
        nasPortId: 'ge-0/0/7',
        multiSessionId: 'm1',
        callingStationId: '02-00-00-00-00-01',
      },
      sessionSeconds: null,
      inputOctets: null,
      outputOctets: null,
      endedBecause: null,
      atMs: Date.now(),
      ...changes,
    })
  }

  /** Holds her, and both daemons hear of it. */
  hold(): void {
    this.directory.change(this.adele, { holds: [aHold()] })
    this.touch()
  }

  /** A group with another VLAN lets her in from now on. */
  promote(): void {
    this.directory.join(this.boss, this.adele)
    this.touch()
  }

  touch(): void {
    for (const engine of this.engines) engine.touch([this.adele.id])
  }

  /** As shown to an admin, once her session's request stands so. */
  async stands(status: string, outcome?: RegExp) {
    const untilMs = performance.now() + PATIENCE_MS
    for (;;) {
      const [session] = await this.#reader.list({
        principalId: this.adele.id,
        nasId: null,
        isAll: true,
        limit: 1,
      })
      const disconnect = session?.disconnect ?? null
      const isSo =
        disconnect?.status === status && (outcome?.test(disconnect.outcome ?? '') ?? true)
      if (isSo && disconnect !== null && session !== undefined) return { ...disconnect, session }
      if (performance.now() > untilMs)
        throw new Error(`not ${status}: ${JSON.stringify(disconnect)}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** As if the wait before the next try were over, and the first one made so long ago. */
  async letPass(seconds: number): Promise<void> {
    await sql`
      update session_disconnect set due_at = clock_timestamp(),
        requested_at = requested_at - make_interval(secs => ${seconds}),
        sent_at = sent_at - make_interval(secs => ${seconds})`.execute(this.database.kysely)
  }
}

async function bench(
  name: string,
  options: Parameters<typeof Bench.start>[1],
  run: (t: Test, bench: Bench) => Promise<void>,
): Promise<void> {
  await t.test(name, needsPostgres, async (t) => run(t, await Bench.start(t, options)))
}

const typesOf = (attributes: readonly { readonly type: number }[]) =>
  attributes.map(({ type }) => type).toSorted((a, b) => a - b)

const nak = (cause: number): DasAnswer => ({ nak: cause })

await bench('acknowledged: the session is over', {}, async (t, bench) => {
  await bench.report('s1')
  bench.hold()
  const { session, outcome } = await bench.stands('done')
  t.equal(outcome, 'acknowledged')
  t.ok(session.stoppedAt)
  const [asked, ...more] = bench.das.ordered
  t.same(more, [])
  t.equal(asked?.code, PacketCode.disconnectRequest)
  t.same(
    [...(asked?.types ?? [])].toSorted((a, b) => a - b),
    typesOf(usual),
  )
})

const { contextNotFound, resourcesUnavailable, prohibited } = ErrorCause
await bench(
  '503: no such session is as good',
  { answers: [nak(contextNotFound)] },
  async (t, b) => {
    await b.report('s1')
    b.hold()
    const { session, outcome } = await b.stands('gone')
    t.match(outcome, /knows no such session/)
    t.ok(session.stoppedAt)
  },
)

const all = [...usual, acctMultiSessionId, nasPortId, nasPort]
for (const [cause, names, what] of [
  [ErrorCause.unsupportedAttribute, [acctSessionId], 'with the least'],
  [ErrorCause.missingAttribute, all, 'with all it told'],
  [ErrorCause.invalidAttributeValue, [acctSessionId], 'with the least'],
] as const) {
  await bench(`${cause}: asked anew at once, ${what}`, { answers: [nak(cause)] }, async (t, b) => {
    await b.report('s1')
    b.hold()
    const { session, attempts } = await b.stands('done')
    t.ok(session.stoppedAt)
    t.equal(attempts, 1)
    const [, second, ...more] = b.das.ordered
    t.same(more, [])
    t.same(
      [...(second?.types ?? [])].toSorted((a, b) => a - b),
      typesOf(names),
    )
  })
  await bench(`${cause} again: refused`, { answers: [nak(cause), nak(cause)] }, async (t, b) => {
    await b.report('s1')
    b.hold()
    const { session } = await b.stands('refused')
    t.equal(session.stoppedAt, null, 'it goes on')
    t.equal(b.das.ordered.length, 2)
  })
}

await bench(
  '501: refused, until the session is reported',
  { answers: [nak(prohibited)] },
  async (t, b) => {
    await b.report('s1')
    b.hold()
    t.match(await b.stands('refused'), { outcome: /set to refuse/ })
    b.touch()
    await b.report('s1', { kind: 'interim', sessionSeconds: 60, atMs: Date.now() + 60_000 })
    b.touch()
    t.ok((await b.stands('done')).session.stoppedAt)
    t.equal(b.das.ordered.length, 2)
  },
)

await bench('506 passes: later again', { answers: [nak(resourcesUnavailable)] }, async (t, b) => {
  await b.report('s1')
  b.hold()
  t.match(await b.stands('waiting', /no resources/), { attempts: 1 })
  await b.letPass(0)
  t.match(await b.stands('done'), { attempts: 2 })
})

await bench('silence: repeated, asked anew, and shown', {}, async (t, b) => {
  b.das.answer = () => null
  await b.report('s1')
  b.hold()
  t.match(await b.stands('waiting', /no answer from 127\.0\.0\.1 port \d+/), { attempts: 1 })
  t.ok(b.das.ordered.length > 1, 'the request is repeated')
  t.equal(new Set(b.das.ordered.map(({ identifier }) => identifier)).size, 1, 'as it was')
  const { rows } = await sql<{ seconds: number }>`
    select extract(epoch from due_at - clock_timestamp())::float as seconds
    from session_disconnect`.execute(b.database.kysely)
  t.ok((rows[0]?.seconds ?? 0) > 0.5, 'the next try waits')
  await b.letPass(700)
  const { session, attempts } = await b.stands('unanswered')
  t.equal(attempts, 2)
  t.equal(session.stoppedAt, null)
})

await bench(
  'let in again meanwhile: needless',
  { answers: [nak(resourcesUnavailable)] },
  async (t, b) => {
    await b.report('s1')
    b.hold()
    await b.stands('waiting', /no resources/)
    b.directory.change(b.adele, { holds: [] })
    await b.letPass(0)
    t.match(await b.stands('needless'), { session: { stoppedAt: null } })
    t.equal(b.das.ordered.length, 1)
  },
)

await bench('another VLAN: a CoA moves her', { mode: 'coa' }, async (t, b) => {
  await b.report('s1')
  b.promote()
  t.match(await b.stands('done'), { request: 'change', session: { stoppedAt: null } })
  const [asked] = b.das.ordered
  t.equal(asked?.code, PacketCode.coaRequest)
  const vlan = findValue(asked?.packet.attributes ?? [], AttributeType.tunnelPrivateGroupId)
  t.match(vlan?.toString('latin1'), /20$/)
  const { rows } = await sql<{ granted: string }>`
    select granted from accounting_session`.execute(b.database.kysely)
  t.equal(rows[0]?.granted, digestGrant({ groupId: b.boss.id, vlan: 20 }), 'where she is now')
})

await bench(
  'a refused change becomes a Disconnect',
  { mode: 'coa', answers: [nak(406)] },
  async (t, b) => {
    await b.report('s1')
    b.promote()
    const { session } = await b.stands('done')
    t.ok(session.stoppedAt)
    const codes = b.das.ordered.map(({ code }) => code)
    t.same(codes, [PacketCode.coaRequest, PacketCode.disconnectRequest])
  },
)

await bench('without CoA, another VLAN is a Disconnect', {}, async (t, b) => {
  await b.report('s1')
  b.promote()
  t.ok((await b.stands('done')).session.stoppedAt)
  t.same(
    b.das.ordered.map(({ code }) => code),
    [PacketCode.disconnectRequest],
  )
})

await bench('two daemons send one Disconnect for a session', {}, async (t, b) => {
  const names = Array.from({ length: 60 }, (_, n) => `s${n}`)
  for (const name of names) await b.report(name)
  b.hold()
  await b.das.came(names.length)
  const left = async () => {
    const { rows } = await sql<{ n: number }>`
      select count(*)::integer as n from accounting_session where stopped_at is null`.execute(
      b.database.kysely,
    )
    return rows[0]?.n
  }
  while ((await left()) !== 0) await new Promise((resolve) => setTimeout(resolve, 20))
  const authenticators = b.das.ordered.map(({ packet }) => packet.authenticator.toString('hex'))
  t.equal(new Set(authenticators).size, names.length, 'beside repetitions of the very same')
  t.same(b.das.sessions, names.toSorted(byText))
})

await bench('a daemon that died with a request in hand is stood in for', {}, async (t, b) => {
  for (const engine of b.engines) await engine.stop()
  await b.report('s1')
  const dead = new PostgresDisconnectStore(b.database)
  const [open] = await dead.openAfter(null, 10)
  t.equal(await dead.wantNow(open?.id ?? '', 'admin', 'ada'), true)
  const [claim, ...more] = await dead.claim(10, { lane: 'urgent' })
  t.same(more, [])
  t.same(await dead.claim(10, { lane: 'urgent' }), [], 'it is nobody else’s')
  await sql`update session_disconnect set claimed_until = clock_timestamp()`.execute(
    b.database.kysely,
  )
  const [again] = await dead.claim(10, { lane: 'urgent' })
  t.equal(again?.attempts, 2)
  if (claim === undefined || again === undefined) throw new Error('not claimed')
  t.equal(await dead.settle(claim, { status: 'refused', outcome: 'late' }), false, 'too late')
  t.equal(await dead.settle(again, { status: 'gone', outcome: 'over' }), true)
  t.match(await b.stands('gone'), { actor: 'ada' })
})

const rowsByCause = async ({ database }: Bench) => {
  const { rows } = await sql<{ cause: string; n: number }>`
    select cause, count(*)::integer as n from session_disconnect group by cause`.execute(
    database.kysely,
  )
  return Object.fromEntries(rows.map(({ cause, n }) => [cause, n]))
}

await bench('what a rule ends is taken a few at a time for each NAS', {}, async (t, b) => {
  for (const engine of b.engines) await engine.stop()
  const other = makeId<NasId>()
  for (let n = 0; n < 14; n++) await b.report(`s${n}`)
  for (let n = 0; n < 3; n++) await b.report(`o${n}`, { nasId: other })
  const store = new PostgresDisconnectStore(b.database)
  const open = await store.openAfter(null, 100)
  const ask = (cause: string, of = open) =>
    store.want(of.map(({ id }) => ({ sessionId: id, kind: 'disconnect', cause })))
  t.equal(await ask('not-in-allowed-group', open.slice(0, 6)), 6)
  t.equal(await ask('guests-not-admitted', open.slice(6, 12)), 6)
  t.equal(await ask('guest-expired', open.slice(12)), 5)
  t.same(await store.claim(32, { lane: 'urgent' }), [], 'none of them is urgent')
  const first = await store.claim(32, { lane: 'paced', perNas: 10 })
  const of = (nasId: NasId) => first.filter(({ session }) => session.nasId === nasId).length
  t.same([of(b.nas.id), of(other)], [10, 3])
  const held = new Set(first.map(({ sessionId }) => sessionId))
  const left = open.filter(({ id }) => !held.has(id))
  t.equal(await ask('not-in-allowed-group', left), 0, 'they wait as they did')
  t.equal(await ask('held', left), 4, 'but whoever is suspended waits no longer')
  t.equal((await store.claim(32, { lane: 'urgent' })).length, 4)
})

await bench('nobody who is suspended waits behind an edit', {}, async (t, b) => {
  const names = Array.from({ length: 40 }, (_, n) => `s${n}`)
  for (const name of names) await b.report(name)
  b.directory.leave(b.staff, b.adele)
  b.touch()
  await b.das.came(1)
  b.hold()
  while (b.das.sessions.length < names.length) await new Promise((done) => setTimeout(done, 20))
  const { held = 0, ...others } = await rowsByCause(b)
  t.ok(held > 0, `${held} at once, and by their turns ${JSON.stringify(others)}`)
})

await bench('one that waited long for its turn is tried as long as any', {}, async (t, b) => {
  b.das.answer = () => null
  for (const engine of b.engines) await engine.stop()
  await b.report('s1')
  const store = new PostgresDisconnectStore(b.database)
  const [open] = await store.openAfter(null, 1)
  await store.want([{ sessionId: open?.id ?? '', kind: 'disconnect', cause: 'group-changed' }])
  await b.letPass(700)
  const [claim] = await store.claim(1, { lane: 'paced', perNas: 1 })
  if (claim === undefined) throw new Error('not claimed')
  await store.settle(claim, { status: 'waiting', outcome: 'no answer' })
  t.match(await b.stands('waiting', /no answer/), { attempts: 1 })
})
