import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { PersonRecord } from '../../src/admin/record.ts'
import { askLdap, askRadius, askScim, type Served } from '../support/asks.ts'
import { cliOf } from '../support/cli.ts'
import { control as callControl } from '../support/control.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { connectionOf, Microsoft365Bench } from '../support/microsoft365.ts'

/** Refused here within the first; written there within the second, once the tenant would answer. */
const HERE_MS = 1_000
const THERE_MS = 5_000
const PASSWORD = 'Correct horse 7 battery'
const PEOPLE = ['adele.vance', 'alex.wilber', 'diego.siciliani'] as const

const { folder, env } = await databaseFor(t, 'record')
const bench = await Microsoft365Bench.startFor(t, { people: 40, seed: 1 })
const { simulator } = bench
const control = (method: string, path: string, json?: unknown) =>
  callControl<Record<string, unknown>>(simulator.controlUrl, method, path, json)
const dataDir = join(folder, 'data')
const daemon = await startDaemonProcess(t, {
  dataDir,
  env,
  args: ['--migrate'],
})
const { api } = daemon
await api.send('POST', '/sources/microsoft365', connectionOf(simulator))
await api.send('POST', '/sources/contoso/sync', {})
await api.send('POST', '/people/activate', { allStaged: true })
await control('PATCH', '/application', {
  permissions: [
    'User.Read.All',
    'GroupMember.Read.All',
    'User.EnableDisableAccount.All',
    'User.RevokeSessions.All',
  ],
})
await api.send('PUT', '/sources/contoso/tier', { tier: 'disable' })
for (const username of PEOPLE)
  await api.send('PUT', `/people/${username}/password`, { password: PASSWORD })
const { secret: token } = await api.send<{ secret: string }>('POST', '/scim-connections', {
  name: 'app',
})
const nas = { name: 'loopback', addresses: ['127.0.0.0/8'], secret: 'testing123' }
await api.send('POST', '/nas', nas)
await api.send('POST', '/networks', { name: 'any', everyone: true })
const [host = '', port] = daemon.address('radiusAuth').split(':')
const served: Served = {
  ldapUrl: `ldap://${daemon.address('ldap')}`,
  peopleDn: 'ou=people,dc=contoso,dc=example',
  radius: { host, port: Number(port), secret: nas.secret },
  scim: { url: `http://${daemon.address('http')}/scim/v2`, token },
}

function account(username: string): Readonly<Record<string, unknown>> {
  const user = simulator.tenant.findUser(`${username}@contoso.example`)
  return user?.versions.at(-1)?.properties ?? {}
}

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<number> {
  const startedAtMs = performance.now()
  while (!(await isSo())) {
    if (performance.now() - startedAtMs > 60_000) throw new Error(`never: ${what}`)
    await sleep(10)
  }
  return performance.now() - startedAtMs
}

const isServed = async (username: string) => {
  const who = { username, password: PASSWORD }
  const answers = [askLdap(served, who), askRadius(served, who), askScim(served, who)]
  return (await Promise.all(answers)).every((answer) => answer === 'yes')
}

const isRefused = async (username: string) => {
  const who = { username, password: PASSWORD }
  const answers = [askLdap(served, who), askRadius(served, who), askScim(served, who)]
  return (await Promise.all(answers)).every((answer) => answer === 'no')
}

const isCutOff = (username: string) => {
  const { accountEnabled, signInSessionsValidFromDateTime } = account(username)
  return accountEnabled === false && signInSessionsValidFromDateTime !== undefined
}

/** What keeps the tenant from answering, and how it ends. */
const troubles: readonly {
  readonly who: (typeof PEOPLE)[number]
  readonly what: string
  readonly rules: readonly Readonly<Record<string, unknown>>[]
  readonly lastsMs: number
}[] = [
  { who: 'adele.vance', what: 'a tenant that answers at once', rules: [], lastsMs: 0 },
  {
    who: 'alex.wilber',
    what: 'a tenant that is throttled for three seconds',
    rules: ['PATCH', 'POST'].map((method) => ({
      fault: 'status',
      method,
      status: 429,
      retryAfterSeconds: 3,
    })),
    lastsMs: 3_000,
  },
  {
    who: 'diego.siciliani',
    what: 'a tenant that is down for nine seconds',
    rules: ['PATCH', 'POST', 'GET'].map((method) => ({ fault: 'status', method, status: 503 })),
    lastsMs: 9_000,
  },
]

for (const { who, what, rules, lastsMs } of troubles) {
  await t.test(
    `suspended: refused here at once, cut off there in time, with ${what}`,
    async (t) => {
      await until('served', () => isServed(who))
      for (const rule of rules) await control('POST', '/faults', rule)
      await api.send('POST', '/people/suspend', { people: [who], reason: 'left in anger' })
      const hereMs = await until('refused', () => isRefused(who))
      t.ok(hereMs < HERE_MS, `refused on LDAP, RADIUS and SCIM after ${Math.round(hereMs)} ms`)
      // The trouble ends by the test's clock, so that the first moment it would answer is known.
      await sleep(lastsMs)
      if (rules.length > 0) {
        t.notOk(isCutOff(who), 'nothing was written while it did not answer')
        await control('DELETE', '/faults')
      }
      const thereMs = await until('cut off', () => isCutOff(who))
      t.ok(thereMs < THERE_MS, `disabled and its sessions ended after ${Math.round(thereMs)} ms`)
      t.comment(`${what}: here ${Math.round(hereMs)} ms, there ${Math.round(thereMs)} ms`)

      const path = `/people/${who}/record`
      const isTold = async () => {
        const { steps, waiting } = await api.get<PersonRecord>(path)
        const told = steps.map((step) => step.what)
        const isAll = ['account at contoso disabled', 'sessions at contoso ended'].every((step) =>
          told.includes(step),
        )
        return (
          waiting.length === 0 && isAll && told.filter((one) => /^denied/.test(one)).length >= 2
        )
      }
      await until('told', isTold)
      const { steps } = await api.get<PersonRecord>(path)
      const at = (pattern: RegExp) =>
        Date.parse(steps.findLast((step) => pattern.test(step.what))?.at ?? '')
      const suspendedAt = at(/^suspended \(admin\)/)
      t.match(
        steps.find((step) => step.what === 'suspended (admin)'),
        { by: 'cli', why: 'left in anger' },
        'the record says who decided, and why',
      )
      t.ok(at(/^denied: ldap/) >= suspendedAt, 'then refused on LDAP')
      t.ok(at(/^denied: network/) >= suspendedAt, 'and RADIUS')
      t.ok(at(/^account at contoso disabled/) >= suspendedAt, 'then the account disabled')
      t.ok(at(/^sessions at contoso ended/) >= suspendedAt, 'and its sessions ended')
      const cli = cliOf(dataDir)
      t.match(
        await cli('person', 'record', who),
        /suspended \(admin\).*[\s\S]*account at contoso disabled/,
      )
    },
  )
}
