/**
 * Whether TLS starves LDAP: searches offered at a fixed rate, alone, and while people log in by
 * EAP-TTLS/PAP at a fixed rate and every LDAPS client reconnects at once. The storm has TLS 1.2 and
 * whole handshakes throughout. Everything is an open loop: times count from when a search was due.
 *
 * `npm run bench starvation` takes a minute; `-- --full` measures longer. The load runs on the same
 * machine: what it was late by itself is told, and part of the times.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres } from '../test/support/postgres.ts'
import { TestNas } from '../test/support/radius-client.ts'
import { Devices, logIn } from './radius-eap-load.ts'
import { PATIENCE_MS } from './radius-load.ts'
import { cpuSeconds } from './support/cpu.ts'
import { type BenchDaemon, startDaemon } from './support/daemon.ts'
import type { Measured, Task } from './support/ldap-load.ts'
import { Loader } from './support/ldap-loader.ts'
import { median, quantile } from './support/median.ts'
import { shuffledUsernames } from './support/people.ts'
import { giveWay } from './support/priority.ts'

const isFull = process.argv.includes('--full')
const PASSWORD = 'correct horse battery staple'
const SECRET = 'starvation-bench-secret'
const PEOPLE = 10_000
/** Whose verifiers are in memory: what argon2 costs is another matter. */
const WARM_PEOPLE = 64
const WARM_LIMIT_SECONDS = 120
const SEARCHES = { perSecond: 2_000, connections: 8 }
const LOG_INS_PER_SECOND = 200
const RECONNECTS = 2_000
const SECONDS = isFull ? 20 : 8
const ROUNDS = isFull ? 5 : 3
const BUDGET_MS = 5
/** Between what is measured and the end of what was opened for it. */
const REST_SECONDS = 1

interface Sample extends Measured {
  /** Longest delay of the server's event loop meanwhile. */
  readonly loopDelayMs: number
  /** Of one processor. */
  readonly cpuShare: number
}

interface Storm {
  readonly logIns: number
  readonly logInP99Ms: number
  readonly reconnectedMs: number
  /** Connections that it took. */
  readonly tries: number
}

/** The network whose log-ins make the storm. */
async function openNetwork({ api }: BenchDaemon): Promise<Devices> {
  const nas = { name: 'loopback', addresses: ['127.0.0.0/8'], secret: SECRET }
  await api.send('POST', '/nas', nas)
  const network = { name: 'corp', ssids: ['corp'], methods: ['ttls-pap'], everyone: true }
  await api.send('POST', '/networks', network)
  const cipher = 'ECDHE-ECDSA-AES128-GCM-SHA256'
  return new Devices({ caPem: null, serverName: 'localhost', cipher }, new Map())
}

/** Log-ins that begin when they are due, however many are under way. */
async function logInAtPace(port: number, devices: Devices, usernames: readonly string[]) {
  const total = LOG_INS_PER_SECOND * SECONDS
  const idle: TestNas[] = []
  const all: TestNas[] = []
  const startMs = performance.now()
  const one = async (at: number): Promise<number> => {
    const dueMs = startMs + (at * 1_000) / LOG_INS_PER_SECOND
    await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()))
    const nas = idle.pop() ?? new TestNas(port, SECRET, PATIENCE_MS)
    if (!all.includes(nas)) all.push(nas)
    const name = usernames[at % usernames.length] ?? ''
    await logIn(nas, { way: 'ttls-pap', devices }, { name, password: PASSWORD })
    idle.push(nas)
    return performance.now() - dueMs
  }
  const times = await Promise.all(Array.from({ length: total }, (_, at) => one(at)))
  for (const nas of all) nas.close()
  return { logIns: total, logInP99Ms: quantile(times, 0.99) }
}

