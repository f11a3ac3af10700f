import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { Guests } from '../../src/credentials/guests.ts'
import { ntHash } from '../../src/credentials/nt-hash.ts'
import { ReadModel } from '../../src/directory/read-model.ts'
import { Feed } from '../../src/storage/feed/feed.ts'
import { PostgresGuestStore } from '../../src/storage/guest-store.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { applyRetention } from '../../src/storage/retention.ts'
import { eachEngine, type TestDatabase } from '../support/database.ts'
import { testActor } from '../support/people.ts'

const keys = { current: makeKey(), earlier: [] }
const DAY_MS = 86_400_000
const nobody = { label: null, company: null, note: null, sponsorId: null }

async function start(t: Test, database: TestDatabase, max?: number) {
  const model = new ReadModel()
  const feed = new Feed({ database, keys, followers: [model] })
  await feed.start(AbortSignal.timeout(10_000))
  t.teardown(() => feed.stop())
  const store = new PostgresGuestStore(database, keys, max === undefined ? {} : { max })
  const guests = new Guests({ store, directory: model })
  const add = async (name: string | null, count = 1) => {
    const time = { startsAtMs: Date.now(), expiresAtMs: Date.now() + DAY_MS }
    const { made, written } = await guests.add({ ...nobody, ...time, name, count }, testActor)
    await feed.reached(written.inboxSeq)
    return made
  }
  const named = (name: string) => {
    const guest = model.guestByName(name)
    if (guest === null) throw new Error(`no guest ${name}`)
    return guest
  }
  return { model, feed, guests, add, named }
}

await eachEngine(t, 'a guest is followed with its password, unsealed', async (t, database) => {
  const { model, feed, guests, add, named } = await start(t, database)
  const [{ id, password } = { id: '', password: '' }] = await add('guest-a')
  const { secret, revokedAtMs, ...guest } = named('guest-a')
  t.equal(guest.id, id)
  t.equal(secret?.password.toString(), password)
  t.same(secret?.ntHash, ntHash(Buffer.from(password)))
  t.equal(revokedAtMs, null)

  const later = Date.now() + 2 * DAY_MS
  const change = { expiresAtMs: later, label: 'A' }
  await feed.reached((await guests.change(named('guest-a'), change, testActor)).inboxSeq)
  t.match(named('guest-a'), change)
  const removed = await guests.remove(named('guest-a'), testActor)
  await feed.reached(removed.inboxSeq)
  const at = named('guest-a').revokedAtMs
  t.type(at, 'number')
  t.equal((await guests.remove(named('guest-a'), testActor)).changed, 0, 'once')
  t.equal((await guests.change(named('guest-a'), change, testActor)).changed, 0, 'for good')
  t.equal(named('guest-a').revokedAtMs, at)

  const other = new ReadModel()
  const late = new Feed({ database, keys, followers: [other] })
  await late.start(AbortSignal.timeout(10_000))
  t.equal(other.digest(), model.digest(), 'and a daemon that starts later knows the same')
  await late.stop()
})

await eachEngine(t, 'all of an order or none of it', async (t, database) => {
  const { model, add } = await start(t, database)
  await add('guest-b-2')
  await t.rejects(add('guest-b', 3), { code: 'DIRECTORY_CONFLICT' })
  t.equal(model.guests().length, 1)
  t.equal((await add(null, 100)).length, 100)
  t.equal(model.guests().length, 101)
})

await eachEngine(t, 'those that ended longest ago make room', async (t, database) => {
  const { model, feed, guests, add, named } = await start(t, database, 5)
  const names = () => model.guests().map(({ name }) => name)
  for (const at of [1, 2, 3, 4, 5]) await add(`guest-${at}`)
  await t.rejects(add('guest-6'), { code: 'DIRECTORY_REFUSED', message: /more than 5 guests/ })
  for (const at of [3, 1, 4]) {
    await feed.reached((await guests.remove(named(`guest-${at}`), testActor)).inboxSeq)
  }
  await add('guest-6')
  t.same(names(), ['guest-1', 'guest-2', 'guest-4', 'guest-5', 'guest-6'])
  await t.rejects(add('guest-n', 3), { code: 'DIRECTORY_REFUSED' })
  t.equal(names().length, 5, 'all of an order or none, and nobody made room in vain')
  await add('guest-n', 2)
  t.same(names(), ['guest-2', 'guest-5', 'guest-6', 'guest-n-1', 'guest-n-2'])
})

await eachEngine(
  t,
  'the name of one that ended is free, and another is who has it',
  async (t, db) => {
    const { model, guests, feed, add, named } = await start(t, db)
    await add('guest-c')
    const before = named('guest-c')
    await feed.reached((await guests.remove(before, testActor)).inboxSeq)
    const [made] = await add('guest-c')
    t.equal(named('guest-c').id, made?.id)
    t.equal(model.guestById(before.id), null)
    t.equal(model.guests().length, 1)
  },
)

await eachEngine(
  t,
  'who has left is kept for thirty days, and then by nobody',
  async (t, database) => {
    const { model, feed, guests, add, named } = await start(t, database)
    const names = ['guest-old', 'guest-young', 'guest-removed', 'guest-here']
    for (const name of names) await add(name)
    await guests.remove(named('guest-removed'), testActor)
    for (const [name, column, days] of [
      ['guest-old', 'expires_at', 31],
      ['guest-young', 'expires_at', 29],
      ['guest-removed', 'revoked_at', 31],
    ] as const) {
      await sql`update guest set starts_at = now() - interval '60 days',
      ${sql.ref(column)} = now() - make_interval(days => ${days})
      where name = ${name}`.execute(database.kysely)
    }
    await applyRetention(database)
    await feed.reached(0n)
    const rest = ['guest-here', 'guest-young']
    const { rows } = await sql`select name from guest order by name`.execute(database.kysely)
    t.same(
      rows,
      rest.map((name) => ({ name })),
    )
    t.same(
      model.guests().map(({ name }) => name),
      rest,
    )
  },
)

await eachEngine(
  t,
  'moved to another row, a sealed password does not open, and shuts nobody else out',
  async (t, database) => {
    const { add } = await start(t, database)
    await add('guest-one')
    await add('guest-two')
    await sql`update guest g set secret = o.secret from guest o
    where g.name = 'guest-one' and o.name = 'guest-two'`.execute(database.kysely)
    const model = new ReadModel()
    const told: unknown[] = []
    const onUnreadable = (error: unknown) => told.push(error)
    const late = new Feed({ database, keys, followers: [model], onUnreadable })
    await late.start(AbortSignal.timeout(10_000))
    await late.stop()
    t.equal(model.guestByName('guest-one')?.secret, null)
    t.not(model.guestByName('guest-two')?.secret, null)
    t.match(told, [{ code: 'STORAGE_KEY', message: /guest\.secret of .* was altered or moved/ }])
    t.equal(told.length, 1, 'once')
  },
)
