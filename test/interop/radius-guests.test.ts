import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { Client } from 'ldapts'
import t from 'tap'
import {
  AcctStatusType,
  AttributeType,
  findText,
  findValue,
  makeInteger,
  makeOctets,
  makeText,
  type Packet,
  PacketCode,
} from '../../protocols/radius/index.ts'
import { ntHash } from '../../src/credentials/nt-hash.ts'
import { openDatabase } from '../../src/storage/connection.ts'
import { Visitor } from '../support/account-visitor.ts'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { Das } from '../support/das.ts'
import { databaseFor } from '../support/database-for.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { EapolTest, type Supplicant, tlsVersions } from '../support/eapol-test.ts'
import { untilLogged } from '../support/last-answer.ts'
import { makeAccounting, makeRequest, papAttributes, TestNas } from '../support/radius-client.ts'
import { withTools } from '../support/tools.ts'

const { url: databaseUrl } = await databaseFor(t, 'radius-guests')
const demo = await startTestDemo(t, { databaseUrl })
const { radius } = demo.facts
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)
const nas = new TestNas(radius.authPort, radius.secret, 10_000)
const accounting = new TestNas(radius.acctPort, radius.secret, 10_000)
t.teardown(() => {
  nas.close()
  accounting.close()
})
const das = await Das.start(t, radius.secret)
await admin.send('PATCH', '/nas/loopback', { coaPort: das.port })

interface Made {
  readonly name: string
  readonly password: string
  readonly expiresAt: string
  readonly state: string
}

async function add(...args: readonly string[]): Promise<Made> {
  const { guests } = JSON.parse(await cli('--json', 'guest', 'add', ...args))
  if (guests.length !== 1) throw new Error('not one guest')
  return guests[0]
}

async function stateOf(name: string): Promise<string | undefined> {
  const { guests } = JSON.parse(await cli('--json', 'guest', 'list', '--all'))
  return guests.find((guest: Made) => guest.name === name)?.state
}

async function pap({ name, password }: Pick<Made, 'name' | 'password'>): Promise<Packet> {
  const authenticator = randomBytes(16)
  const attributes = [
    ...papAttributes(name, password, nas.secret, authenticator),
    makeText(AttributeType.calledStationId, '02-00-00-00-00-01:visitors'),
  ]
  const reply = await nas.send(makeRequest({ authenticator, attributes }, nas.secret))
  if (reply === null) throw new Error('no reply')
  return reply.packet
}

/** Says to accounting that a session begun by this answer is there. */
async function report(session: string, name: string, accept: Packet, status: number) {
  const value = findValue(accept.attributes, AttributeType.class)
  if (value === null) throw new Error('no Class')
  const attributes = [
    makeInteger(AttributeType.acctStatusType, status),
    makeText(AttributeType.acctSessionId, session),
    makeText(AttributeType.userName, name),
    makeOctets(AttributeType.class, value),
  ]
  const reply = await accounting.send(makeAccounting(attributes, accounting.secret))
  if (reply?.packet.code !== PacketCode.accountingResponse) throw new Error('no answer')
}

interface Sessions {
  readonly sessions: readonly {
    readonly person: string | null
    readonly disconnect: { readonly cause: string } | null
  }[]
}

/** Why the NAS was asked to end the session of this guest, once it was. */
async function endOf(name: string, act: () => Promise<unknown>): Promise<string | undefined> {
  const before = das.ordered.length
  await act()
  await das.came(before + 1)
  const { sessions } = await admin.send<Sessions>('GET', '/sessions?all=true')
  return sessions.find(({ person }) => person === name)?.disconnect?.cause
}

/** Its time is shortened to the next second or two, and then over. */
async function expire({ name }: Made): Promise<void> {
  const soon = new Date(Date.now() + 2_000).toISOString().replace(/\.\d+Z$/, 'Z')
  await admin.send('PATCH', `/guests/${name}`, { expiresAt: soon })
  while ((await stateOf(name)) !== 'expired') await sleep(50)
}