async function whileMeasured(
  daemon: BenchDaemon,
  searches: () => Promise<Measured>,
): Promise<Sample> {
  await daemon.takeLoopDelayMs()
  const before = cpuSeconds(daemon.pid)
  const startMs = performance.now()
  const measured = await searches()
  const seconds = (performance.now() - startMs) / 1_000
  const cpuShare = (cpuSeconds(daemon.pid) - before) / seconds
  return { ...measured, cpuShare, loopDelayMs: await daemon.takeLoopDelayMs() }
}

function print(what: string, samples: readonly Sample[]): void {
  const of = (read: (sample: Sample) => number) => median(samples.map(read))
  const p99Ms = of((sample) => sample.p99Ms)
  const cells = [
    of((sample) => sample.medianMs).toFixed(2),
    p99Ms.toFixed(2),
    `≤ ${BUDGET_MS}`,
    p99Ms <= BUDGET_MS ? 'met' : 'MISSED',
    of((sample) => sample.lateP99Ms ?? 0).toFixed(2),
    of((sample) => sample.loopDelayMs).toFixed(0),
    of((sample) => sample.cpuShare * 100).toFixed(0),
  ]
  line(what, ...cells)
}

function line(...cells: readonly string[]): void {
  const [first = '', ...rest] = cells
  process.stdout.write(`${first.padEnd(34)}${rest.map((cell) => cell.padStart(10)).join('')}\n`)
}

const postgres = await startPostgres()
const searcher = await Loader.start()
const returner = await Loader.start()
let daemon: BenchDaemon | null = null
try {
  daemon = await startDaemon(postgres, PEOPLE, PASSWORD)
  const { server, ldapsPort, radiusPort } = daemon
  returner.giveWay()
  giveWay()
  const usernames = shuffledUsernames(PEOPLE)
  const warm = usernames.slice(0, WARM_PEOPLE)
  const devices = await openNetwork(daemon)
  const common = { server, usernames, password: PASSWORD, depth: 1, seconds: SECONDS }
  const warmUp: Task = { ...common, what: 'bind', usernames: warm, connections: 8, rounds: 1 }
  await searcher.run({ ...warmUp, seconds: WARM_LIMIT_SECONDS })
  const searches = () => searcher.run({ ...common, ...SEARCHES, what: 'paced' })
  const ldaps = { ...server, port: ldapsPort }
  const returnAll = () =>
    returner.run({
      ...common,
      what: 'reconnect',
      server: ldaps,
      connections: RECONNECTS,
      seconds: SECONDS + REST_SECONDS,
    })

  const alone: Sample[] = []
  const stormy: Sample[] = []
  const storms: Storm[] = []
  await searches()
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await whileMeasured(daemon, searches))
    const storm = Promise.all([logInAtPace(radiusPort, devices, warm), returnAll()])
    stormy.push(await whileMeasured(daemon, searches))
    const [logIns, { p99Ms, answers }] = await storm
    storms.push({ ...logIns, reconnectedMs: p99Ms, tries: answers })
    await sleep(REST_SECONDS * 1_000)
  }
  process.stdout.write(
    `${SEARCHES.perSecond} searches/s among ${PEOPLE} people on ${SEARCHES.connections} connections, ` +
      `medians of ${ROUNDS} rounds of ${SECONDS} s in turn\n`,
  )
  line('', 'p50 ms', 'p99 ms', 'budget', '', 'late p99', 'loop max', 'CPU %')
  print('alone', alone)
  print('in the storm', stormy)
  const of = (read: (storm: Storm) => number) => median(storms.map(read)).toFixed(0)
  process.stdout.write(
    `the storm: ${LOG_INS_PER_SECOND} log-ins/s, p99 ${of(({ logInP99Ms }) => logInP99Ms)} ms; ` +
      `${RECONNECTS} LDAPS clients at once, 99 % back in ${of(({ reconnectedMs }) => reconnectedMs)} ms, ` +
      `by ${of(({ tries }) => tries)} connections\n`,
  )
} finally {
  searcher.stop()
  returner.stop()
  await daemon?.stop()
  await postgres.stop()
}
