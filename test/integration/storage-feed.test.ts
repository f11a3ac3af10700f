import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { CredentialIndex } from '../../src/credentials/credential-index.ts'
import type { Follower } from '../../src/directory/directory.ts'
import { ReadModel } from '../../src/directory/read-model.ts'
import { type Database, openDatabase } from '../../src/storage/connection.ts'
import { PostgresCredentialStore } from '../../src/storage/credential-store.ts'
import { Feed, type FeedOptions } from '../../src/storage/feed/feed.ts'
import { PostgresGroupStore } from '../../src/storage/group-store.ts'
import { hintDenial, journal, stamp } from '../../src/storage/journal.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { eachEngine, type TestDatabase, testDatabase } from '../support/database.ts'
import { dumpDirectory } from '../support/directory-dump.ts'
import { seedPeople, testActor } from '../support/people.ts'
import { findBinaries } from '../support/postgres.ts'

const keys = { current: makeKey(), earlier: [] }
const needsPostgres = { skip: findBinaries() || process.env['CI'] ? false : 'no PostgreSQL here' }

async function startFeed(
  t: Test,
  database: Database,
  followers: readonly Follower[],
  more: Partial<FeedOptions> = {},
): Promise<Feed> {
  const feed = new Feed({ database, keys, followers, ...more })
  await feed.start(AbortSignal.timeout(10_000))
  t.teardown(() => feed.stop())
  return feed
}

/** A second daemon on the same database. */
async function openAgain(t: Test, database: TestDatabase): Promise<Database> {
  const again = await openDatabase(database.options)
  t.teardown(() => again.stop())
  return again
}

interface Written {
  readonly mark: string
  readonly entity: string
  readonly value: number
}

/** Raises a counter row by row, each with a journal row whose version is the counter's new value. */
async function raise(database: Database, entity: string, options: { readonly holdMs: number }) {
  const mark = randomUUID()
  const isAborted = Math.random() < 0.1
  const written: Written[] = []
  const run = database.write(async (tx) => {
    written.length = 0
    const { rows } = await sql<{ value: number }>`
      update counter set value = value + 1 where id = ${entity} returning value`.execute(tx)
    const value = rows[0]?.value ?? -1
    written.push({ mark, entity, value })
    journal(tx, {
      kind: 'admin.test',
      entity,
      version: value,
      actor: { name: 'cli', reason: mark },
    })
    await sleep(options.holdMs)
    if (isAborted) throw new Error('aborted on purpose')
  })
  await run.catch((error: Error) => {
    written.length = 0
    if (error.message !== 'aborted on purpose') throw error
  })
  return written
}

interface Row {
  readonly usn: number
  readonly entity: string
  readonly version: number
  readonly reason: string
}

/** Stamps and reads like a daemon, beside everything else, and keeps what it saw. */
function startReader(database: Database) {
  const seen: Row[] = []
  let isEnding = false
  const read = async () => {
    const { rows } = await sql<Row>`
      select usn, entity, version, reason from journal
      where usn > ${seen.at(-1)?.usn ?? 0} order by usn`.execute(database.kysely)
    seen.push(...rows)
  }
  const run = async () => {
    while (!isEnding) {
      await stamp(database.kysely)
      await read()
      await sleep(Math.random() * 4)
    }
    while ((await stamp(database.kysely)) > 0);
    await read()
  }
  const ended = run()
  return {
    seen,
    end: () => {
      isEnding = true
      return ended
    },
  }
}

/** A write transaction that stays open in another database of the same server. */
async function openElsewhere(t: Test): Promise<void> {
  const other = await testDatabase(t, { engine: 'postgresql' })
  const client = await other.direct()
  t.teardown(() => client.end())
  await client.query('begin')
  await client.query('create table sits (n integer)')
  await client.query('insert into sits values (1)')
}

async function prepareCounters(database: Database, count: number): Promise<readonly string[]> {
  await database.pool.query('create table counter (id uuid primary key, value bigint not null)')
  const ids = Array.from({ length: count }, () => randomUUID())
  await database.pool.query('insert into counter select id, 0 from unnest($1::uuid[]) id', [ids])
  return ids
}

