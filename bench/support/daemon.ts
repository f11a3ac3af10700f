import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Status } from '../../src/admin/parts.ts'
import { ApiClient } from '../../src/cli/client.ts'
import { adminSocketPath } from '../../src/config/paths.ts'
import { Argon2Pool } from '../../src/credentials/argon2-pool.ts'
import { type TestServer, urlOf } from '../../test/support/postgres.ts'
import type { Server } from './ldap-wire.ts'
import { type BenchPerson, peopleOf } from './people.ts'

const DOMAIN = 'contoso.example'
const BASE = 'dc=contoso,dc=example'
const ROWS_AT_ONCE = 5_000
const START_LIMIT_MS = 120_000
const HALF = 'half'
/** As the unit in docs/operations.md sets it. */
export const SERVICE_ENVIRONMENT = { MALLOC_ARENA_MAX: '1' }
/** More for the daemon's Node, such as `--cpu-prof --cpu-prof-dir=…`. */
const nodeOptions = (process.env['GATEHOUSE_BENCH_NODE'] ?? '').split(' ').filter(Boolean)

export interface BenchDaemon {
  /** A client that sees everybody. */
  readonly server: Server
  /** A client whose view shows every second person. */
  readonly halfServer: Server
  readonly ldapsPort: number
  readonly radiusPort: number
  readonly startMs: number
  readonly pid: number
  /** Its admin API, as the owner. */
  readonly api: ApiClient
  memoryMb(): number
  /** Longest delay of the event loop since this was asked before, as the daemon's metrics have it. */
  takeLoopDelayMs(): Promise<number>
  /** Log-ins as the auth events have counted them. */
  countedLogIns(): Promise<number>
  stop(): Promise<void>
}

/**
 * The daemon as built, in a process of its own, on a PostgreSQL database whose rows were put there
 * directly: people, two kinds of groups, and one password for all, hashed once.
 */
export async function startDaemon(
  postgres: TestServer,
  people: number,
  password: string,
  certificate?: CertificateFiles,
): Promise<BenchDaemon> {
  return await serve({ ...(await prepare(postgres, people, password)), certificate })
}

/** What it shows instead of a certificate of its own authority; names of PEM files. */
export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface Started {
  readonly startMs: number
  readonly memoryMb: number
}

/** Starts such a daemon so many times, one after the other. */
export async function* startAgain(
  postgres: TestServer,
  people: number,
  times: number,
): AsyncGenerator<Started> {
  const place = await prepare(postgres, people, 'nobody signs in')
  for (let at = 0; at < times; at++) {
    const startedAtMs = performance.now()
    const { child } = await launch(place)
    const startMs = performance.now() - startedAtMs
    yield { startMs, memoryMb: memoryMbOf(child) }
    await end(child)
  }
  remove(place)
}

/** Where a daemon's own things are. */
interface Place {
  readonly dataDir: string
  readonly databaseUrl: string
  readonly certificate?: CertificateFiles | undefined
}

async function prepare(postgres: TestServer, people: number, password: string): Promise<Place> {
  const name = `bench_ldap_${people}_${process.pid}`
  const admin = new pg.Client({ host: postgres.socketDir, user: 'postgres', database: 'postgres' })
  await admin.connect()
  await admin.query(`create database ${name}`)
  await admin.end()
  const databaseUrl = urlOf(postgres.socketDir, name)
  const place = { dataDir: mkdtempSync(join(tmpdir(), 'gh-bench-')), databaseUrl }
  // A daemon makes key and tables in an empty database only.
  const first = await launch(place)
  await end(first.child)
  await fill(databaseUrl, people, password)
  return place
}

function remove({ dataDir }: Place): void {
  rmSync(dataDir, { recursive: true, force: true })
  // The master key lies beside the data directory, not in it.
  rmSync(`${dataDir}.key`, { force: true })
}

function memoryMbOf(child: ChildProcess): number {
  const text = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1_024
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}

async function fill(databaseUrl: string, people: number, password: string): Promise<void> {
  const pool = new Argon2Pool()
  const verifier = await pool.hash(Buffer.from(password), { key: 'bench' })
  await pool.stop()
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  let rows: BenchPerson[] = []
  for (const person of peopleOf(people)) {
    rows.push(person)
    if (rows.length < ROWS_AT_ONCE) continue
    await insertPeople(client, rows, verifier)
    rows = []
  }
  await insertPeople(client, rows, verifier)
  await client.query(insertGroups, [HALF])
  await client.query('insert into settings (id, domain, organization) values ($1, $2, $3)', [
    randomUUID(),
    DOMAIN,
    'Contoso',
  ])
  await client.query('analyze')
  await client.end()
}

