import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions } from 'node:tls'
import t from 'tap'
import {
  type Attribute,
  AttributeType,
  EapType,
  makeText,
  makeVendor,
} from '../../protocols/radius/index.ts'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { ClientAuthority } from '../support/client-certificates.ts'
import { byText, Das } from '../support/das.ts'
import { databaseFor } from '../support/database-for.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { TtlsClient } from '../support/eap-ttls-client.ts'
import { answerMsChap2, encodeMsChap2 } from '../support/ms-chap-peer.ts'
import { type CheckedReply, makeRequest, TestNas } from '../support/radius-client.ts'
import { SessionNas } from '../support/session-nas.ts'

const PERSON = 'adele.vance'
const MAIL = 'adele.vance@contoso.example'

const { url: databaseUrl } = await databaseFor(t, 'session-credentials')
const demo = await startTestDemo(t, { databaseUrl })
const { radius } = demo.facts
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)
const folder = mkdtempSync(join(tmpdir(), 'gh-session-credentials-'))
const nas = new SessionNas(t, radius)
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const das = await Das.start(t, radius.secret)
const [{ name: nasName } = { name: '' }] = (
  await admin.send<{ nas: { name: string }[] }>('GET', '/nas')
).nas
await admin.send('PATCH', `/nas/${nasName}`, { coaPort: das.port })
const methods = ['pap', 'mschapv2', 'tls', 'ttls-pap'].flatMap((method) => ['--method', method])
await cli('network', 'set', 'corp', ...methods, '--resumption', 'on')

async function openOf(person: string): Promise<readonly unknown[]> {
  const path = `/sessions?person=${person}`
  return (await admin.send<{ sessions: readonly unknown[] }>('GET', path)).sessions
}

async function msChap(password: string): Promise<Buffer> {
  const challenge = randomBytes(16)
  const { response } = answerMsChap2(challenge, { name: PERSON, password })
  const attributes: Attribute[] = [
    makeText(AttributeType.userName, PERSON),
    makeVendor({ vendor: 311, type: 11, value: challenge }),
    makeVendor({ vendor: 311, type: 25, value: encodeMsChap2(response) }),
  ]
  return SessionNas.classOf(await nas.send(makeRequest({ attributes }, nas.secret)))
}

/** A whole EAP log-in: with `tls` alone EAP-TLS, with a password EAP-TTLS/PAP. */
async function eap(tls: ConnectionOptions, password: string | null = null) {
  const peer = new TestNas(radius.authPort, radius.secret, 10_000)
  const client = new TtlsClient({
    outerIdentity: PERSON,
    ...(password === null ? { type: EapType.tls } : { name: PERSON, password }),
    tls: {
      ca: readFileSync(radius.caFile, 'utf8'),
      servername: radius.serverName,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ...tls,
    },
  })
  let last: CheckedReply | null = null
  const outcome = await client.run(async (response) => {
    const answer = await peer.sendEap(response, [makeText(AttributeType.userName, PERSON)])
    last = answer.reply
    return answer
  })
  peer.close()
  return { classValue: SessionNas.classOf(last), outcome }
}

async function issue(device: string) {
  const file = join(folder, `${device}.p12`)
  const passwordFile = join(folder, `${device}.txt`)
  writeFileSync(passwordFile, 'of-the-file-7391')
  const args = ['--out', file, '--password-file', passwordFile, '--modern']
  const said = await cli('--json', 'certificate', 'issue', PERSON, device, ...args)
  const { serial } = JSON.parse(said) as { serial: string }
  return { serial, tls: { pfx: readFileSync(file), passphrase: 'of-the-file-7391' } }
}

async function appPassword(name: string): Promise<string> {
  const body = { name, uses: ['radius'] }
  const path = `/people/${PERSON}/app-passwords`
  return (await admin.send<{ password: string }>('POST', path, body)).password
}

await cli('network-password', 'allow')
const said = () => cli('person', 'network-password', 'make', PERSON)
const made = async () => (await said()).replace(/^network password: /, '').trim()
const laptop = await issue('laptop')
const phone = await issue('phone')
const fabrikam = await ClientAuthority.make('Fabrikam Devices')
const authorityFile = join(folder, 'fabrikam.pem')
writeFileSync(authorityFile, fabrikam.pem)
await cli('ca', 'add', 'fabrikam', authorityFile, '--match', 'mail')
const badge = await fabrikam.issue({ email: MAIL })
const token = await fabrikam.issue({ email: MAIL })
const printer = await appPassword('printer')
const scanner = await appPassword('scanner')
const networkPassword = await made()

