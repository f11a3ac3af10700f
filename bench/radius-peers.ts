import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DemoFacts } from '../src/demo/facts.ts'
import { openDatabase } from '../src/storage/connection.ts'

const START_MS = 120_000
const STOP_MS = 30_000
const LISTENERS = ['HTTP', 'HTTPS', 'LDAP', 'LDAPS', 'RADIUS_AUTH', 'RADIUS_ACCT', 'RADSEC']
/** Of /proc/PID/stat. */
const TICK_MS = 10

export interface Peer {
  readonly name: string
  readonly pid: number
  readonly authPort: number
  /** Log-ins its log says were accepted; asked after the stop. */
  countAccepted(): Promise<number>
  stop(): Promise<void>
}

interface Certificate {
  readonly certFile: string
  readonly keyFile: string
}

/** CPU time of all threads of a process so far, as the kernel counts it. */
export function readCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** The product as built, its defaults but for free ports and a certificate that both sides show. */
export async function startGatehouse(
  folder: string,
  options: { readonly people: number; readonly certificate: Certificate },
): Promise<Peer & { readonly facts: DemoFacts }> {
  const dataDir = join(folder, 'gatehouse')
  const main = new URL('../dist/src/main.js', import.meta.url)
  const demo = ['--data', dataDir, 'demo', '--people', String(options.people)]
  // The command `npx gatehouse` without its build: what is measured must not change while it runs.
  const launcher = join(folder, 'gatehouse.mjs')
  writeFileSync(
    launcher,
    `import { main } from ${JSON.stringify(main.href)}\nawait main(process.argv.slice(2))\n`,
  )
  const child = spawn(process.execPath, [...nodeArguments(), launcher, ...demo], {
    env: {
      PATH: process.env['PATH'],
      ...Object.fromEntries(LISTENERS.map((name) => [`GATEHOUSE_${name}_LISTEN`, '127.0.0.1:0'])),
      GATEHOUSE_TLS_CERT_FILE: options.certificate.certFile,
      GATEHOUSE_TLS_KEY_FILE: options.certificate.keyFile,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const factsFile = join(dataDir, 'demo.json')
  await untilReady(child, () => existsSync(factsFile))
  const facts = JSON.parse(readFileSync(factsFile, 'utf8')) as DemoFacts
  return {
    name: 'Gatehouse',
    pid: child.pid ?? 0,
    authPort: facts.radius.authPort,
    facts,
    countAccepted: () => countRows(dataDir),
    stop: () => end(child),
  }
}

/** For profiles, such as `--cpu-prof`. */
function nodeArguments(): readonly string[] {
  return (process.env['GATEHOUSE_BENCH_NODE_ARGS'] ?? '').split(' ').filter((arg) => arg !== '')
}

/** Rows stand for as many log-ins as their count says; the last ones are written at the stop. */
async function countRows(dataDir: string): Promise<number> {
  const database = await openDatabase({ dataDir })
  try {
    const { rows } = await database.pool.query<{ count: number }>(`
      select coalesce(sum(count), 0)::int as count from auth_event
      where outcome = 'success' and method in ('radius-pap', 'eap-ttls-pap')`)
    return rows[0]?.count ?? 0
  } finally {
    await database.stop()
  }
}

/** FreeRADIUS with nothing in the way of a users file, each answer logged. */
export async function startFreeradius(
  folder: string,
  options: {
    readonly secret: string
    readonly names: readonly string[]
    readonly password: string
    readonly certificate: Certificate
    readonly authPort: number
  },
): Promise<Peer & { readonly config: string }> {
  const own = join(folder, 'freeradius')
  mkdirSync(own, { recursive: true })
  const log = join(own, 'radius.log')
  const attributes =
    'Tunnel-Type = VLAN, Tunnel-Medium-Type = IEEE-802, Tunnel-Private-Group-Id = "10",\n' +
    '\tSession-Timeout = 28800, Termination-Action = RADIUS-Request\n'
  writeFileSync(
    join(own, 'users'),
    options.names
      .map((name) => `${name} Cleartext-Password := "${options.password}"\n\t${attributes}`)
      .join('\n'),
  )
  const config = freeradiusConfig(own, options)
  writeFileSync(join(own, 'radiusd.conf'), config)
  const child = spawn('freeradius', ['-f', '-d', own, '-D', '/usr/share/freeradius'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const read = () => (existsSync(log) ? readFileSync(log, 'utf8') : '')
  await untilReady(child, () => read().includes('Ready to process'))
  return {
    name: 'FreeRADIUS',
    pid: child.pid ?? 0,
    authPort: options.authPort,
    config,
    // A tunnelled log-in is logged twice, inside the tunnel and outside.
    countAccepted: async () => read().match(/Login OK: (?!.*via TLS tunnel)/g)?.length ?? 0,
    stop: () => end(child),
  }
}

function freeradiusConfig(
  own: string,
  options: {
    readonly secret: string
    readonly certificate: Certificate
    readonly authPort: number
  },
): string {
  const { certFile, keyFile } = options.certificate
  return `prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = ${own}
run_dir = ${own}
logdir = ${own}
max_request_time = 10
cleanup_delay = 5
max_requests = 16384
log {
  destination = files
  file = ${own}/radius.log
  auth = yes
}
security {
  reject_delay = 0
  status_server = no
}
thread pool {
  start_servers = 2
  max_servers = 2
  min_spare_servers = 1
  max_spare_servers = 2
}
client loopback {
  ipaddr = 127.0.0.1
  secret = ${options.secret}
}
modules {
  pap {
  }
  files {
    usersfile = ${own}/users
  }
  eap {
    default_eap_type = ttls
    max_sessions = 16384
    tls-config shared {
      private_key_file = ${keyFile}
      certificate_file = ${certFile}
      tls_min_version = "1.2"
      tls_max_version = "1.2"
      ecdh_curve = "prime256v1"
      fragment_size = 1014
    }
    ttls {
      tls = shared
      default_eap_type = ttls
      virtual_server = inner
      use_tunneled_reply = yes
    }
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${options.authPort}
  }
  authorize {
    eap {
      ok = return
    }
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    eap
  }
}
server inner {
  authorize {
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
}
`
}

async function untilReady(child: ChildProcess, isReady: () => boolean): Promise<void> {
  const giveUpAtMs = performance.now() + START_MS
  while (!isReady()) {
    if (child.exitCode !== null || performance.now() > giveUpAtMs) {
      child.kill('SIGKILL')
      throw new Error(`${child.spawnfile} did not start`)
    }
    await sleep(50)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await gone
  clearTimeout(timer)
}
