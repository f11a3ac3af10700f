import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import {
  issueServerCertificate,
  type KeyedCertificate,
} from '../../src/credentials/certificates/authority.ts'
import { endProcess } from './end-process.ts'
import { inside } from './network-namespace.ts'
import { findTool } from './tools.ts'

/** PEM files that a foreign peer shows and trusts. */
export interface PeerFiles {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
}

/** A certificate for this name, in files; whom its bearer trusts is in `caFile`. */
export async function issuePeerFiles(
  authority: KeyedCertificate,
  where: { readonly folder: string; readonly name: string; readonly caFile: string },
): Promise<PeerFiles> {
  const { folder, name, caFile } = where
  const pair = await issueServerCertificate(authority, { names: [name], nowMs: Date.now() })
  const files = { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) }
  writeFileSync(files.certFile, pair.certificate)
  writeFileSync(files.keyFile, pair.privateKey)
  return { ...files, caFile }
}

interface Daemon {
  readonly name: string
  readonly args: readonly string[]
  /** What the log says once it serves. */
  readonly ready: RegExp
  /** Where it logs; standard error when left out. */
  readonly logFile?: string
}

const READY_MS = 15_000

/** Starts a daemon in the foreground, waits until it serves, ends it with the test. */
export async function startPeer(
  t: Test,
  { name, args, ready, logFile }: Daemon,
): Promise<() => string> {
  const path = findTool(name)
  if (path === null) throw new Error(`${name} is not installed`)
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => said.push(part))
  child.stderr.on('data', (part: Buffer) => said.push(part))
  t.teardown(() => endProcess(child))
  const log = (): string =>
    Buffer.concat(said).toString() + (logFile === undefined ? '' : readLog(logFile))
  const untilMs = Date.now() + READY_MS
  while (!ready.test(log())) {
    if (child.exitCode !== null || Date.now() > untilMs) throw new Error(`${name}: ${log()}`)
    await sleep(20)
  }
  return log
}

function readLog(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** radsecproxy with these blocks behind its TLS settings; TLS 1.2, since it stalls with 1.3. */
export function startRadsecproxy(
  t: Test,
  folder: string,
  parts: { readonly files: PeerFiles; readonly blocks: string; readonly ready: RegExp },
): Promise<() => string> {
  const { files, blocks, ready } = parts
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'radsecproxy.conf')
  writeFileSync(
    file,
    `LogLevel 2
tls default {
  CACertificateFile ${files.caFile}
  CertificateFile ${files.certFile}
  CertificateKeyFile ${files.keyFile}
  TlsVersion TLS1_2:TLS1_2
}
${blocks}
`,
  )
  return startPeer(t, { name: 'radsecproxy', args: ['-f', '-c', file], ready })
}

/**
 * FreeRADIUS with one configuration file, what is common to all of them in front.
 *
 * @param space the network namespace it runs in; our own when left out
 */
export function startFreeradius(
  t: Test,
  folder: string,
  config: string,
  space?: string,
): Promise<() => string> {
  mkdirSync(join(folder, 'log'), { recursive: true })
  const logFile = join(folder, 'log', 'radius.log')
  writeFileSync(
    join(folder, 'radiusd.conf'),
    `prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = ${folder}
run_dir = ${folder}
logdir = ${folder}/log
max_request_time = 10
max_requests = 16384
log {
  destination = files
  file = ${logFile}
  auth = yes
}
security {
  reject_delay = 0
  status_server = yes
}
thread pool { start_servers = 2, max_servers = 4, min_spare_servers = 1, max_spare_servers = 2 }
${config}
`,
  )
  const args = ['-f', '-d', folder, '-D', '/usr/share/freeradius']
  return startPeer(t, {
    name: space === undefined ? 'freeradius' : 'ip',
    args: space === undefined ? args : inside(space, 'freeradius', args),
    ready: /Ready to process/,
    logFile,
  })
}
