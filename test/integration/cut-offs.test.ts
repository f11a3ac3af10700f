import fc from 'fast-check'
import { type RawBuilder, sql } from 'kysely'
import t from 'tap'
import type { PrincipalId } from '../../src/directory/id.ts'
import type { Actor } from '../../src/directory/ports/people.ts'
import { WINDOW_MINIMUM } from '../../src/sources/guard.ts'
import { type Database, openDatabase } from '../../src/storage/connection.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { applyRetention } from '../../src/storage/retention.ts'
import { eachEngine, testDatabase } from '../support/database.ts'
import { seedPeople } from '../support/people.ts'
import { sharedPostgres } from '../support/postgres.ts'

const ADA: Actor = { name: 'admin:ada', reason: null }
const BEN: Actor = { name: 'service:script', reason: null }
const needsPostgres = (await sharedPostgres()) ? {} : { skip: 'there is no PostgreSQL here' }
/** More than go unasked, and few enough for the count to rule, not the share. */
const PEOPLE = WINDOW_MINIMUM + 10
const NEEDED = { code: 'DIRECTORY_APPROVAL_NEEDED' }

async function setUp(database: Database) {
  const names = Array.from({ length: PEOPLE }, (_, n) => ({ username: `p${n}` }))
  const ids = await seedPeople(database, names)
  const people = new PostgresPeopleStore(database)
  const at = (n: number) => ids[n] ?? missing(n)
  return {
    people,
    ids,
    at,
    suspend: (n: number, actor = ADA, count: number | null = null) =>
      people.hold([at(n)], 'admin', { actor, note: null, count }),
    remove: (n: number, actor = ADA, count: number | null = null) =>
      people.delete([at(n)], actor, { count }),
  }
}

function missing(n: number): never {
  throw new Error(`there is no person ${n}`)
}

/** As if all of it had been done so long ago. */
async function letPass(database: Database, minutes: number): Promise<void> {
  await sql`update cut_off set at = at - make_interval(mins => ${minutes})`.execute(database.kysely)
}

