/**
 * RADIUS log-ins beside FreeRADIUS: what one costs the server in CPU time, over all its threads, and
 * how long it takes, for PAP, EAP-TTLS, PEAP and EAP-TLS, whole and resumed; PAP also beside
 * FreeRADIUS that asks slapd. Both show the same certificate and take turns. ARCHITECTURE §7 has the
 * budgets. `GATEHOUSE_BENCH=full` for the long runs.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../test/support/postgres.ts'
import { findTool } from '../test/support/tools.ts'
import { Devices, type EapWay, loadEap } from './radius-eap-load.ts'
import { type Credential, type LoadResult, loadPap, type Target } from './radius-load.ts'
import { makeCertificates, prepareNetwork, resumeOnNetwork } from './radius-setting.ts'
import { cpuSeconds } from './support/cpu.ts'
import { type BenchDaemon, startDaemon } from './support/daemon.ts'
import { type Freeradius, startFreeradius } from './support/freeradius.ts'
import { median } from './support/median.ts'
import { personAt } from './support/people.ts'
import { type Slapd, startSlapd } from './support/slapd.ts'

const IS_FULL = process.env['GATEHOUSE_BENCH'] === 'full'
const RUNS = 5
const PEOPLE = 50
const PAP = { count: IS_FULL ? 40_000 : 10_000, concurrency: 16, warmUp: 4_000 }
const WHOLE = { count: IS_FULL ? 2_000 : 400, concurrency: 8, warmUp: 200 }
const RESUMED = { ...WHOLE, count: IS_FULL ? 4_000 : 800 }
const CIPHER = 'ECDHE-ECDSA-AES128-GCM-SHA256'
const SERVER_NAME = 'radius.example.test'
const SECRET = 'radius-bench-secret'
const PASSWORD = 'correct horse battery staple'

interface Sample {
  readonly cpuUs: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

interface Side {
  readonly name: string
  /** Whose CPU time counts. */
  readonly pids: readonly number[]
  readonly run: (count: number) => Promise<LoadResult>
}

interface Row {
  readonly what: string
  readonly size: { readonly count: number; readonly concurrency: number; readonly warmUp: number }
  readonly sides: readonly Side[]
  /** Of our CPU time to the peer's. */
  readonly budget: number
}

async function sample({ pids, run }: Side, count: number): Promise<Sample> {
  const cpu = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  const before = cpu()
  const { elapsedMs, latenciesMs } = await run(count)
  const cpuSecondsTaken = cpu() - before
  const at = (share: number) => latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0
  return {
    cpuUs: (cpuSecondsTaken * 1e6) / count,
    perSecond: (count * 1_000) / elapsedMs,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }
}

/** Each round in turn on every side, so that what else the machine does falls on all alike. */
async function measure({ sides, size }: Row): Promise<ReadonlyMap<Side, readonly Sample[]>> {
  const samples = new Map<Side, Sample[]>(sides.map((side) => [side, []]))
  for (const { run } of sides) await run(size.warmUp)
  for (let round = 0; round < RUNS; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      samples.get(side)?.push(await sample(side, size.count))
    }
  }
  return samples
}

function line(cells: readonly string[]): string {
  const [first = '', ...rest] = cells
  return `${first.padEnd(24)}${rest.map((cell) => cell.padStart(13)).join('')}\n`
}

function report({ what, size, budget }: Row, samples: ReadonlyMap<Side, readonly Sample[]>) {
  const rows = [...samples].map(([{ name }, of]) => {
    const read = (field: keyof Sample) => median(of.map((each) => each[field]))
    return { name, cpuUs: read('cpuUs'), of, read }
  })
  const [ours, peer] = rows
  const ratio = (ours?.cpuUs ?? Number.NaN) / (peer?.cpuUs ?? Number.NaN)
  const verdict = ratio <= budget ? 'met' : 'MISSED'
  return [
    `\n${what}, ${size.concurrency} at a time, ${RUNS} × ${size.count}\n`,
    line(['', 'CPU µs each', '(min-max)', 'p50 ms', 'p99 ms', 'each second']),
    ...rows.map(({ name, cpuUs, of, read }) => {
      const all = of.map((each) => each.cpuUs)
      return line([
        name,
        cpuUs.toFixed(1),
        `${Math.min(...all).toFixed(0)}-${Math.max(...all).toFixed(0)}`,
        read('p50Ms').toFixed(2),
        read('p99Ms').toFixed(2),
        read('perSecond').toFixed(0),
      ])
    }),
    peer === undefined ? '' : `ratio ${ratio.toFixed(2)}, budget ≤ ${budget}: ${verdict}\n`,
  ].join('')
}

