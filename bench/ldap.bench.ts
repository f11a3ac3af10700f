/**
 * LDAP beside slapd: searches and binds from memory, cold binds, all people page by page.
 *
 * `npm run bench ldap` takes two minutes with 10,000 people; `npm run bench ldap -- --full` measures
 * longer and 100,000 people too. Runs of both servers take turns, medians are compared. The budgets
 * are those of ARCHITECTURE §7.
 */
import { availableParallelism } from 'node:os'
import { argon2id, hash, verify } from 'argon2'
import { startPostgres } from '../test/support/postgres.ts'
import { cpuSeconds } from './support/cpu.ts'
import { type BenchDaemon, SERVICE_ENVIRONMENT, startDaemon } from './support/daemon.ts'
import type { Measured, Task } from './support/ldap-load.ts'
import { Loader } from './support/ldap-loader.ts'
import type { Server } from './support/ldap-wire.ts'
import { median } from './support/median.ts'
import { shuffledUsernames } from './support/people.ts'
import { type Slapd, startSlapd } from './support/slapd.ts'

const isFull = process.argv.includes('--full')
const PASSWORD = 'correct horse battery staple'
const CONNECTIONS = 8
const SECONDS = isFull ? 4 : 1
const ROUNDS = isFull ? 7 : 5
const COLD_SECONDS = isFull ? 15 : 5
const SMALL = 10_000
const LARGE = 100_000
/** People who bind again and again; the first time each costs an argon2. */
const WARM_PEOPLE = 64
/** Enough for {@link WARM_PEOPLE} on a crowded machine. */
const WARM_LIMIT_SECONDS = 60
const PROBE_PAUSE_MS = 2

interface Row {
  readonly what: string
  /** Processor time for one answer, µs, ours and the peer's: what a crowded machine blurs least. */
  readonly cpu?: readonly [number, number]
  readonly ours: string
  readonly peer: string
  readonly ratio: number
  readonly budget: number
  /** Whether less is better. */
  readonly isAtMost?: boolean
}

type Run = (task: Pick<Task, 'what' | 'server' | 'usernames'> & Partial<Task>) => Promise<Measured>

const none: Result = { perSecond: Number.NaN, cpuMicros: Number.NaN }
const rows: Row[] = []
/** Binds that were answered, the load's own among them, by the server's port. */
const logIns = new Map<number, number>()

/** Before it searches, each connection of a load signs in as a client. */
function logInsOf(task: Task, { answers }: Measured): number {
  if (task.what === 'bind') return answers
  return task.what === 'search' ? task.connections : 1
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

interface Side {
  /** Of the server that answers. */
  readonly pid: number
  readonly run: () => Promise<Measured>
}

interface Result {
  readonly perSecond: number
  /** Processor time of the server for one answer. */
  readonly cpuMicros: number
}

/** Runs the sides in turn, so that whatever else the machine does meets both; gives the medians. */
async function interleaved(sides: readonly Side[], rounds = ROUNDS): Promise<Result[]> {
  const measured = sides.map((): Result[] => [])
  for (const { run } of sides) await run()
  for (let round = 0; round < rounds; round++) {
    for (const [at, { pid, run }] of sides.entries()) {
      const before = cpuSeconds(pid)
      const { perSecond, answers, entries } = await run()
      const cpuMicros = ((cpuSeconds(pid) - before) * 1e6) / Math.max(answers, entries)
      measured[at]?.push({ perSecond, cpuMicros })
    }
  }
  return measured.map((results) => ({
    perSecond: median(results.map(({ perSecond }) => perSecond)),
    cpuMicros: median(results.map(({ cpuMicros }) => cpuMicros)),
  }))
}

function compared(what: string, budget: number, [ours, peer]: readonly [Result, Result]): Row {
  return {
    what,
    ours: count(ours.perSecond),
    peer: count(peer.perSecond),
    cpu: [ours.cpuMicros, peer.cpuMicros],
    ratio: ours.perSecond / peer.perSecond,
    budget,
  }
}

async function searches(run: Run, daemon: BenchDaemon, slapd: Slapd): Promise<void> {
  const all = shuffledUsernames(SMALL)
  const half = shuffledUsernames(SMALL, 2)
  for (const [depth, budget] of [
    [1, 1.5],
    [8, 3.5],
  ] as const) {
    const search = (pid: number, server: Server, usernames: readonly string[]): Side => ({
      pid,
      run: () => run({ what: 'search', server, usernames, depth }),
    })
    const [ours = none, viewed = none, peer = none] = await interleaved([
      search(daemon.pid, daemon.server, all),
      search(daemon.pid, daemon.halfServer, half),
      search(slapd.pid, slapd.server, all),
    ])
    rows.push(compared(`searches/s, depth ${depth}`, budget, [ours, peer]))
    rows.push(compared(`searches/s, depth ${depth}, half seen`, budget, [viewed, peer]))
  }
}

async function binds(run: Run, daemon: BenchDaemon, slapd: Slapd): Promise<void> {
  const usernames = shuffledUsernames(SMALL).slice(0, WARM_PEOPLE)
  const bind = (server: Server, more: Partial<Task> = {}) =>
    run({ what: 'bind', server, usernames, ...more })
  await bind(daemon.server, { rounds: 1, seconds: WARM_LIMIT_SECONDS })
  const [ours = none, peer = none] = await interleaved([
    { pid: daemon.pid, run: () => bind(daemon.server) },
    { pid: slapd.pid, run: () => bind(slapd.server) },
  ])
  rows.push(compared('binds/s, verifier cached', 1.5, [ours, peer]))
}

/** What the machine's processors can do of it, with nothing else asked of them. */
async function argon2Rate(concurrency: number): Promise<number> {
  const parameters = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 }
  const verifier = await hash(PASSWORD, parameters)
  const startedAtMs = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() - startedAtMs < COLD_SECONDS * 500) {
        await verify(verifier, PASSWORD)
        done++
      }
    }),
  )
  return (done / (performance.now() - startedAtMs)) * 1_000
}