const methods = ['pap', 'mschapv2', 'ttls-pap', 'ttls-mschapv2', 'peap-mschapv2']

await t.test('the list, what is refused, and who is told of it', async (t) => {
  t.match(await cli('guest', 'list'), /no guests: `gatehouse guest add`/)
  const network = ['--ssid', 'visitors', '--vlan', '66', '--priority', '5', '--method', ...methods]
  await cli('network', 'create', 'visitors', ...network, '--resumption', 'on')
  t.match(JSON.parse(await cli('--json', 'network', 'list')).networks.at(0), { guests: false })
  const guest = (...args: string[]) => cli('guest', 'add', ...args)
  await t.rejects(guest('visitor'), { message: /write guest-NAME/ })
  await t.rejects(guest('guest-_'), { message: /write guest-NAME/ })
  await t.rejects(guest('--until', '2020-01-01'), { message: /never be let in/ })
  await t.rejects(guest('--for', '91d'), { message: /90 days at most/ })
  await t.rejects(guest('--from', '2099-01-01'), { message: /365 days ahead at most/ })
  await t.rejects(guest('--for', 'long'), { message: /90m, 8h or 3d/ })
  await t.rejects(guest('--for', '1d', '--until', '2099-01-01'), { message: /cannot be used with/ })
  await t.rejects(guest('--sponsor', 'nobody.at.all'), { message: /nobody\.at\.all/ })
  await t.rejects(guest('--count', '101'), { message: /count/ })
  await t.rejects(cli('guest', 'extend', 'guest-none', '--for', '1d'), { message: /guest-none/ })
  await t.rejects(cli('guest', 'remove', 'guest-none'), { message: /guest-none/ })

  const smith = await add('guest-smith', '--label', 'J. Smith', '--company', 'Fabrikam')
  t.match(smith.password, /^([0-9a-z]{4}-){3}[0-9a-z]{4}$/)
  t.match(await cli('guest', 'list'), /guest-smith +J\. Smith +Fabrikam/)
  await t.rejects(add('Guest-Smith'), { message: /another guest has this name/ })
  const { guests } = JSON.parse(await cli('--json', 'guest', 'list'))
  t.notMatch(JSON.stringify(guests), smith.password, 'its password was shown once')
  const until = (ms: number) => Math.round((Date.parse(smith.expiresAt) - ms) / 3_600_000)
  t.equal(until(Date.now()), 24)
  const changes = await cli('log', 'changes', '--json')
  t.match(changes, /"guest"/)
  t.notMatch(changes, smith.password)
  t.notMatch(await cli('guest', 'remove', 'guest-smith'), smith.password)
  t.equal(await stateOf('guest-smith'), 'removed')
  t.match(await cli('guest', 'list'), /no guests/)
  await t.rejects(cli('guest', 'extend', 'guest-smith', '--for', '1d'), { message: /add a guest/ })
  t.not((await add('guest-smith')).password, smith.password, 'the name is free again')
})

await t.test('a person’s log-in name is no guest’s', async (t) => {
  const guest = await add('guest-early')
  await cli('person', 'rename', 'patti.fernandez', 'guest-early')
  t.equal(await stateOf(guest.name), 'name-taken', 'the list says why it is let in no more')
  await cli('guest', 'remove', 'guest-early')
  await t.rejects(add('guest-early'), { message: /log-in name of a person/ })
})

await t.test('many at once, for an event', async (t) => {
  const { guests } = JSON.parse(await cli('--json', 'guest', 'add', 'guest-expo', '--count', '3'))
  t.same(
    guests.map(({ name }: Made) => name),
    ['guest-expo-1', 'guest-expo-2', 'guest-expo-3'],
  )
  t.equal(new Set(guests.map(({ password }: Made) => password)).size, 3)
  const table = await cli('guest', 'add', '--count', '100', '--for', '8h')
  t.equal(table.match(/guest-[0-9a-z]{5} /g)?.length, 100)
})