function checkOrder(t: Test, seen: readonly Row[], written: readonly Written[]): void {
  const own = seen.filter((row) => written.some(({ mark }) => mark === row.reason))
  t.equal(own.length, written.length, `${written.length} changes were read once each`)
  t.same(
    seen.map((row) => row.usn),
    Array.from({ length: seen.length }, (_, n) => n + 1),
    'numbers are dense and in order',
  )
  const last = new Map<string, number>()
  const backwards = seen.filter((row) => {
    const before = last.get(row.entity) ?? 0
    last.set(row.entity, row.version)
    return row.version <= before
  })
  t.same(backwards, [], 'no row of the same entity is told out of order')
}

await t.test(
  'eight writers, a sleeper, a prepared and a foreign transaction: nothing skipped, doubled or out of order',
  needsPostgres,
  async (t) => {
    const database = await testDatabase(t, { engine: 'postgresql' })
    const second = await openAgain(t, database)
    const entities = await prepareCounters(database, 5)
    await openElsewhere(t)

    const prepared = await database.direct()
    t.teardown(() => prepared.end())
    await prepared.query('begin')
    await prepared.query(
      `insert into journal_inbox (kind, entity, version, reason) values ('admin.test', $1, 1, 'prepared')`,
      [randomUUID()],
    )
    await prepared.query(`prepare transaction 'gatehouse_test'`)

    const readers = [startReader(database), startReader(second)]
    const written: Written[] = []
    const sleeper = raise(database, entities[0] ?? '', { holdMs: 700 })
    const untilMs = performance.now() + 2_000
    const writer = async (target: Database) => {
      while (performance.now() < untilMs) {
        const entity = entities[1 + Math.floor(Math.random() * 4)] ?? ''
        written.push(...(await raise(target, entity, { holdMs: Math.random() * 8 })))
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, n) => writer(n % 2 ? database : second)))
    written.push(...(await sleeper))
    const seenBefore = readers[0]?.seen.length ?? 0
    const told = `${seenBefore} of ${written.length} were seen although two transactions stay open`
    t.ok(seenBefore > written.length / 2, told)
    await prepared.query(`commit prepared 'gatehouse_test'`)
    await Promise.all(readers.map((reader) => reader.end()))

    const [first, other] = readers
    t.same(first?.seen, other?.seen)
    checkOrder(t, first?.seen ?? [], written)
    t.equal(first?.seen.filter((row) => row.reason === 'prepared').length, 1)
    const inbox = await database.pool.query('select count(*)::int as n from journal_inbox')
    t.same(inbox.rows, [{ n: 0 }])
  },
)

await eachEngine(t, 'the chain of hashes covers every journal row', async (t, database) => {
  await seedPeople(database, [{ username: 'a' }, { username: 'b' }])
  await stamp(database.kysely)
  await seedPeople(database, [{ username: 'c' }])
  await stamp(database.kysely)
  const { rows } = await sql<{ broken: number; total: number; head: boolean }>`
    select count(*) as total,
      count(*) filter (where hash <> sha256(before || convert_to(concat_ws('|', usn,
        (extract(epoch from at) * 1000000)::bigint, inbox_seq, kind, entity, '-', '-', version,
        quote_literal(actor), quote_literal(reason), '-'), 'UTF8'))) as broken,
      bool_or(hash = (select hash from journal_head)) as head
    from (select *, coalesce(lag(hash) over (order by usn), sha256(''::bytea)) as before from journal) j`.execute(
    database.kysely,
  )
  t.same(rows, [{ total: 3, broken: 0, head: true }])
})

