/**
 * An LDAP server with the gateway on it in a process of its own, which watches its event loop: run
 * as a program it serves, imported it starts such a process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { LdapServer } from '../../protocols/ldap/index.ts'
import { aPerson, aService, MemoryDirectory, someSettings } from './directory.ts'
import { startGateway } from './ldap-gateway.ts'

export interface Load {
  /** Longest delay of the event loop since the last reading, whoever had the processor meanwhile. */
  readonly delayMs: number
  /**
   * The longest that the loop was kept by work of this process: no more than the processor time the
   * process took between two rounds. What other programs do on the machine does not count.
   */
  readonly ownDelayMs: number
  readonly rssBytes: number
  readonly connections: number
  /** Why connections were turned away or ended since the start, and how often. */
  readonly refusals: Readonly<Record<string, number>>
}

export interface LdapProcess {
  readonly port: number
  /** What happened since the last reading. */
  read(): Promise<Load>
  stop(): void
}

const file = fileURLToPath(import.meta.url)
const SERVE = 'serve-ldap'

/** @param people how many the directory has, beside the LDAP client `nss` */
export async function startLdapProcess(people: number): Promise<LdapProcess> {
  const parameters = [...process.execArgv, file, SERVE, String(people)]
  const child = spawn(process.execPath, parameters, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const port = await said<number>(child)
  return {
    port,
    read: () => {
      child.send('read')
      return said<Load>(child)
    },
    stop: () => child.kill('SIGKILL'),
  }
}

async function said<T>(child: ChildProcess): Promise<T> {
  const signal = AbortSignal.timeout(60_000)
  const [message] = (await once(child, 'message', { signal })) as [T]
  return message
}

async function serve(people: number): Promise<void> {
  const refusals: Record<string, number> = {}
  const entries = Array.from({ length: people }, (_, at) => aPerson({ username: `user${at}` }))
  const { model } = new MemoryDirectory(someSettings(), aService({ name: 'nss' }), ...entries)
  const server = new LdapServer({
    handler: startGateway(model).gateway,
    listeners: [{ host: '127.0.0.1', port: 0, isTls: false }],
    observer: {
      refused: (reason) => {
        refusals[reason] = (refusals[reason] ?? 0) + 1
      },
    },
  })
  await server.start()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const own = watchOwnDelay()
  process.on('message', () => {
    const load: Load = {
      delayMs: delay.max / 1e6,
      ownDelayMs: own.takeMax(),
      rssBytes: process.memoryUsage.rss(),
      connections: server.connectionCount,
      refusals,
    }
    process.send?.(load)
    delay.reset()
  })
  process.on('disconnect', () => process.exit())
  process.send?.(server.addresses()[0]?.port)
}

function watchOwnDelay(): { takeMax(): number } {
  let maxMs = 0
  let lastMs = performance.now()
  let lastCpu = process.cpuUsage()
  setInterval(() => {
    const nowMs = performance.now()
    const { user, system } = process.cpuUsage(lastCpu)
    maxMs = Math.max(maxMs, Math.min(nowMs - lastMs, (user + system) / 1_000))
    lastMs = nowMs
    lastCpu = process.cpuUsage()
  }, 1)
  return {
    takeMax: () => {
      const taken = maxMs
      maxMs = 0
      return taken
    },
  }
}

if (process.argv[2] === SERVE) await serve(Number(process.argv[3]))
