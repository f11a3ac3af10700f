import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findTool } from '../../test/support/tools.ts'
import type { Server } from './ldap-wire.ts'
import { type BenchPerson, peopleOf } from './people.ts'

const BASE = 'dc=contoso,dc=example'
const CLIENT = { dn: `cn=client,ou=services,${BASE}`, password: 'client-password' }
const MAX_MAP_BYTES = 8 * 1024 ** 3
const START_LIMIT_MS = 20_000

export interface Slapd {
  readonly server: Server
  readonly pid: number
  readonly version: string
  /** What it was configured with, without its folders. */
  readonly configuration: string
  stop(): Promise<void>
}

/** slapd as somebody would tune it for this work: mdb, every attribute asked for indexed, no log. */
export async function startSlapd(
  people: number,
  password: string,
  options: { readonly clientReadsPasswords?: boolean } = {},
): Promise<Slapd> {
  const slapd = findTool('slapd')
  const slapadd = findTool('slapadd')
  if (slapd === null || slapadd === null) throw new Error('slapd is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'gh-slapd-'))
  mkdirSync(join(folder, 'db'))
  const reader = options.clientReadsPasswords === true ? `by dn.exact="${CLIENT.dn}" read ` : ''
  const settings = [
    `threads ${Math.max(4, 2 * availableParallelism())}`,
    'loglevel 0',
    'sizelimit unlimited',
    'timelimit unlimited',
    'database mdb',
    `maxsize ${MAX_MAP_BYTES}`,
    `suffix "${BASE}"`,
    'dbnosync',
    'index objectClass eq,pres',
    'index uid,cn,mail eq,sub,pres',
    'index uidNumber,gidNumber eq,pres',
    `access to attrs=userPassword ${reader}by anonymous auth by * none`,
    'access to * by users read by anonymous auth',
  ]
  const schemas = ['core', 'cosine', 'nis', 'inetorgperson']
  const file = join(folder, 'slapd.conf')
  const place = settings.indexOf('database mdb') + 1
  const lines = [
    ...schemas.map((name) => `include /etc/ldap/schema/${name}.schema`),
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    `pidfile ${join(folder, 'pid')}`,
    ...settings.slice(0, place),
    `directory ${join(folder, 'db')}`,
    ...settings.slice(place),
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const ldif = join(folder, 'data.ldif')
  writeLdif(ldif, people, password)
  const added = spawnSync(slapadd, ['-q', '-f', file, '-l', ldif], { encoding: 'utf8' })
  if (added.status !== 0) throw new Error(`slapadd: ${added.stderr}`)
  rmSync(ldif)
  const port = await freePort()
  const child = spawn(slapd, ['-f', file, '-h', `ldap://127.0.0.1:${port}`, '-d', '0'], {
    stdio: 'ignore',
  })
  await waitFor(port, child)
  return {
    server: { port, baseDn: BASE, bindDn: CLIENT.dn, password: CLIENT.password },
    pid: child.pid ?? 0,
    version: versionOf(slapd),
    configuration: settings.join('; '),
    stop: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function versionOf(slapd: string): string {
  const { stderr } = spawnSync(slapd, ['-VV'], { encoding: 'utf8' })
  return /slapd (\S+)/.exec(stderr)?.[1] ?? 'unknown'
}

function entry(dn: string, ...lines: readonly string[]): string {
  return `${[`dn: ${dn}`, ...lines].join('\n')}\n\n`
}

function writeLdif(path: string, people: number, password: string): void {
  const out = openSync(path, 'w')
  writeSync(
    out,
    entry(BASE, 'objectClass: dcObject', 'objectClass: organization', 'dc: contoso', 'o: Contoso') +
      ['people', 'groups', 'services']
        .map((ou) => entry(`ou=${ou},${BASE}`, 'objectClass: organizationalUnit', `ou: ${ou}`))
        .join('') +
      entry(
        CLIENT.dn,
        'objectClass: organizationalRole',
        'objectClass: simpleSecurityObject',
        'cn: client',
        `userPassword: ${CLIENT.password}`,
      ),
  )
  for (const person of peopleOf(people)) writeSync(out, personEntry(person, password))
  closeSync(out)
}

function personEntry(person: BenchPerson, password: string): string {
  return entry(
    `uid=${person.username},ou=people,${BASE}`,
    'objectClass: inetOrgPerson',
    'objectClass: posixAccount',
    'objectClass: shadowAccount',
    `uid: ${person.username}`,
    `cn: ${person.displayName}`,
    `sn: ${person.surname}`,
    `givenName: ${person.givenName}`,
    `displayName: ${person.displayName}`,
    `mail: ${person.mail}`,
    `title: ${person.jobTitle}`,
    `departmentNumber: ${person.department}`,
    `uidNumber: ${person.uidNumber}`,
    `gidNumber: ${person.uidNumber}`,
    `homeDirectory: /home/${person.username}`,
    'loginShell: /bin/bash',
    `userPassword: ${password}`,
  )
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function waitFor(port: number, child: ChildProcess): Promise<void> {
  const giveUpAtMs = performance.now() + START_LIMIT_MS
  const search = findTool('ldapsearch')
  if (search === null) throw new Error('ldapsearch is not installed')
  const parameters = ['-x', '-H', `ldap://127.0.0.1:${port}`, '-b', '', '-s', 'base', '1.1']
  while (performance.now() < giveUpAtMs && child.exitCode === null) {
    try {
      execFileSync(search, parameters, { stdio: 'ignore' })
      return
    } catch {
      await sleep(100)
    }
  }
  child.kill('SIGKILL')
  throw new Error('slapd did not start')
}
