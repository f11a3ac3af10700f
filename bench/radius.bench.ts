import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issueServerCertificate, makeAuthority } from '../src/credentials/certificates/authority.ts'
import { findTool } from '../test/support/tools.ts'
import { type LoadResult, loadPap, loadTtls, type Target, type TlsChoice } from './radius-load.ts'
import { type Peer, readCpuMs, startFreeradius, startGatehouse } from './radius-peers.ts'
import { median } from './support/median.ts'

/**
 * RADIUS log-ins beside FreeRADIUS: what one costs the server in CPU time, over all its threads, and
 * how long it takes. ARCHITECTURE §7 has the budgets. `GATEHOUSE_BENCH=full` for the long runs.
 */
const IS_FULL = process.env['GATEHOUSE_BENCH'] === 'full'
const RUNS = 5
const PEOPLE = 50
const PAP = { count: IS_FULL ? 40_000 : 10_000, concurrency: 16 }
const TTLS = { count: IS_FULL ? 2_000 : 400, concurrency: 8 }
const WARM_UP = { pap: 4_000, ttls: 200 }
const CIPHER = 'ECDHE-ECDSA-AES128-GCM-SHA256'
const SERVER_NAME = 'radius.example.test'

interface Sample {
  readonly cpuUs: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

type Run = (target: Target, count: number) => Promise<LoadResult>

async function sample(peer: Peer, count: number, load: () => Promise<LoadResult>): Promise<Sample> {
  const before = readCpuMs(peer.pid)
  const { elapsedMs, latenciesMs } = await load()
  const cpuMs = readCpuMs(peer.pid) - before
  const at = (share: number) => latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0
  return {
    cpuUs: (cpuMs * 1_000) / count,
    perSecond: (count * 1_000) / elapsedMs,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }
}

/** Each round in turn on every peer, so that what else the machine does falls on all alike. */
async function interleave(
  peers: readonly Peer[],
  { secret, count, run }: { readonly secret: string; readonly count: number; readonly run: Run },
): Promise<ReadonlyMap<Peer, readonly Sample[]>> {
  const samples = new Map<Peer, Sample[]>(peers.map((peer) => [peer, []]))
  for (let round = 0; round < RUNS; round++) {
    for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
      const target = { port: peer.authPort, secret }
      samples.get(peer)?.push(await sample(peer, count, () => run(target, count)))
    }
  }
  return samples
}

function line(cells: readonly string[]): string {
  const [first = '', ...rest] = cells
  return `${first.padEnd(24)}${rest.map((cell) => cell.padStart(13)).join('')}\n`
}

function report(
  what: string,
  samples: ReadonlyMap<Peer, readonly Sample[]>,
  budget: number,
): string {
  const rows = [...samples].map(([peer, of]) => {
    const read = (field: keyof Sample) => median(of.map((each) => each[field]))
    return { peer, cpuUs: read('cpuUs'), of, read }
  })
  const [ours, peer] = rows
  const ratio = (ours?.cpuUs ?? Number.NaN) / (peer?.cpuUs ?? Number.NaN)
  const verdict = ratio <= budget ? 'kept' : 'MISSED'
  return [
    `\n${what}\n`,
    line(['', 'CPU µs each', '(min-max)', 'p50 ms', 'p99 ms', 'each second']),
    ...rows.map(({ peer: { name }, cpuUs, of, read }) => {
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
    `ratio ${ratio.toFixed(2)} ×, budget ${budget.toFixed(1)} ×: ${verdict}\n`,
  ].join('')
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

async function writeCertificate(folder: string) {
  const authority = await makeAuthority('Bench Root', Date.now())
  const issued = await issueServerCertificate(authority, {
    names: [SERVER_NAME],
    nowMs: Date.now(),
  })
  const certFile = join(folder, 'server.pem')
  const keyFile = join(folder, 'server.key')
  writeFileSync(certFile, issued.certificate)
  writeFileSync(keyFile, issued.privateKey, { mode: 0o600 })
  return { certificate: { certFile, keyFile }, caPem: authority.certificate }
}

async function bench(folder: string, started: Peer[]): Promise<void> {
  const { certificate, caPem } = await writeCertificate(folder)
  const ours = await startGatehouse(folder, { people: PEOPLE, certificate })
  started.push(ours)
  const active = ours.facts.people.filter(({ state }) => state === 'active')
  const names = active.map(({ username }) => username)
  const password = active[0]?.password ?? ''
  const { secret } = ours.facts.radius
  const peers: Peer[] = [ours]
  if (findTool('freeradius') === null) process.stdout.write('no FreeRADIUS here: no ratio\n')
  else {
    const authPort = await freePort()
    const peer = await startFreeradius(folder, { secret, names, password, certificate, authPort })
    started.push(peer)
    peers.push(peer)
    if (IS_FULL) process.stdout.write(`${peer.config}\n`)
  }

  const tls: TlsChoice = { caPem, serverName: SERVER_NAME, cipher: CIPHER }
  const people = { names, password }
  const rounds = new Set<number>()
  const pap: Run = (target, count) => loadPap(target, { ...people, ...PAP, count })
  const ttls: Run = async (target, count) => {
    const result = await loadTtls(target, { ...people, ...TTLS, count, tls })
    rounds.add(result.rounds)
    return result
  }
  for (const { authPort } of peers) {
    await pap({ port: authPort, secret }, WARM_UP.pap)
    await ttls({ port: authPort, secret }, WARM_UP.ttls)
  }
  const papSamples = await interleave(peers, { secret, count: PAP.count, run: pap })
  process.stdout.write(
    report(
      `PAP, ${names.length} people, ${PAP.concurrency} at a time, ${RUNS} × ${PAP.count}`,
      papSamples,
      1,
    ),
  )
  const ttlsSamples = await interleave(peers, { secret, count: TTLS.count, run: ttls })
  const what = `EAP-TTLS/PAP, TLS 1.2, P-256, ${CIPHER}, ${[...rounds].join(' and ')} requests each`
  process.stdout.write(
    report(`${what}, ${TTLS.concurrency} at a time, ${RUNS} × ${TTLS.count}`, ttlsSamples, 1),
  )
  const sent = WARM_UP.pap + WARM_UP.ttls + RUNS * (PAP.count + TTLS.count)
  for (const peer of peers) {
    await peer.stop()
    process.stdout.write(`${peer.name}: ${sent} log-ins, ${await peer.countAccepted()} recorded\n`)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'gh-bench-'))
const started: Peer[] = []
try {
  await bench(folder, started)
} finally {
  for (const peer of started) await peer.stop()
  rmSync(folder, { recursive: true, force: true })
}