async function livingNow({ kysely }: Database): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::integer as n from principal where lifecycle <> 'deleted'`.execute(kysely)
  return rows[0]?.n ?? 0
}

await eachEngine(t, 'a script that deletes people one by one is stopped', async (t, database) => {
  const { people, at, remove } = await setUp(database)
  for (let n = 0; n < WINDOW_MINIMUM; n++) t.match(await remove(n), { changed: 1 })
  const next = remove(WINDOW_MINIMUM)
  await t.rejects(next, {
    ...NEEDED,
    message:
      /^this deletes 1 of 10 people; with what you did within 60 minutes that takes access from 21 .*--count 21\)$/,
  })
  await t.rejects(remove(WINDOW_MINIMUM, ADA, 1), NEEDED, 'what is told is the sum')
  t.equal(await livingNow(database), PEOPLE - WINDOW_MINIMUM)

  t.match(await remove(0), { changed: 0 }, 'who is gone already is no further loss')
  const back = await people.restore([at(0), at(1)], ADA)
  t.match(back, { changed: 2 }, 'a restoration is never held up')
  t.match(await remove(0), { changed: 1 }, 'the same person counts once')

  t.match(await remove(WINDOW_MINIMUM, ADA, 21), { changed: 1 }, 'whoever tells the number goes on')
  await t.rejects(remove(WINDOW_MINIMUM + 1, ADA, 21), NEEDED, 'with each a new one')
  t.match(await remove(WINDOW_MINIMUM + 1, ADA, 44), { changed: 1 }, 'or one for some to come')
  await t.rejects(remove(WINDOW_MINIMUM + 2, ADA, 10_000), NEEDED, 'but none for everybody')
  await letPass(database, 61)
  t.match(await remove(WINDOW_MINIMUM + 2), { changed: 1 }, 'and an hour later without a word')
})

await eachEngine(t, 'two actors do not get twice as far', async (t, database) => {
  const { people, ids, suspend, remove } = await setUp(database)
  for (let n = 0; n < 12; n++) await suspend(n, ADA)
  for (let n = 12; n < WINDOW_MINIMUM; n++) await remove(n, BEN)
  await t.rejects(suspend(WINDOW_MINIMUM, BEN), {
    ...NEEDED,
    message: /with what all administrators and tokens did .* from 21 \(\d+ %\).*--count 21/,
  })
  await t.rejects(suspend(WINDOW_MINIMUM, ADA), NEEDED)
  t.match(await suspend(0, BEN), { changed: 0 }, 'who is held already is no further loss')
  await letPass(database, 61)

  const all = ids.slice(0, 12)
  await people.release(all, 'admin', ADA)
  const rest = ids.filter((_, n) => n < 12 || n >= WINDOW_MINIMUM)
  const options = { actor: ADA, note: null, count: rest.length }
  t.match(await people.hold(rest, 'admin', options), { changed: rest.length })
  await people.release(rest, 'admin', ADA)
  t.match(await suspend(3, BEN), { changed: 1 }, 'what was meant does not hold up the others')
  t.match(await suspend(4, ADA), { changed: 1 }, 'nor is the same person asked about again')
})

await eachEngine(t, 'dates count where they are set, and lists as a whole', async (t, database) => {
  const { people, ids, at, suspend } = await setUp(database)
  const atMs = Date.now() + 86_400_000
  const date = { act: 'delete', atMs } as const
  for (let n = 0; n < WINDOW_MINIMUM; n++) await people.setDate(at(n), date, ADA)
  await t.rejects(people.setDate(at(WINDOW_MINIMUM), date, ADA), {
    ...NEEDED,
    message: /sets a date to delete for 1 of 30 people.*--count 21/,
  })
  const activation = { act: 'activate', atMs } as const
  t.match(await people.setDate(at(WINDOW_MINIMUM), activation, ADA), { changed: 1 })
  t.match(await people.setDate(at(0), date, ADA), { changed: 1 }, 'said once more')
  await t.rejects(suspend(WINDOW_MINIMUM), NEEDED)
  await letPass(database, 61)

  const list = { suspended: ids.slice(0, 15), deleted: ids.slice(15, 25), leaving: [] }
  await t.rejects(people.allowCutOffs(list, BEN, null), {
    message:
      'this takes access from 25 of 30 people (83 %): say that you mean so many, with count (--count 25)',
  })
  await people.allowCutOffs(list, BEN, 25)
  const hold = { actor: BEN, note: null }
  t.match(await people.hold(list.suspended, 'admin', hold), { changed: 15 })
  t.match(await people.delete(list.deleted, BEN), { changed: 10 }, 'they were counted as one')
  t.equal(
    await people.allowCutOffs(list, BEN, null),
    undefined,
    'sent once more there is nothing left',
  )
})

await eachEngine(t, 'a refused command counts for nothing', async (t, database) => {
  const { people, ids, at, remove } = await setUp(database)
  await people.protect([at(0)], true, ADA)
  await t.rejects(remove(0), { message: /protected/ })
  await t.rejects(people.delete(ids.slice(1), ADA), NEEDED)
  const unknown = '00000000-0000-4000-8000-00000000ffff' as string as PrincipalId
  await t.rejects(people.delete([at(2), unknown], ADA), { code: 'DIRECTORY_NOT_FOUND' })
  t.equal(await countRows(database), 0)
  t.match(await remove(1), { changed: 1 })
  await letPass(database, 121)
  await applyRetention(database)
  t.equal(await countRows(database), 0, 'and what no longer counts is dropped')
})

async function countRows({ kysely }: Database): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::integer as n from cut_off`.execute(
    kysely,
  )
  return rows[0]?.n ?? 0
}

await t.test(
  'two daemons, and one that was started anew, count together',
  needsPostgres,
  async (t) => {
    const first = await testDatabase(t, { engine: 'postgresql' })
    const { ids, at } = await setUp(first)
    const second = await openDatabase(first.options)
    const daemons = [new PostgresPeopleStore(first), new PostgresPeopleStore(second)] as const
    const deletions = ids.map((id, n) => (n % 2 === 0 ? daemons[0] : daemons[1]).delete([id], ADA))
    const settled = await Promise.allSettled(deletions)
    const done = settled.filter(({ status }) => status === 'fulfilled')
    t.equal(done.length, WINDOW_MINIMUM, 'all at once, and not one more')
    for (const each of settled) if (each.status === 'rejected') t.match(each.reason, NEEDED)
    t.equal(await livingNow(first), PEOPLE - WINDOW_MINIMUM)
    await second.stop()
    const third = await openDatabase(first.options)
    t.teardown(() => third.stop())
    const left = settled.findIndex(({ status }) => status === 'rejected')
    await t.rejects(new PostgresPeopleStore(third).delete([at(left)], ADA), NEEDED)
  },
)

