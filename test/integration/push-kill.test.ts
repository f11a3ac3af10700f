import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import t from 'tap'
import { parseFaultRule } from '../../simulators/microsoft365/index.ts'
import { openDatabase } from '../../src/storage/connection.ts'
import { type DaemonProcess, startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { connectionOf } from '../support/microsoft365.ts'
import { Random } from '../support/mutate.ts'
import { permissionsUpTo, until } from '../support/push-bench.ts'
import { compareSides, elapse, type Who } from '../support/push-truth.ts'
import { testTenant } from '../support/sync.ts'

const KILLS = Number(process.env['GATEHOUSE_TEST_KILLS'] ?? 5)
const SEED = Number(process.env['GATEHOUSE_PUSH_SEED'] ?? Date.now() % 0x7fffffff)
const PEOPLE = 16
const MAX_QUIET_ROUNDS = 12
const HOUR_MS = 3_600_000
const NAMES = ['one', 'other'] as const
const FAULTS = [
  { fault: 'status', status: 429 },
  { fault: 'status', status: 503 },
  { fault: 'status', status: 500, isAfterWork: true },
  { fault: 'reset' },
] as const

type Name = (typeof NAMES)[number]
interface Seen {
  readonly value: unknown
  /** How many requests there had been. */
  readonly request: number
  readonly isTheirs: boolean
}
interface Subject extends Who {
  readonly username: string
}

const random = new Random(SEED)
const { folder, url, env } = await databaseFor(t, 'push-kill')
const tenant = await testTenant(t, {
  people: 60,
  groups: 4,
  seed: 1,
  permissions: permissionsUpTo('write-back'),
})
const start = (name: Name) =>
  startDaemonProcess(t, { dataDir: join(folder, name), env, args: ['--migrate'] })
const daemons = { one: await start('one'), other: await start('other') }
const db = await openDatabase({ url })
t.teardown(() => db.stop())

/** Asks for a round. @returns who leads */
async function synchronise(): Promise<Name> {
  for (const deadlineMs = performance.now() + 60_000; ; ) {
    for (const name of NAMES) {
      try {
        await daemons[name].api.send('POST', '/sources/contoso/sync', {})
        return name
      } catch (error) {
        // Whoever was killed leads until the server hears of it.
        const isFollower = error instanceof Error && error.message.includes('another daemon')
        if (!isFollower || performance.now() > deadlineMs) throw error
      }
    }
    await sleep(100)
  }
}

async function killAndStart(name: Name): Promise<void> {
  const { process }: DaemonProcess = daemons[name]
  const gone = once(process, 'exit')
  process.kill('SIGKILL')
  await gone
  daemons[name] = await start(name)
}

/** What is marked is pushed in its turn, and no later than it is due. */
async function isSettled(): Promise<boolean> {
  const { rows } = await sql<{ isDue: boolean }>`
    select exists (select from push_dirty where due_at <= clock_timestamp() or claimed_until is not null)
      or exists (select from push where status in ('sending', 'undecided')) as "isDue"`.execute(
    db.kysely,
  )
  return rows[0]?.isDue === false
}

async function inState(status: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::integer as n from push where status = ${status}`.execute(db.kysely)
  return rows[0]?.n ?? 0
}

/** Changes on both sides, of which some are asked of a daemon that does not live to answer. */
async function change(subjects: readonly Subject[], watch: RepeatWatch, at: number): Promise<void> {
  for (const { username, externalId } of subjects) {
    const isOdd = at % 2 === 1
    const here = async (method: 'PATCH' | 'POST', path: string, json: object) => {
      const { api } = daemons[random.pick(NAMES)]
      await api.send(method, path, json).catch(() => undefined)
    }
    const dice = random.below(6)
    if (dice < 3) await here('PATCH', `/people/${username}`, { jobTitle: `${username} ${at}` })
    else if (dice === 3)
      await here('POST', `/people/${isOdd ? 'resume' : 'suspend'}`, { people: [username] })
    else if (dice === 4) watch.update(externalId, { jobTitle: `${username} ${at} there` })
    else watch.update(externalId, { accountEnabled: isOdd })
  }
}

/** Values that Gatehouse wrote twice running, with no look at the account in between. */
class RepeatWatch {
  readonly blind: string[] = []
  writes = 0
  readonly #last = new Map<string, Seen>()
  #isTheirs = false

  constructor() {
    tenant.tenant.onChange((change) => {
      if (change.op !== 'update') return
      for (const [name, value] of Object.entries(change.properties))
        this.#take(change.id, name, value)
    })
  }

  /** What an admin of the tenant does. */
  update(id: string, properties: Readonly<Record<string, string | boolean>>): void {
    this.#isTheirs = true
    tenant.tenant.update(id, properties)
    this.#isTheirs = false
  }

  #take(id: string, name: string, value: unknown): void {
    const key = `${id} ${name}`
    const request = tenant.requests.list().length
    const last = this.#last.get(key)
    this.#last.set(key, { value, request, isTheirs: this.#isTheirs })
    if (this.#isTheirs) return
    this.writes++
    if (last === undefined || last.isTheirs || last.value !== value) return
    const between = tenant.requests.list().slice(last.request)
    const isRead = between.some(({ method, path }) => method === 'GET' && path.includes(id))
    if (!isRead) this.blind.push(`${key} = ${value}`)
  }
}

await t.test(
  `pushes: of two daemons one is killed ${KILLS} times, and both sides come to rest (seed ${SEED})`,
  async (t) => {
    const { id: sourceId } = await daemons.one.api.send<{ id: string }>(
      'POST',
      '/sources/microsoft365',
      connectionOf(tenant),
    )
    await synchronise()
    const { rows: subjects } = await sql<Subject>`
      select l.principal_id as id, l.external_id as "externalId", p.username
      from source_link l join person p on p.id = l.principal_id
      where (l.attributes ->> 'isEnabled')::boolean
        and not coalesce((l.attributes ->> 'isSyncedFromOnPremises')::boolean, false)
      order by l.external_id limit ${PEOPLE}`.execute(db.kysely)
    const people = subjects.map(({ username }) => username)
    await daemons.one.api.send('POST', '/people/activate', { people })
    await daemons.one.api.send('PUT', '/sources/contoso/tier', { tier: 'write-back' })
    const watch = new RepeatWatch()
    let leader = await synchronise()
    let cut = 0
    const led = new Set([leader])

    for (let at = 0; at < KILLS; at++) {
      const lagMs = random.pick([0, HOUR_MS])
      tenant.settings.change({ shaping: { lagMs, replicas: 3, replays: 5 } })
      tenant.faults.add(parseFaultRule({ fault: 'delay', method: 'PATCH', ms: 400, times: 4 }))
      tenant.faults.add(parseFaultRule({ ...random.pick(FAULTS), method: 'PATCH', times: 2 }))
      const changing = change(subjects, watch, at)
      const deadlineMs = performance.now() + 3_000
      while ((await inState('sending')) === 0 && performance.now() < deadlineMs) await sleep(10)
      await sleep(random.below(300))
      // More often the one that pushes; the other takes over, or goes on as if nothing had been.
      const victim = at === 0 || random.below(3) > 0 ? leader : random.pick(NAMES)
      await Promise.all([killAndStart(victim), changing])
      if ((await inState('sending')) > 0) cut++
      tenant.faults.clear()
      leader = await synchronise()
      led.add(leader)
    }
    t.comment(`${cut} of ${KILLS} kills left a write of which nobody knew; ${watch.writes} arrived`)
    t.ok(watch.writes > 0, 'it was written')
    t.equal(led.size, 2, 'each led once')

    tenant.settings.reset()
    tenant.advance(2 * HOUR_MS)
    for (let round = 0, before = -1; watch.writes !== before; round++) {
      t.ok(round < MAX_QUIET_ROUNDS, 'they do not go on correcting each other')
      before = watch.writes
      await elapse({ db, tenant })
      await synchronise()
      await until('nothing is under way', isSettled)
    }
    for (const subject of subjects) await compareSides(t, { db, sourceId, tenant }, subject)
    t.same(watch.blind, [], 'nothing is written again without being read')
  },
)