await t.test('kept sealed: neither password nor hash stands in the database', async (t) => {
  const { password, name } = await add()
  const database = await openDatabase({ url: databaseUrl })
  t.teardown(() => database.stop())
  const all = database.kysely.selectFrom('guest').selectAll()
  const rows = await all.where('name', '=', name).execute()
  t.equal(rows.length, 1)
  const { secret = Buffer.alloc(0), ...plain } = rows[0] ?? {}
  t.ok(secret.length > 0)
  const hash = ntHash(Buffer.from(password))
  t.notOk(secret.includes(password))
  t.notOk(secret.includes(hash))
  const { rows: changes } = await sql<{ line: string }>`
    select concat(j, d) as line from journal j left join journal_detail d on d.id::text = j.detail::text
    where j.entity = ${rows[0]?.id}`.execute(database.kysely)
  t.equal(changes.length, 1)
  const written = JSON.stringify([plain, changes])
  t.ok(written.includes(name), 'the change of this guest')
  for (const form of [password, hash.toString('hex'), hash.toString('base64')])
    t.notOk(written.includes(form))
})

await t.test('let in where guests are, and nowhere before', async (t) => {
  const guest = await add()
  t.equal((await pap(guest)).code, PacketCode.accessReject)
  const reason = 'denied radius-pap guests-not-admitted'
  t.equal(await untilLogged(cli, guest.name, reason), reason)
  await t.rejects(
    cli(
      'network',
      'set',
      'corp',
      '--guests',
      'yes',
      '--method',
      'pap',
      '--second-factor',
      'appended',
    ),
    {
      message: /guests have no one-time code/,
    },
  )
  await cli('network', 'set', 'visitors', '--guests', 'yes')
  const accept = await pap(guest)
  t.equal(accept.code, PacketCode.accessAccept)
  t.equal(findText(accept.attributes, AttributeType.tunnelPrivateGroupId), '66')
  t.equal(await untilLogged(cli, guest.name, 'success radius-pap null'), 'success radius-pap null')
})

await t.test('nothing but networks knows a guest', async (t) => {
  const { name } = await add()
  t.notMatch(await cli('person', 'list'), name)
  await t.rejects(cli('person', 'show', name), { message: new RegExp(name) })
})

await t.test('neither LDAP nor the account page takes a guest’s right password', async (t) => {
  const guest = await add()
  t.equal((await pap(guest)).code, PacketCode.accessAccept, 'right it is')
  const { ldapsUrl, caFile, peopleDn } = demo.facts.ldap
  for (const [as, secret, isTaken] of [
    [guest.name, guest.password, false],
    [`uid=${guest.name},${peopleDn}`, guest.password, false],
    ['adele.vance', PASSWORD, true],
  ] as const) {
    const client = new Client({ url: ldapsUrl, tlsOptions: { ca: readFileSync(caFile) } })
    const bind = client.bind(as, secret)
    if (isTaken) await t.resolves(bind, 'as people do')
    else await t.rejects(bind, { code: 49 }, as)
    await client.unbind()
  }
  const signIn = (username: string, password: string) =>
    new Visitor(demo.facts.http.url).submit('/account/sign-in', { username, password })
  t.match(await signIn(guest.name, guest.password), { status: 403, text: /do not belong/ })
  t.match(await signIn('adele.vance', PASSWORD), { status: 303 })
})