await t.test('in a large directory the share rules', async (t) => {
  const database = await testDatabase(t)
  const names = Array.from({ length: 600 }, (_, n) => ({ username: `p${n}` }))
  const ids = await seedPeople(database, names)
  const people = new PostgresPeopleStore(database)
  t.match(await people.delete(ids.slice(0, 30), ADA), { changed: 30 }, 'five in a hundred of 600')
  await t.rejects(people.delete(ids.slice(30, 31), ADA), {
    message: /1 of 570 people; .* from 31 \(5 %\), more than go without a word \(28\)/,
  })
})

interface Step {
  readonly actor: Actor
  readonly verb: 'suspend' | 'delete' | 'return'
  readonly from: number
  readonly length: number
  /** Tells the number where it is asked for. */
  readonly isMeant: boolean
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  actor: fc.constantFrom(ADA, BEN),
  verb: fc.constantFrom(...(['suspend', 'suspend', 'delete', 'delete', 'return'] as const)),
  from: fc.nat(PEOPLE - 1),
  length: fc.integer({ min: 1, max: 12 }),
  isMeant: fc.boolean(),
})

/** Who was counted for whom, and whether it was meant; nothing grows old in it. */
class Counted {
  readonly #rows: { readonly actor: Actor; readonly id: PrincipalId; isMeant: boolean }[] = []

  /** @returns what has to be told; null where it goes without a word */
  ask(
    actor: Actor,
    asked: readonly PrincipalId[],
    affected: readonly PrincipalId[],
  ): number | null {
    const mine = this.#rows.filter((row) => row.actor === actor).map(({ id }) => id)
    const all = this.#rows.map(({ id }) => id)
    const unmeant = this.#rows.filter(({ isMeant }) => !isMeant).map(({ id }) => id)
    const total = (ids: readonly PrincipalId[]) => new Set([...ids, ...asked]).size
    if (affected.every((id) => mine.includes(id))) return null
    if (total(mine) > WINDOW_MINIMUM) return total(mine)
    if (affected.every((id) => all.includes(id))) return null
    return total(unmeant) > WINDOW_MINIMUM ? total(unmeant) : null
  }

  count(actor: Actor, affected: readonly PrincipalId[], isMeant: boolean): void {
    for (const id of affected) {
      const row = this.#rows.find((each) => each.actor === actor && each.id === id)
      if (row === undefined) this.#rows.push({ actor, id, isMeant })
      else row.isMeant ||= isMeant
    }
  }
}

await t.test('asked exactly when it is too much, whatever is done in whatever order', async (t) => {
  let asked = 0
  const property = async (steps: readonly Step[]) => {
    const database = await testDatabase(t)
    const { people, ids } = await setUp(database)
    const counted = new Counted()
    for (const { actor, verb, from, length, isMeant } of steps) {
      const named = ids.slice(from, from + length)
      if (verb === 'return') {
        await people.restore(named, actor)
        await people.release(named, 'admin', actor)
        continue
      }
      const living = await among(database, named, sql`lifecycle <> 'deleted'`)
      const free = await among(
        database,
        living,
        sql`not exists (
        select from hold h where h.principal_id = p.id)`,
      )
      const affected = verb === 'delete' ? living : free
      const told = counted.ask(actor, living, affected)
      const act = (count: number | null) =>
        verb === 'delete'
          ? people.delete(living, actor, { count })
          : people.hold(living, 'admin', { actor, note: null, count })
      if (told !== null) {
        await t.rejects(act(null), { ...NEEDED, message: new RegExp(`--count ${told}\\)$`) })
        asked++
      }
      if (told !== null && !isMeant) continue
      t.match(await act(told), { changed: affected.length })
      counted.count(actor, affected, told !== null)
    }
  }
  const steps = fc.array(anyStep, { minLength: 6, maxLength: 14 })
  const everybody = [0, 10, 20].map((from, n): Step => {
    return { actor: n === 1 ? BEN : ADA, verb: 'delete', from, length: 10, isMeant: true }
  })
  await fc.assert(fc.asyncProperty(steps, property), { numRuns: 15, examples: [[everybody]] })
  t.ok(asked > 0, 'and some were asked')
})

async function among(
  { kysely }: Database,
  ids: readonly PrincipalId[],
  condition: RawBuilder<unknown>,
): Promise<readonly PrincipalId[]> {
  const { rows } = await sql<{ id: PrincipalId }>`
    select p.id from principal p
    where p.id = any (${ids}::uuid[]) and ${condition} order by p.id`.execute(kysely)
  return rows.map(({ id }) => id)
}