const ofPassword = await nas.pap(PERSON, PASSWORD)
await nas.begin(PERSON, 's-password', [ofPassword])
await nas.begin(PERSON, 's-laptop', [(await eap(laptop.tls)).classValue])
await nas.begin(PERSON, 's-phone', [(await eap(phone.tls)).classValue])
await nas.begin(PERSON, 's-printer', [await nas.pap(PERSON, printer)])
await nas.begin(PERSON, 's-scanner', [await nas.pap(PERSON, scanner)])
await nas.begin(PERSON, 's-badge', [(await eap(badge)).classValue])
await nas.begin(PERSON, 's-token', [(await eap(token)).classValue])
const first = await eap({}, scanner)
const session = first.outcome.session ?? undefined
const again = await eap(session === undefined ? {} : { session }, scanner)
await nas.begin(PERSON, 's-scanner-resumed', [again.classValue])
await nas.begin(PERSON, 's-network-pap', [await nas.pap(PERSON, networkPassword)])
await nas.begin(PERSON, 's-network-mschap', [await msChap(networkPassword)])

/** Sessions the NAS was asked to end, once it has ended so many and it is known here. */
async function endedBy(act: () => Promise<unknown>, count: number): Promise<readonly string[]> {
  const before = das.ordered.length
  const open = (await openOf(PERSON)).length
  await act()
  await das.came(before + count)
  while ((await openOf(PERSON)).length > open - count) await sleep(20)
  return das.ordered
    .slice(before)
    .map(({ session }) => session)
    .toSorted(byText)
}

await t.test('a certificate that is revoked ends what was opened with it', async (t) => {
  const revoke = () => cli('certificate', 'revoke', laptop.serial, '--reason', 'key-compromise')
  t.same(await endedBy(revoke, 1), ['s-laptop'])
  const changes = () => cli('person', 'edit', PERSON, 'jobTitle=Owner')
  await changes()
  t.same(das.sessions, ['s-laptop'], 'and what changes of her otherwise ends nothing')
})

await t.test('a company’s certificate, once its list names it', async (t) => {
  const take = async (...revoked: readonly { readonly serial: string }[]) => {
    const list = join(folder, 'fabrikam.crl')
    writeFileSync(list, await fabrikam.revoke(revoked.map(({ serial }) => serial)))
    await cli('ca', 'crl', 'fabrikam', list)
  }
  await take(await fabrikam.issue())
  await nas.begin(PERSON, 's-badge-after', [(await eap(badge)).classValue])
  t.same(await endedBy(() => take(badge), 2), ['s-badge', 's-badge-after'])
  t.equal((await openOf(PERSON)).length, 8, 'and neither another of its authority nor any other')
})

await t.test('an app password that is revoked, resumed sessions as well', async (t) => {
  t.same(
    [first, again].map(({ outcome }) => outcome.isResumed),
    [false, true],
  )
  const revoke = (name: string) => () => cli('person', 'app-password', 'revoke', PERSON, name)
  t.same(await endedBy(revoke('printer'), 1), ['s-printer'])
  t.same(await endedBy(revoke('scanner'), 2), ['s-scanner', 's-scanner-resumed'])
})

await t.test('a network password in whose place another is made', async (t) => {
  t.same(await endedBy(made, 2), ['s-network-mschap', 's-network-pap'])
})

await t.test('a session that began before Class named a credential stays', async (t) => {
  // What a password log-in is given is what all were given then: nobody is named in those octets.
  t.ok(ofPassword.subarray(33, 49).equals(Buffer.alloc(16)))
  t.equal((await openOf(PERSON)).length, 3, 'phone, token and password')
})

await t.test('a Class that we did not make is not believed', async (t) => {
  const forged = Buffer.from(ofPassword)
  forged.writeUInt8((forged[60] ?? 0) ^ 1, 60)
  const other = 'patti.fernandez'
  await nas.begin(other, 's-forged', [forged])
  t.equal((await openOf(PERSON)).length, 3)
  t.equal((await openOf(other)).length, 1, 'the name rules')
})

await t.test('all that is left of hers ends with her', async (t) => {
  t.same(await endedBy(() => admin.suspend(PERSON), 3), ['s-password', 's-phone', 's-token'])
  t.same(das.dropped, [], 'each request was signed and timely')
  t.equal(das.ordered.length, das.sessions.length, 'each was asked about once')
})