async function coldBinds(run: Run, probe: Run, daemon: BenchDaemon): Promise<void> {
  const all = shuffledUsernames(SMALL)
  const ask: Partial<Task> = { connections: 1, pauseMs: PROBE_PAUSE_MS, seconds: COLD_SECONDS }
  const search = { what: 'search' as const, server: daemon.server, usernames: all, ...ask }
  const quiet = await probe(search)
  const concurrency = Math.max(1, availableParallelism() - 1)
  const before = await argon2Rate(concurrency)
  const [cold, meanwhile] = await Promise.all([
    run({
      what: 'bind',
      server: daemon.server,
      usernames: all.slice(WARM_PEOPLE),
      seconds: COLD_SECONDS,
    }),
    probe(search),
  ])
  const possible = Math.max(before, await argon2Rate(concurrency))
  rows.push({
    what: 'cold binds/s, of what argon2id allows',
    ours: cold.perSecond.toFixed(1),
    peer: possible.toFixed(1),
    ratio: cold.perSecond / possible,
    budget: 0.9,
  })
  rows.push({
    what: 'search p99 meanwhile, ms, of the quiet one',
    ours: meanwhile.p99Ms.toFixed(2),
    peer: quiet.p99Ms.toFixed(2),
    ratio: meanwhile.p99Ms / quiet.p99Ms,
    budget: 3,
    isAtMost: true,
  })
}

async function growth(run: Run, small: BenchDaemon, large: BenchDaemon): Promise<void> {
  for (const depth of [1, 8]) {
    const search = ({ pid, server }: BenchDaemon, people: number): Side => ({
      pid,
      run: () => run({ what: 'search', server, usernames: shuffledUsernames(people), depth }),
    })
    const [few = none, many = none] = await interleaved([
      search(small, SMALL),
      search(large, LARGE),
    ])
    rows.push(compared(`at 100,000, of those at 10,000, depth ${depth}`, 0.9, [many, few]))
  }
}