await eachEngine(t, 'a write is seen by its own daemon when it says so', async (t, database) => {
  const people = new PostgresPeopleStore(database)
  const groups = new PostgresGroupStore(database)
  const model = new ReadModel()
  const feed = await startFeed(t, database, [model])
  const ids = await seedPeople(database, [{ username: 'adele' }, { username: 'alex' }])
  const group = await groups.create(
    { name: 'staff', displayName: 'Staff', description: null },
    testActor,
  )
  const added = await groups.addMembers(group.id, ids, testActor)
  await feed.reached(added.inboxSeq)
  const entry = model.groupByName('staff')
  t.equal(entry && [...model.directMembers(entry.no)].length, 2)
  t.equal(feed.freshness(0), 'fresh')
  t.equal(entry?.usn, model.position.usn)

  const held = await people.hold(ids.slice(0, 1), 'admin', { actor: testActor, note: null })
  await feed.reached(held.inboxSeq)
  t.equal(model.personByUsername('adele')?.value.holds.length, 1)
  const removed = await groups.removeMembers(group.id, ids.slice(0, 1), testActor)
  await feed.reached(removed.inboxSeq)
  t.same(model.directMemberCount(entry?.no ?? -1), 1)
  t.equal(feed.position?.usn, model.position.usn)
})

await t.test(
  'another daemon sees a change within a second and a denial at once',
  needsPostgres,
  async (t) => {
    const database = await testDatabase(t, { engine: 'postgresql' })
    const [adele] = await seedPeople(database, [{ username: 'adele' }])
    const other = await openAgain(t, database)
    const model = new ReadModel()
    const denied: string[] = []
    const shown: (string | undefined)[] = []
    const reasonOf = () => model.personByUsername('adele')?.value.holds[0]?.reason
    const feed = await startFeed(t, other, [model], {
      onDenied: (ids) => {
        denied.push(...ids)
        shown.push(reasonOf())
      },
    })
    if (!adele) throw new Error('nobody was seeded')

    const startedAtMs = performance.now()
    await new PostgresPeopleStore(database).hold([adele], 'admin', { actor: testActor, note: null })
    while (model.personByUsername('adele')?.value.holds.length !== 1) await sleep(2)
    t.ok(performance.now() - startedAtMs < 1_000)
    t.same(denied, [adele])
    t.not(shown[0], undefined, 'the hint is believed before anything else hears of it')
    await feed.reached(1n)
    t.equal(reasonOf(), 'admin', 'the read model knows by itself now')
  },
)

await eachEngine(t, 'a hint is believed until a later round has ended', async (t, database) => {
  const [id] = await seedPeople(database, [{ username: 'adele' }])
  if (!id) throw new Error('nobody was seeded')
  const believed: unknown[] = []
  const model = new ReadModel()
  const reasonOf = () => model.personByUsername('adele')?.value.holds[0]?.reason
  const feed = await startFeed(t, database, [model], {
    onDenied: (ids) => believed.push(ids.includes(id) && reasonOf()),
  })
  await database.write(async (tx) => {
    journal(tx, { kind: 'admin.test', entity: id })
    hintDenial(tx, id)
  })
  for (let tries = 0; tries < 400 && believed.length === 0; tries++) await sleep(5)
  t.same(believed, ['security'])
  await feed.reached(1n)
  t.equal(reasonOf(), undefined, 'nothing stood behind it')
  await database.pool.query(`select pg_notify('gatehouse_journal', '{"not": "ours"}')`)
  await feed.reached(1n)
  t.equal(believed.length, 1)
})

await eachEngine(
  t,
  'a lost connection is made again, and nothing is missed meanwhile',
  async (t, database) => {
    const model = new ReadModel()
    const faults: unknown[] = []
    const feed = await startFeed(t, database, [model], { onFault: (error) => faults.push(error) })
    await seedPeople(database, [{ username: 'before' }])
    if (database.kind === 'postgresql') {
      await database.pool.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      )
    } else {
      await database.pool.query('copy counter_that_is_not from stdin').catch(() => {})
      await database.pool.query('create table ended (n integer)')
      await database.pool.query('copy ended from stdin').catch(() => {})
    }
    await seedPeople(database, [{ username: 'after' }])
    for (let tries = 0; tries < 400 && !model.personByUsername('after'); tries++) await sleep(25)
    t.ok(model.personByUsername('before'))
    t.ok(model.personByUsername('after'))
    await feed.reached(1n)
    t.equal(feed.freshness(0), 'fresh')
  },
)

