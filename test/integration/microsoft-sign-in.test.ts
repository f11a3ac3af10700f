import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { LoggedAnswer, SourceStatus } from '../../src/admin/parts.ts'
import { Visitor } from '../support/account-visitor.ts'
import { askLdap } from '../support/asks.ts'
import { cliOf } from '../support/cli.ts'
import { startDaemonProcess } from '../support/daemon-process.ts'
import { databaseFor } from '../support/database-for.ts'
import { connectionOf, Microsoft365Bench } from '../support/microsoft365.ts'
import { Browser } from '../support/microsoft365-browser.ts'

const MICROSOFT_PASSWORD = 'Spring 2026'
const CHOSEN = 'Nine purple owls sing'
const CODE = '246810'
const PEOPLE_DN = 'ou=people,dc=contoso,dc=example'
/** Answers are written behind, and a setting is noticed within 5 s. */
const POLL_MS = 50
const LOG_TRIES = 200
const BACK = '/account/microsoft/callback'

const { folder, env } = await databaseFor(t, 'microsoft-sign-in')
const bench = await Microsoft365Bench.startFor(t, {
  people: 20,
  seed: 1,
  redirectUris: [`http://localhost${BACK}`],
})
const { simulator } = bench
const dataDir = join(folder, 'data')
const logFile = join(folder, 'log')
const daemon = await startDaemonProcess(t, {
  dataDir,
  env: { ...env, GATEHOUSE_LOG_LEVEL: 'debug' },
  args: ['--migrate'],
  logFile,
})
const { api } = daemon
const cli = cliOf(dataDir)
const base = `http://${daemon.address('http').replace('127.0.0.1', 'localhost')}`
await api.send('POST', '/sources/microsoft365', {
  ...connectionOf(simulator),
  includeGuests: true,
})
await api.send('POST', '/sources/contoso/sync', {})
await api.send('POST', '/people/activate', { allStaged: true })
const [source] = (await api.get<{ sources: SourceStatus[] }>('/sources')).sources
const start = `/account/microsoft/${source?.id}`

for (const name of ['adele.vance', 'megan.bowen', 'lee.gu', 'alex.wilber', 'joni.sherman'])
  simulator.tenant.setSignIn(bench.user(name), { password: MICROSOFT_PASSWORD })

const loginOf = (name: string) => ({
  login: `${name}@contoso.example`,
  password: MICROSOFT_PASSWORD,
  code: CODE,
})

/** Signs in at Microsoft's pages; gives the way back as the browser is sent it. */
async function goToMicrosoft(visitor: Visitor, name: string): Promise<URL> {
  const begun = await visitor.open(start)
  const browser = new Browser(bench, simulator.loginUrl)
  const { leftFor, text } = await browser.signIn(begun.location ?? '', loginOf(name))
  if (leftFor === null) throw new Error(`Microsoft sent nobody back: ${text}`)
  return leftFor
}

async function signIn(name: string) {
  const visitor = new Visitor(base)
  const back = await goToMicrosoft(visitor, name)
  return { visitor, back, answer: await visitor.open(back.pathname + back.search) }
}

/** The latest answer in the log, once it is there: it is written behind. */
async function logged(reason: string | null, name = ''): Promise<LoggedAnswer> {
  for (let tries = 0; tries < LOG_TRIES; tries += 1) {
    const { answers } = await api.get<{ answers: LoggedAnswer[] }>('/log')
    const found = answers.find(
      (each) => each.method === 'microsoft' && each.reason === reason && each.name.startsWith(name),
    )
    if (found !== undefined) return found
    await sleep(POLL_MS)
  }
  throw new Error(`nobody was answered ${reason}`)
}

await t.test('it is off until somebody says so, and told how to be turned on', async (t) => {
  const visitor = new Visitor(base)
  t.notMatch((await visitor.open('/account/sign-in')).text, /Microsoft/)
  t.match(await visitor.open(start), { status: 404, text: /is off/ })
  t.match(await cli('source', 'set-sign-in', 'contoso', 'on'), `${base}${BACK}`)
  t.match(await cli('source', 'list'), /sign in: true/)
  t.match(await cli('source', 'steps'), `${base}${BACK}`)
  await api.send('PUT', '/sources/contoso/sign-in', { allowed: false })
  const answer = await api.send('PUT', '/sources/contoso/sign-in', { allowed: true, reason: 'ok' })
  t.match(answer, { signIn: true, redirectUri: `${base}${BACK}` })
  t.match(await cli('log', 'changes'), /source\.sign-in-set/)
  for (let tries = 0; tries < LOG_TRIES; tries += 1) {
    if ((await visitor.open('/account')).text.includes('Sign in with Microsoft')) break
    await sleep(POLL_MS)
  }
  for (const page of ['/account', '/account/sign-in'])
    t.match((await visitor.open(page)).text, `href="${base}${start}"`)
})