/** Everything that runs, and how each of it is asked. */
interface Scene {
  readonly ours: BenchDaemon
  readonly freeradius: Freeradius | null
  readonly slapd: Slapd | null
  readonly devices: Devices
  readonly people: readonly Credential[]
  readonly networkPeople: readonly Credential[]
  /** Log-ins so far, by the server's name. */
  readonly sent: Map<string, number>
}

/** Asks that are counted, to be compared with what the server has recorded. */
function counted(
  { sent }: Scene,
  server: string,
  load: (count: number) => Promise<LoadResult>,
): Side['run'] {
  return async (count) => {
    const result = await load(count)
    sent.set(server, (sent.get(server) ?? 0) + result.latenciesMs.length)
    return result
  }
}

function papSides(scene: Scene, peer: keyof Freeradius['ports']): readonly Side[] {
  const { ours, freeradius, slapd, people } = scene
  const run = (server: string, port: number, who: readonly Credential[]) =>
    counted(scene, server, (count) =>
      loadPap({ port, secret: SECRET }, { ...PAP, people: who, count }),
    )
  const own = {
    name: 'Gatehouse',
    pids: [ours.pid],
    run: run('Gatehouse', ours.radiusPort, people),
  }
  if (freeradius === null) return [own]
  const asksSlapd = peer !== 'users'
  return [
    own,
    {
      name: asksSlapd ? 'FreeRADIUS and slapd' : 'FreeRADIUS',
      pids: [freeradius.pid, ...(asksSlapd && slapd !== null ? [slapd.pid] : [])],
      run: run('FreeRADIUS', freeradius.ports[peer], people),
    },
  ]
}

/** @param rounds gets how many requests a log-in took */
function eapSides(
  scene: Scene,
  way: EapWay,
  { resumes, rounds }: { readonly resumes: boolean; readonly rounds: Set<number> },
): readonly Side[] {
  const { ours, freeradius, devices } = scene
  const secret = SECRET
  const people = way === 'peap-mschapv2' ? scene.networkPeople : scene.people
  const { concurrency } = WHOLE
  const run = (server: string, target: Target) => {
    const common = { people, concurrency, devices, way }
    const sessions = new Map<string, Buffer>()
    return counted(scene, server, async (count) => {
      if (!resumes || sessions.size === people.length) {
        const load = { ...common, count, ...(resumes ? { sessions } : {}) }
        const result = await loadEap(target, load)
        rounds.add(result.rounds)
        return result
      }
      return await loadEap(target, { ...common, count: people.length, sessions })
    })
  }
  const own = {
    name: 'Gatehouse',
    pids: [ours.pid],
    run: run('Gatehouse', { port: ours.radiusPort, secret }),
  }
  if (freeradius === null) return [own]
  const port = freeradius.ports[resumes ? 'resuming' : 'users']
  const peer = {
    name: 'FreeRADIUS',
    pids: [freeradius.pid],
    run: run('FreeRADIUS', { port, secret }),
  }
  return [own, peer]
}

async function rowOfPap(scene: Scene): Promise<void> {
  const row = { what: `PAP, ${PEOPLE} people`, size: PAP, sides: papSides(scene, 'users') }
  await show({ ...row, budget: 1 })
}