await eachEngine(t, 'a change that is stored but not seen here says so', async (t, database) => {
  const feed = await startFeed(t, database, [new ReadModel()])
  await feed.stop()
  await t.rejects(feed.reached(1n), { code: 'DIRECTORY_STORED_UNSEEN', message: /is stored/ })
  await feed.reached(null)
})

/** Once hints that came late have been taken back: each denies somebody for one round more. */
async function dumpSettled(model: ReadModel, feed: Feed): Promise<unknown> {
  const isHinted = () =>
    [...model.search({ op: 'always' })].some(
      ({ value }) => 'holds' in value && value.holds.some(({ reason }) => reason === 'security'),
    )
  await sleep(20)
  for (let tries = 0; tries < 50 && isHinted(); tries++) await feed.reached(1n)
  return dumpDirectory(model)
}

/** What the database holds, by way of a follower that starts from nothing. */
async function dumpFresh(t: Test, database: Database): Promise<unknown> {
  const model = new ReadModel()
  const feed = await startFeed(t, database, [model])
  await feed.stop()
  return dumpDirectory(model)
}

await eachEngine(
  t,
  'followers agree after restarts, purges, restores and random histories',
  async (t, database) => {
    const people = new PostgresPeopleStore(database)
    const groups = new PostgresGroupStore(database)
    const credentials = new PostgresCredentialStore(database)
    const model = new ReadModel()
    const index = new CredentialIndex()
    let feed = await startFeed(t, database, [model, index])
    // Room for what a restore brings back: versions are positive.
    await database.pool.query(`select setval('entity_version', 100000)`)
    const ids = [
      ...(await seedPeople(
        database,
        Array.from({ length: 12 }, (_, n) => ({ username: `p${n}` })),
      )),
    ]
    const groupIds: Awaited<ReturnType<typeof groups.create>>['id'][] = []
    for (const name of ['red', 'green', 'blue']) {
      groupIds.push(
        (await groups.create({ name, displayName: name, description: null }, testActor)).id,
      )
    }
    const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T
    const steps: (() => Promise<unknown>)[] = [
      () => people.hold([pick(ids)], 'admin', { actor: testActor, note: null }),
      () => people.release([pick(ids)], 'admin', testActor),
      () => groups.addMembers(pick(groupIds), [pick(ids), pick(ids)], testActor),
      () => groups.removeMembers(pick(groupIds), [pick(ids)], testActor),
      () => people.setSshPublicKeys(pick(ids), [`ssh-rsa AAAA ${Math.random()}`], testActor),
      () =>
        credentials.put(
          {
            principalId: pick(ids),
            type: 'primary-password',
            label: 'password',
            verifier: String(Math.random()),
            serviceId: null,
            expiresAtMs: null,
          },
          testActor,
        ),
    ]
    const upheavals: (() => Promise<unknown>)[] = [
      async () => {
        await feed.stop()
        for (let n = 0; n < 5; n++) await pick(steps)()
        feed = await startFeed(t, database, [model, index])
      },
      // The journal has been purged beyond what this daemon had read.
      async () => {
        await feed.stop()
        for (let n = 0; n < 5; n++) await pick(steps)()
        while ((await stamp(database.kysely)) > 0);
        await database.pool.query('delete from journal')
        feed = await startFeed(t, database, [model, index])
      },
      // A restore, in one transaction: another epoch, and rows that are older than followers hold.
      async () => {
        await database.pool.query(`
          update journal_head set epoch = gen_random_uuid();
          update principal set version = version - 10000 where kind = 'person';
          update directory_group set version = version - 10000;
          delete from credential;
          delete from membership where member_no % 2 = 0`)
      },
    ]
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < 12; n++) await pick(steps)()
      await upheavals[round % 3]?.()
      for (let n = 0; n < 4; n++) await pick(steps)()
      await feed.reached(1n)
      t.same(await dumpSettled(model, feed), await dumpFresh(t, database), `after round ${round}`)
      const { rows } = await database.pool.query('select id, version from credential order by id')
      t.same(
        [...index.versions('credential')].toSorted(([a], [b]) => (a < b ? -1 : 1)),
        rows.map((row) => [row.id, row.version]),
      )
    }
  },
)