await t.test(
  'she signs in at Microsoft, second step included, and chooses a password',
  async (t) => {
    simulator.tenant.setSignIn(bench.user('adele.vance'), { mfa: 'required' })
    const { visitor, answer } = await signIn('adele.vance')
    t.match(answer, { status: 303, location: '/account/password' })
    t.notOk(visitor.cookies.has('__Host-gatehouse-sign-in'), 'its cookie is over')
    t.match(answer.headers.get('referrer-policy'), 'no-referrer')
    t.match((await visitor.open('/account/password')).text, /For adele\.vance/)
    t.match(await visitor.choosePassword(CHOSEN), { status: 303, location: '/account/done' })
    const ldapUrl = `ldap://${daemon.address('ldap')}`
    const claimed = { username: 'adele.vance', password: CHOSEN }
    t.equal(await askLdap({ ldapUrl, peopleDn: PEOPLE_DN }, claimed), 'yes')
    t.match(await cli('log', 'changes', '--person', 'adele.vance'), /Microsoft 365/)
    t.match(await logged(null, 'adele.vance'), { outcome: 'success', person: 'adele.vance' })
  },
)

await t.test('after the tenant’s keys were rotated, too', async (t) => {
  simulator.keys.rotate()
  t.match((await signIn('adele.vance')).answer, { status: 303, location: '/account/password' })
})

await t.test('attacks: a way back is good once, in the browser that began', async (t) => {
  const first = new Visitor(base)
  const back = await goToMicrosoft(first, 'megan.bowen')
  const path = back.pathname + back.search
  const again = { status: 400, text: /not begun in this browser/ }
  t.match(await new Visitor(base).open(path), again, 'a browser that began nothing')
  const other = new Visitor(base)
  await other.open(start)
  t.match(await other.open(path), again, 'one that began something else')
  const kept = new Map(first.cookies)
  t.match(await first.open(path), { status: 303, location: '/account/password' })
  t.match(await first.open(path), again, 'the same once more')
  const thief = new Visitor(base, kept)
  t.match(await thief.open(path), { status: 403, text: /AADSTS54005/ }, 'with the cookie kept')
  t.notOk(thief.cookies.has('__Host-gatehouse-account'))
  t.match(await logged('sign-in-spent'), { outcome: 'denied' })
})

await t.test('attacks: a code of another attempt, and a state that is guessed', async (t) => {
  const attacker = await goToMicrosoft(new Visitor(base), 'lee.gu')
  const victim = new Visitor(base)
  const own = await goToMicrosoft(victim, 'megan.bowen')
  own.searchParams.set('code', attacker.searchParams.get('code') ?? '')
  const injected = await victim.open(own.pathname + own.search)
  t.match(injected, { status: 403, text: /AADSTS501481/ }, 'PKCE: it is not its verifier')
  t.notOk(victim.cookies.has('__Host-gatehouse-account'))
  for (const search of ['', '?state=', '?state=x&code=y', `?code=x&state=${'x'.repeat(5_000)}`]) {
    const visitor = new Visitor(base)
    await visitor.open(start)
    t.equal((await visitor.open(BACK + search)).status, 400, search.slice(0, 20))
  }
  const forger = new Visitor(base, new Map([['__Host-gatehouse-sign-in', 'AAAA']]))
  t.match(await forger.open(`${BACK}?state=x&code=y`), { status: 400 })
})

await t.test('attacks: nobody is led elsewhere', async (t) => {
  const visitor = new Visitor(base)
  for (const path of [
    '/account/microsoft/https:%2F%2Fevil.example',
    '/account/microsoft/%2F%2Fevil.example',
    '/account/microsoft/11111111-2222-4333-8444-555555555555',
  ])
    t.match(await visitor.open(path), { status: 404, location: null })
  const more = '?redirect_uri=https://evil.example&return=https://evil.example'
  const begun = new URL((await visitor.open(start + more)).location ?? '')
  t.equal(begun.origin, simulator.loginUrl)
  t.equal(begun.searchParams.get('redirect_uri'), `${base}${BACK}`)
  const back = await goToMicrosoft(visitor, 'megan.bowen')
  const answer = await visitor.open(`${back.pathname}${back.search}&next=//evil.example`)
  t.equal(answer.location, '/account/password')
})

