import { randomBytes } from 'node:crypto'
import t from 'tap'
import {
  type Attribute,
  AttributeType,
  findText,
  findValue,
  makeOctets,
  makeText,
  PacketCode,
  SharedSecret,
} from '../../protocols/radius/index.ts'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { makeRequest, papAttributes, TestNas } from '../support/radius-client.ts'
import { addAuthenticator } from '../support/second-factor-pages.ts'

const { accessAccept: ACCEPT, accessChallenge: CHALLENGE, accessReject: REJECT } = PacketCode

const NEW_PASSWORD = 'quite-another-83'

const demo = await startTestDemo(t)
const { radius, http } = demo.facts
const cli = cliOf(demo.dataDir)
const admin = new Admin(demo.facts)
const secret = new SharedSecret(Buffer.from(radius.secret))
const nas = new TestNas(radius.authPort, radius.secret)
t.teardown(() => nas.close())

const username = 'patti.fernandez'
const { app, codes } = await addAuthenticator(http.url, { username, password: PASSWORD })
let step = 0
/** Codes are good for one step before and after their own, and once. */
const nextCode = () => app.code(++step)

async function ask(password: string, more: { name?: string; ssid: string; state?: Buffer | null }) {
  const { name = username, ssid, state = null } = more
  const authenticator = randomBytes(16)
  const attributes: Attribute[] = [
    ...papAttributes(name, password, secret, authenticator),
    makeText(AttributeType.calledStationId, `02-00-00-00-00-01:${ssid}`),
    makeText(AttributeType.callingStationId, '02-11-22-33-44-01'),
    ...(state === null ? [] : [makeOctets(AttributeType.state, state)]),
  ]
  const reply = await nas.send(makeRequest({ attributes, authenticator }, secret), 10_000)
  if (reply === null) throw new Error('no reply')
  return reply.packet
}

const stateOf = (packet: Awaited<ReturnType<typeof ask>>) =>
  findValue(packet.attributes, AttributeType.state)

/** What became of somebody's last try, once it is written: that is done in batches. */
async function reasonIs(expected: string, name = username): Promise<string> {
  let found = ''
  for (let tries = 0; tries < 100 && found !== expected; tries++) {
    const [answer] = JSON.parse(
      await cli('log', '--json', '--limit', '1', '--person', name),
    ).answers
    found = `${answer?.outcome} ${answer?.method} ${answer?.reason}`
  }
  return found
}

await cli(
  'network',
  'create',
  'vpn',
  '--ssid',
  'vpn',
  '--everyone',
  '--priority',
  '5',
  '--second-factor',
  'appended',
)
await cli(
  'network',
  'create',
  'asking',
  '--ssid',
  'asking',
  '--everyone',
  '--priority',
  '6',
  '--second-factor',
  'challenge',
)

await t.test('a network that asks for codes has no way round them', async (t) => {
  const { networks } = JSON.parse(await cli('network', 'list', '--json'))
  const methodsOf = (wanted: string) =>
    networks.find(({ name }: { name: string }) => name === wanted).methods
  t.strictSame(methodsOf('vpn'), ['pap', 'ttls-pap'])
  t.strictSame(methodsOf('asking'), ['pap'])
  await t.rejects(
    cli('network', 'set', 'asking', '--method', 'pap', 'ttls-pap'),
    /a code cannot come along by ttls-pap, which would be ways round it: allow only pap/,
  )
  await t.rejects(
    cli('network', 'set', 'vpn', '--method', 'pap', 'mschapv2', 'tls'),
    /by mschapv2, tls, which/,
  )
  await t.rejects(cli('network', 'set', 'corp', '--second-factor', 'challenge'), /ways round it/)
})

await t.test('appended: the password alone is half of it, and a code is good once', async (t) => {
  t.equal((await ask(PASSWORD, { ssid: 'vpn' })).code, REJECT)
  t.equal(
    await reasonIs('denied radius-pap+totp code-missing'),
    'denied radius-pap+totp code-missing',
  )
  const code = nextCode()
  t.equal((await ask(`wrong${code}`, { ssid: 'vpn' })).code, REJECT)
  t.equal(await reasonIs('denied radius-pap wrong-password'), 'denied radius-pap wrong-password')
  t.equal(
    (await ask(PASSWORD + code, { ssid: 'vpn' })).code,
    ACCEPT,
    'and the code is not spent yet',
  )
  t.equal(await reasonIs('success radius-pap+totp null'), 'success radius-pap+totp null')
  t.equal((await ask(PASSWORD + code, { ssid: 'vpn' })).code, REJECT, 'the same device again')
  t.equal(await reasonIs('denied radius-pap+totp spent-code'), 'denied radius-pap+totp spent-code')
  t.equal((await ask(`${PASSWORD}000000`, { ssid: 'vpn' })).code, REJECT)
  t.equal(await reasonIs('denied radius-pap+totp wrong-code'), 'denied radius-pap+totp wrong-code')
  t.equal((await ask(PASSWORD, { ssid: 'corp' })).code, ACCEPT, 'elsewhere the password will do')
})