async function pages(run: Run, sides: { daemon: BenchDaemon; slapd: Slapd; people: number }) {
  const { daemon, slapd, people } = sides
  const all = (server: Server) => async () => {
    const measured = await run({ what: 'enumerate', server, usernames: [] })
    if (measured.entries !== people) throw new Error(`${measured.entries} of ${people} people`)
    return measured
  }
  const [ours = none, peer = none] = await interleaved(
    [
      { pid: daemon.pid, run: all(daemon.server) },
      { pid: slapd.pid, run: all(slapd.server) },
    ],
    3,
  )
  rows.push(compared(`${count(people)} people in pages of 1,000, entries/s`, 2, [ours, peer]))
  const delays: number[] = []
  for (let round = 0; round < 3; round++) {
    await daemon.takeLoopDelayMs()
    await all(daemon.server)()
    delays.push(await daemon.takeLoopDelayMs())
  }
  const best = Math.min(...delays)
  rows.push({
    what: 'event-loop delay meanwhile, ms, best of 3',
    ours: best.toFixed(1),
    peer: '50',
    ratio: best / 50,
    budget: 1,
    isAtMost: true,
  })
}

function print(): void {
  const line = (...cells: readonly string[]) => {
    const [first = '', ...rest] = cells
    process.stdout.write(`${first.padEnd(44)}${rest.map((cell) => cell.padStart(10)).join('')}\n`)
  }
  line('', 'Gatehouse', 'peer', 'ratio', 'budget', '', 'CPU µs', 'peer')
  for (const { what, ours, peer, ratio, budget, isAtMost, cpu = [] } of rows) {
    const isMet = isAtMost === true ? ratio <= budget : ratio >= budget
    const bound = `${isAtMost === true ? '≤' : '≥'} ${budget}`
    const verdict = isMet ? 'met' : 'MISSED'
    line(what, ours, peer, ratio.toFixed(2), bound, verdict, ...cpu.map((one) => one.toFixed(1)))
  }
}

const postgres = await startPostgres()
const started: { stop(): Promise<void> }[] = []
async function kept<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const one = await starting
  started.push(one)
  return one
}

const loader = await Loader.start()
const prober = await Loader.start()
const runOn =
  (one: Loader): Run =>
  async (given) => {
    const task = {
      ...{ password: PASSWORD, connections: CONNECTIONS, depth: 1, seconds: SECONDS },
      ...given,
    }
    const measured = await one.run(task)
    logIns.set(task.server.port, (logIns.get(task.server.port) ?? 0) + logInsOf(task, measured))
    return measured
  }
const run = runOn(loader)
try {
  const daemon = await kept(startDaemon(postgres, SMALL, PASSWORD))
  const slapd = await kept(startSlapd(SMALL, PASSWORD))
  process.stdout.write(
    `the daemon as built, on PostgreSQL with ${count(SMALL)} people: started in ${Math.round(daemon.startMs)} ms, ` +
      `RSS ${Math.round(daemon.memoryMb())} MB; auth events on; environment ${JSON.stringify(SERVICE_ENVIRONMENT)}\n` +
      `peer: ${slapd.version}: ${slapd.configuration}\n` +
      `${CONNECTIONS} connections, medians of ${ROUNDS} runs of ${SECONDS} s in turn\n\n`,
  )
  await searches(run, daemon, slapd)
  await binds(run, daemon, slapd)
  await coldBinds(run, runOn(prober), daemon)
  if (isFull) {
    const large = await kept(startDaemon(postgres, LARGE, PASSWORD))
    process.stdout.write(
      `with ${count(LARGE)} people: started in ${Math.round(large.startMs)} ms, RSS ${Math.round(large.memoryMb())} MB\n\n`,
    )
    await growth(run, daemon, large)
    await slapd.stop()
    started.splice(started.indexOf(slapd), 1)
    const largeSlapd = await kept(startSlapd(LARGE, PASSWORD))
    await pages(run, { daemon: large, slapd: largeSlapd, people: LARGE })
  } else {
    await pages(run, { daemon, slapd, people: SMALL })
  }
  print()
  // Counts of a minute's successes are written when it is over, and when the daemon stops.
  await daemon.stop()
  started.splice(started.indexOf(daemon), 1)
  const counted = await daemon.countedLogIns()
  const answered = logIns.get(daemon.server.port) ?? 0
  process.stdout.write(
    `\nbinds answered: ${count(answered)}; counted by the auth events: ${count(counted)}: ` +
      `${answered === counted ? 'equal' : 'NOT EQUAL'}\n`,
  )
} finally {
  loader.stop()
  prober.stop()
  for (const one of started) await one.stop()
  await postgres.stop()
}