await t.test('what Microsoft says in the address is not repeated', async (t) => {
  const refusedWith = async (fields: Record<string, string>) => {
    const visitor = new Visitor(base)
    const begun = new URL((await visitor.open(start)).location ?? '')
    const state = begun.searchParams.get('state') ?? ''
    return visitor.open(`${BACK}?${new URLSearchParams({ ...fields, state })}`)
  }
  const evil = 'AADSTS53003: <script>alert(1)</script> call 555-1234'
  const answer = await refusedWith({ error: 'access_denied', error_description: evil })
  t.match(answer, { status: 403, text: /rule of your organization[\s\S]*AADSTS53003/ })
  t.notMatch(answer.text, /555|<script/)
  t.match(await refusedWith({ error: '<b>x' }), { status: 403, text: /refused the sign-in/ })
  const visitor = new Visitor(base)
  const browser = new Browser(bench, simulator.loginUrl)
  await browser.open((await visitor.open(start)).location ?? '')
  const { leftFor } = await browser.submit({ choice: 'cancel' })
  const cancelled = await visitor.open(`${leftFor?.pathname}${leftFor?.search}`)
  t.match(cancelled, { status: 403, text: /cancelled at Microsoft/ })
})

await t.test('who may not: told what to do, and in the log with the reason', async (t) => {
  const refused = async (name: string, reason: string, text: RegExp) => {
    const { visitor, answer } = await signIn(name)
    t.match(answer, { status: 403, text }, reason)
    t.notOk(visitor.cookies.has('__Host-gatehouse-account'), reason)
    t.match(await logged(reason, name), { outcome: 'denied', detail: { source: 'contoso' } })
  }
  const suspended = new Visitor(base)
  const back = await goToMicrosoft(suspended, 'alex.wilber')
  await api.send('POST', '/people/suspend', { people: ['alex.wilber'] })
  const answer = await suspended.open(back.pathname + back.search)
  t.match(answer, { status: 403, text: /is suspended/ }, 'suspended while she was at Microsoft')
  t.match(await logged('held', 'alex.wilber'), { person: 'alex.wilber' })

  const properties = { displayName: 'New Comer', userPrincipalName: 'new.comer@contoso.example' }
  simulator.tenant.setSignIn(
    simulator.tenant.create('user', {
      ...properties,
      accountEnabled: true,
      mailNickname: 'new.comer',
    }).id,
    { password: MICROSOFT_PASSWORD },
  )
  await refused('new.comer', 'not-linked', /no account here that belongs/)
  await api.send('POST', '/sources/contoso/sync', {})
  await refused('new.comer', 'staged', /not active yet[\s\S]*administrator has to activate/)

  const guest = 'pat_fabrikam.example#EXT#'
  simulator.tenant.setSignIn(
    simulator.tenant.create('user', {
      ...{ displayName: 'Pat Guest', userPrincipalName: `${guest}@contoso.example` },
      ...{ accountEnabled: true, mailNickname: 'pat_fabrikam', userType: 'Guest' },
    }).id,
    { password: MICROSOFT_PASSWORD },
  )
  await refused(guest, 'not-linked', /no account here that belongs/)
  await api.send('POST', '/sources/contoso/sync', {})
  await refused(guest, 'source-unsupported', /guests do not sign in here this way/)
  await api.send('POST', '/people/activate', { allStaged: true })
  await refused(guest, 'source-unsupported', /guests do not sign in here this way/)

  const welcome = (await signIn('joni.sherman')).visitor
  await api.send('POST', '/people/suspend', { people: ['joni.sherman'] })
  t.match(await welcome.open('/account/password'), { status: 303, location: '/account' })
  await api.send('POST', '/people/delete', { people: ['joni.sherman'] })
  await refused('joni.sherman', 'not-linked', /no account here that belongs/)
})

await t.test('what is wrong with the registration is the administrator’s to mend', async (t) => {
  const visitor = new Visitor(base)
  const back = await goToMicrosoft(visitor, 'megan.bowen')
  const kept = simulator.application.secrets.splice(0)
  const answer = await visitor.open(back.pathname + back.search)
  simulator.application.secrets.push(...kept)
  t.match(answer, { status: 403, text: /does not work now/ })
  t.match(await logged('source-misconfigured'), { detail: { code: 'AADSTS7000215' } })
  t.match(readFileSync(logFile, 'utf8'), /set-secret.*sign-in\.alert/)
})

await t.test('it is off again, for those under way, too', async (t) => {
  const visitor = new Visitor(base)
  const back = await goToMicrosoft(visitor, 'megan.bowen')
  t.match(await cli('source', 'set-sign-in', 'contoso', 'off'), /nobody signs in/)
  t.match(await visitor.open(back.pathname + back.search), { status: 403, text: /is off/ })
})

await t.test('no code and no token is written anywhere', (t) => {
  const log = readFileSync(logFile, 'utf8')
  t.notMatch(log, /eyJ[A-Za-z0-9_-]{20}|code=|id_token/)
  t.end()
})