await t.test('challenge: the code is asked for after the right password only', async (t) => {
  t.equal((await ask('wrong', { ssid: 'asking' })).code, REJECT)
  const asked = await ask(PASSWORD, { ssid: 'asking' })
  t.equal(asked.code, CHALLENGE)
  t.match(findText(asked.attributes, AttributeType.replyMessage), /authenticator app/)
  const state = stateOf(asked)
  t.equal(state?.length, 16)
  const [recoveryCode = ''] = codes
  t.equal((await ask(recoveryCode, { ssid: 'asking', state })).code, ACCEPT)
  t.equal((await ask(recoveryCode, { ssid: 'asking', state })).code, REJECT, 'a State is good once')
  t.equal(await reasonIs('denied radius-pap unknown-state'), 'denied radius-pap unknown-state')
})

await t.test('challenge: a State is good for her, at that network, for one answer', async (t) => {
  const stateAnew = async () => stateOf(await ask(PASSWORD, { ssid: 'asking' }))
  const [, recoveryCode = ''] = codes
  const other = { name: 'megan.bowen', ssid: 'asking', state: await stateAnew() }
  t.equal((await ask(recoveryCode, other)).code, REJECT, "another's name")
  t.equal((await ask('000000', { ssid: 'asking', state: await stateAnew() })).code, REJECT)
  const forged = { ssid: 'asking', state: randomBytes(16) }
  t.equal((await ask(recoveryCode, forged)).code, REJECT)
  const elsewhere = { ssid: 'corp', state: await stateAnew() }
  t.equal((await ask(recoveryCode, elsewhere)).code, REJECT, 'a code is no password elsewhere')
  const state = await stateAnew()
  t.equal((await ask(recoveryCode, { ssid: 'asking', state })).code, ACCEPT, 'it was not spent')
})

await t.test('whoever has no app does not get in, and is told apart in the log', async (t) => {
  const asked = await ask(PASSWORD, { ssid: 'asking', name: 'megan.bowen' })
  const state = stateOf(asked)
  t.equal((await ask('123456', { ssid: 'asking', name: 'megan.bowen', state })).code, REJECT)
  const denied = 'denied radius-pap+totp no-factor'
  t.equal(await reasonIs(denied, 'megan.bowen'), denied)
  const { answers } = JSON.parse(
    await cli('log', '--json', '--person', 'megan.bowen', '--reason', 'no-factor'),
  )
  t.match(answers, [{ explanation: { step: 'credential', mend: /adds one on her account page/ } }])
})

await t.test('who is suspended between password and code stays out', async (t) => {
  const state = stateOf(await ask(PASSWORD, { ssid: 'asking' }))
  await cli('person', 'suspend', username)
  const [, , recoveryCode = ''] = codes
  t.equal((await ask(recoveryCode, { ssid: 'asking', state })).code, REJECT)
  t.equal(await reasonIs('denied radius-pap held'), 'denied radius-pap held')
})

await t.test('a password that is changed before the code comes is good no more', async (t) => {
  const stateAnew = async (password: string) => stateOf(await ask(password, { ssid: 'asking' }))
  const [, , , unspent = '', other = '', third = ''] = codes
  await admin.resume(username)
  const before = await stateAnew(PASSWORD)
  await admin.setPassword(username, NEW_PASSWORD)
  t.equal((await ask(unspent, { ssid: 'asking', state: before })).code, REJECT)
  const reason = 'denied radius-pap credential-changed'
  t.equal(await reasonIs(reason), reason)
  const after = await stateAnew(NEW_PASSWORD)
  await admin.send('POST', `/people/${username}/app-passwords`, { name: 'phone', uses: ['radius'] })
  t.equal((await ask(other, { ssid: 'asking', state: after })).code, ACCEPT, 'another is no change')
  const { password } = await admin.send<{ password: string }>(
    'POST',
    `/people/${username}/app-passwords`,
    { name: 'watch', uses: ['radius'] },
  )
  const revoked = await stateAnew(password)
  await cli('person', 'app-password', 'revoke', username, 'watch')
  t.equal((await ask(third, { ssid: 'asking', state: revoked })).code, REJECT)
  t.equal(await reasonIs(reason), reason)
})