const insertRows = `
  with given as (
    select gen_random_uuid() as id, * from jsonb_to_recordset($1::jsonb) as given(
      "username" text, "displayName" text, "givenName" text, "surname" text, "mail" text,
      "jobTitle" text, "department" text, "uidNumber" integer)
  ), principals as (
    insert into principal (id, kind, lifecycle) select id, 'person', 'active' from given returning id
  ), names as (
    insert into login_name (folded, principal_id, kind)
      select username, id, 'username' from given union all select mail, id, 'mail' from given
  ), credentials as (
    insert into credential (id, principal_id, type, label, verifier)
      select gen_random_uuid(), id, 'primary-password', 'password', $2 from given
  )
  insert into person (id, username, username_folded, display_name, display_name_folded, given_name,
      surname, mail, mail_folded, job_title, department, uid_number, gid_number, home_directory,
      login_shell)
    select id, username, username, "displayName", lower("displayName"), "givenName", "surname",
      "mail", "mail", "jobTitle", "department", "uidNumber", "uidNumber", '/home/' || username,
      '/bin/bash' from given`

/** Every second person is in `$1`, and everybody in a group for her department. */
const insertGroups = `
  with named as (
    select $1::text as name, 100000 as gid union all
    select distinct replace(lower(department), ' ', '-'),
      100001 + substring(department from '\\d+')::integer from person
  ), groups as (
    insert into directory_group (id, name, name_folded, display_name, display_name_folded, origin,
        gid_number, lifecycle)
      select gen_random_uuid(), name, name, name, name, 'static', gid, 'active' from named
      returning no, name
  )
  insert into membership (group_no, member_no, member_kind)
    select groups.no, principal.no, 'person'
    from person join principal using (id)
      join groups on groups.name = replace(lower(department), ' ', '-')
        or (groups.name = $1 and uid_number % 2 = 0)`

async function insertPeople(
  client: pg.Client,
  people: readonly BenchPerson[],
  verifier: string,
): Promise<void> {
  // Foreign keys are looked at when the statement is over, so that one statement may do it all.
  if (people.length > 0) await client.query(insertRows, [JSON.stringify(people), verifier])
}

async function launch({ dataDir, databaseUrl, certificate }: Place) {
  const listeners = ['HTTP', 'LDAP', 'LDAPS', 'RADIUS_AUTH', 'RADIUS_ACCT']
  const child = spawn(
    process.execPath,
    [...nodeOptions, join('scripts', 'gatehouse.mjs'), '--data', dataDir, 'serve', '--migrate'],
    {
      env: {
        PATH: process.env['PATH'],
        ...SERVICE_ENVIRONMENT,
        ...Object.fromEntries(listeners.map((one) => [`GATEHOUSE_${one}_LISTEN`, '127.0.0.1:0'])),
        GATEHOUSE_HTTPS_LISTEN: 'off',
        GATEHOUSE_LOG_LEVEL: 'warn',
        GATEHOUSE_DATABASE_URL: databaseUrl,
        ...(certificate === undefined
          ? {}
          : {
              GATEHOUSE_TLS_CERT_FILE: certificate.certFile,
              GATEHOUSE_TLS_KEY_FILE: certificate.keyFile,
            }),
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  process.once('exit', () => child.kill('SIGKILL'))
  return { child, ...(await ready(child, dataDir)) }
}

async function serve(place: Place): Promise<BenchDaemon> {
  const startedAtMs = performance.now()
  const { child, api, status } = await launch(place)
  const startMs = performance.now() - startedAtMs
  const portOf = (name: string) => Number(status.listeners[name]?.[0]?.split(':').at(-1))
  const port = portOf('ldap')
  const http = status.listeners['http']?.[0] ?? ''
  const makeClient = async (name: string, viewGroups: readonly string[] | null) => {
    const answer = await api.send<{ bindDn: string; secret: string }>('POST', '/ldap-clients', {
      name,
      ...(viewGroups === null ? {} : { viewGroups }),
    })
    return { port, baseDn: BASE, bindDn: answer.bindDn, password: answer.secret }
  }
  return {
    server: await makeClient('bench', null),
    halfServer: await makeClient('bench-half', [HALF]),
    ldapsPort: portOf('ldaps'),
    radiusPort: portOf('radiusAuth'),
    startMs,
    pid: child.pid ?? 0,
    api,
    memoryMb: () => memoryMbOf(child),
    takeLoopDelayMs: async () => {
      const text = await (await fetch(`http://${http}/metrics`)).text()
      return Number(/^\S*eventloop_lag_max_seconds\S* (\S+)/m.exec(text)?.[1] ?? Number.NaN) * 1_000
    },
    countedLogIns: async () => {
      const client = new pg.Client({ connectionString: place.databaseUrl })
      await client.connect()
      const { rows } = await client.query('select coalesce(sum(count), 0) as count from auth_event')
      await client.end()
      return Number(rows[0].count)
    },
    stop: async () => {
      await end(child)
      remove(place)
    },
  }
}

async function ready(child: ChildProcess, dataDir: string) {
  const socketPath = adminSocketPath({ dataDir })
  const api = new ApiClient({ socketPath, url: null, token: null, caFile: null })
  const giveUpAtMs = performance.now() + START_LIMIT_MS
  while (performance.now() < giveUpAtMs && child.exitCode === null) {
    const status = existsSync(socketPath)
      ? await api.get<Status>('/status').catch(() => null)
      : null
    if (status !== null) return { api, status }
    await sleep(50)
  }
  child.kill('SIGKILL')
  throw new Error('the daemon did not start')
}