await t.test('a session ends with the guest, and with who vouches for it', async (t) => {
  const removed = await add()
  await report('s-1', removed.name, await pap(removed), AcctStatusType.start)
  t.equal(await endOf(removed.name, () => cli('guest', 'remove', removed.name)), 'guest-revoked')
  t.equal(das.ordered.at(-1)?.session, 's-1')
  t.equal((await pap(removed)).code, PacketCode.accessReject)
  const reason = 'denied radius-pap guest-revoked'
  t.equal(await untilLogged(cli, removed.name, reason), reason)

  const vouched = await add('--sponsor', 'adele.vance')
  await report('s-2', vouched.name, await pap(vouched), AcctStatusType.start)
  t.equal(await endOf(vouched.name, () => admin.suspend('adele.vance')), 'sponsor-shut-out')
  t.equal(das.ordered.at(-1)?.session, 's-2')
  t.equal((await pap(vouched)).code, PacketCode.accessReject)
  t.equal(await stateOf(vouched.name), 'sponsor-shut-out')
  await t.rejects(add('--sponsor', 'adele.vance'), { message: /may not sign in herself/ })
  const sponsor = { sponsor: 'adele.vance' }
  await t.rejects(admin.send('PATCH', `/guests/${vouched.name}`, sponsor), {
    message: /may not sign in herself/,
  })

  const namesake = await add()
  await report('s-4', namesake.name, await pap(namesake), AcctStatusType.start)
  const take = () => cli('person', 'rename', 'alex.wilber', namesake.name)
  t.equal(await endOf(namesake.name, take), 'name-taken')
  t.equal(das.ordered.at(-1)?.session, 's-4')
})

await t.test('out when its time is over, in again when it is extended', async (t) => {
  const guest = await add('--for', '8h')
  const accept = await pap(guest)
  await report('s-3', guest.name, accept, AcctStatusType.start)
  await expire(guest)
  t.equal((await pap(guest)).code, PacketCode.accessReject)
  const reason = 'denied radius-pap guest-expired'
  t.equal(await untilLogged(cli, guest.name, reason), reason)
  const next = () => report('s-3', guest.name, accept, AcctStatusType.interimUpdate)
  t.equal(await endOf(guest.name, next), 'guest-expired')
  t.match(await cli('guest', 'extend', guest.name, '--for', '1d'), /is let in until/)
  t.equal((await pap(guest)).code, PacketCode.accessAccept)
})

await withTools(t, { name: 'eapol_test as a guest', tools: ['eapol_test'] }, async (t) => {
  const bench = { authPort: radius.authPort, caPem: readFileSync(radius.caFile, 'utf8') }
  const tool = new EapolTest(bench)
  t.teardown(() => tool.remove())
  const run = (guest: Made, how: Pick<Supplicant, 'version' | 'eap' | 'phase2' | 'args'>) =>
    tool.run({
      ...how,
      ...guest,
      ssid: 'visitors',
      secret: radius.secret,
      more: [`domain_match="${radius.serverName}"`],
    })
  const guest = await add()
  for (const version of tlsVersions) {
    for (const [eap, phase2] of [
      ['PEAP', 'auth=MSCHAPV2'],
      ['TTLS', 'auth=PAP'],
      ['TTLS', 'auth=MSCHAPV2'],
    ] as const) {
      await t.test(`${version} ${eap} ${phase2}: in, and never by resumption`, async (t) => {
        const one = await run(guest, { version, eap, phase2, args: ['-r', '1'] })
        t.ok(one.isSuccess, one.isSuccess ? '' : one.output.slice(-3_000))
        t.equal(one.vlan, '66')
        t.equal(one.resumed, 0)
        const wrong = await run(
          { ...guest, password: 'k7m2-q9xt-04bz-r8pw' },
          { version, eap, phase2 },
        )
        t.notOk(wrong.isSuccess || wrong.isSilent)
      })
    }
  }

  for (const [reason, end] of [
    ['guest-expired', expire],
    ['guest-revoked', ({ name }: Made) => cli('guest', 'remove', name)],
  ] as const) {
    await t.test(`refused from then on: ${reason}`, async (t) => {
      const guest = await add()
      await end(guest)
      for (const [eap, phase2, method] of [
        ['PEAP', 'auth=MSCHAPV2', 'eap-peap-mschapv2'],
        ['TTLS', 'auth=PAP', 'eap-ttls-pap'],
      ] as const) {
        const one = await run(guest, { version: 'TLSv1.3', eap, phase2 })
        t.notOk(one.isSuccess || one.isSilent)
        const expected = `denied ${method} ${reason}`
        t.equal(await untilLogged(cli, guest.name, expected), expected)
      }
    })
  }
})