async function rowsOfLdap(scene: Scene): Promise<void> {
  if (scene.freeradius === null || scene.slapd === null) {
    process.stdout.write('\nno FreeRADIUS with rlm_ldap, or no slapd here: no LDAP back end\n')
    return
  }
  const ways = [
    ['ldapCompare', 'one search, the password read from it'],
    ['ldapBind', 'a search and a bind'],
  ] as const
  const size = { ...PAP, count: PAP.count / 2, warmUp: PAP.warmUp / 4 }
  for (const [peer, how] of ways) {
    const what = `PAP, the peer with an LDAP back end: ${how}`
    await show({ what, size, sides: papSides(scene, peer), budget: 0.3 })
  }
}

const WAYS: readonly (readonly [EapWay, string])[] = [
  ['ttls-pap', 'EAP-TTLS/PAP'],
  ['peap-mschapv2', 'PEAP/MSCHAPv2'],
  ['tls', 'EAP-TLS'],
]

async function rowsOfEap(scene: Scene, resumes: boolean): Promise<void> {
  for (const [way, name] of WAYS) {
    const rounds = new Set<number>()
    const sides = eapSides(scene, way, { resumes, rounds })
    const size = resumes ? RESUMED : WHOLE
    const row = { what: '', size, sides, budget: 1 }
    const samples = await measure(row)
    const how = resumes ? 'resumed' : 'whole'
    const what = `${name} ${how}, TLS 1.2, P-256, ${CIPHER}, ${[...rounds].join(' and ')} requests each`
    process.stdout.write(report({ ...row, what }, samples))
  }
}

async function show(row: Row): Promise<void> {
  process.stdout.write(report(row, await measure(row)))
}

async function bench(folder: string, started: { stop(): Promise<void> }[]): Promise<void> {
  const kept = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const one = await starting
    started.push(one)
    return one
  }
  const certificates = await makeCertificates(folder, SERVER_NAME)
  const { certificate, caFile, caPem } = certificates
  const postgres = await kept(startPostgres())
  const ours = await kept(startDaemon(postgres, PEOPLE, PASSWORD, certificate))
  const usernames = Array.from({ length: PEOPLE }, (_, at) => personAt(at).username)
  const people = usernames.map((name) => ({ name, password: PASSWORD }))
  const networkPeople = await prepareNetwork(ours.api, { secret: SECRET, caPem, usernames })
  const hasFreeradius = findTool('freeradius') !== null
  const hasLdap = hasFreeradius && findTool('slapd') !== null
  const slapd = hasLdap
    ? await kept(startSlapd(people.length, PASSWORD, { clientReadsPasswords: true }))
    : null
  const freeradius = hasFreeradius
    ? await kept(
        startFreeradius(folder, {
          secret: SECRET,
          ...{ people, networkPeople, certificate, caFile },
          ldap: slapd?.server ?? null,
        }),
      )
    : null
  if (IS_FULL) process.stdout.write(`${freeradius?.config ?? ''}\n${slapd?.configuration ?? ''}\n`)
  const tls = { caPem, serverName: SERVER_NAME, cipher: CIPHER }
  const devices = new Devices(tls, await certificates.forPeople(networkPeople))
  const sent = new Map<string, number>()
  const scene = { ours, freeradius, slapd, devices, people, networkPeople, sent }

  await rowOfPap(scene)
  await rowsOfLdap(scene)
  await rowsOfEap(scene, false)
  await resumeOnNetwork(ours.api)
  await rowsOfEap(scene, true)

  await ours.stop()
  const tell = (name: string, recorded: number) =>
    process.stdout.write(`${name}: ${sent.get(name) ?? 0} log-ins, ${recorded} recorded\n`)
  tell('Gatehouse', await ours.countedLogIns())
  if (freeradius === null) return
  await freeradius.stop()
  tell('FreeRADIUS', freeradius.countAccepted())
}

const folder = mkdtempSync(join(tmpdir(), 'gh-bench-'))
const started: { stop(): Promise<void> }[] = []
try {
  await bench(folder, started)
} finally {
  for (const one of started.toReversed()) await one.stop()
  rmSync(folder, { recursive: true, force: true })
}
