import { randomBytes } from 'node:crypto'
import t from 'tap'
import {
  type Attribute,
  AttributeType,
  makeText,
  SharedSecret,
} from '../../protocols/radius/index.ts'
import { makeProgram } from '../../src/cli/program.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { makeRequest, papAttributes, TestNas } from '../support/radius-client.ts'

const demo = await startTestDemo(t)
const cli = cliOf(demo.dataDir)
const { authPort, secret: nasSecret } = demo.facts.radius
const secret = new SharedSecret(Buffer.from(nasSecret))
const nas = new TestNas(authPort, nasSecret)
t.teardown(() => nas.close())

async function logIn(name: string, password: string, more: readonly Attribute[] = []) {
  const authenticator = randomBytes(16)
  const attributes = [...papAttributes(name, password, secret, authenticator), ...more]
  const reply = await nas.send(makeRequest({ attributes, authenticator }, secret), 10_000)
  return reply?.packet.code ?? null
}

const from = (mac: string, ssid = 'corp') => [
  makeText(AttributeType.callingStationId, mac),
  makeText(AttributeType.calledStationId, `02-00-00-00-00-01:${ssid}`),
]

interface Shown {
  readonly name: string
  readonly reason: string | null
}

async function search(...words: readonly string[]): Promise<readonly Shown[]> {
  const { answers } = JSON.parse(await cli('log', '--json', ...words))
  return answers
}

/** Auth events are written in batches, so what was just answered may take a moment. */
async function searchUntil(count: number, ...words: readonly string[]) {
  for (;;) {
    const found = await search(...words)
    if (found.length >= count) return found
  }
}

await t.test('a try is found by device, network, NAS, SSID, method and reason', async (t) => {
  t.equal(await logIn('adele.vance', PASSWORD, from('02-11-22-33-44-01')), 2)
  t.equal(await logIn('adele.vance', 'wrong', from('0211.2233.4402')), 3)
  t.equal(await logIn('nobody.here', 'wrong', from('02-11-22-33-44-03')), 3)
  t.equal(await logIn('adele.vance', PASSWORD, from('02-11-22-33-44-04', 'elsewhere')), 3)

  const [byDevice] = await searchUntil(1, '--device', '02:11:22:33:44:02')
  t.match(byDevice, { name: 'adele.vance', reason: 'wrong-password' }, 'in whatever spelling')
  t.equal((await search('--device', '0211.2233.4402')).length, 1)
  t.match(await searchUntil(1, '--ssid', 'elsewhere'), [{ reason: 'no-network' }])
  t.match(await searchUntil(1, '--reason', 'unknown-name'), [{ name: 'nobody.here' }])
  t.equal((await search('--network', 'corp')).length, 3)
  t.equal((await search('--network', 'corp', '--denied')).length, 2)
  t.equal((await search('--network', 'guest')).length, 0)
  t.equal((await search('--method', 'radius-pap', '--person', 'adele.vance')).length >= 2, true)
  const [{ detail }] = JSON.parse(await cli('log', '--json', '--limit', '1')).answers
  t.equal((await search('--nas', detail.nas)).length, 4)
  t.equal((await search('--nas', 'no such')).length, 0)
  t.equal((await search('--until', '2020-01-01T00:00:00Z')).length, 0)
  await t.rejects(search('--since', 'yesterday'), /"yesterday" is no time/)
})

await t.test('in full, a try says where it came from, what failed and what to do', async (t) => {
  const text = await cli('log', '--detail', '--device', '02-11-22-33-44-02')
  t.match(text, /denied {2}adele\.vance {2}radius-pap {2}network corp/)
  t.match(text, /device 02:11:22:33:44:02, NAS \S+ \(127\.0\.0\.1\), SSID corp/)
  t.match(text, /at credential: wrong-password\n {4}to mend it: the password is wrong/)
  const lost = await cli('log', '--detail', '--ssid', 'elsewhere')
  t.match(lost, /at way in: no-network\n {4}to mend it: no network fits this NAS and SSID/)
})

await t.test('a NAS that gets no answer is told of too, with what to do', async (t) => {
  const stranger = new TestNas(authPort, 'another secret')
  t.teardown(() => stranger.close())
  const attributes = [makeText(AttributeType.userName, 'adele.vance')]
  t.equal(await stranger.send(makeRequest({ attributes }, stranger.secret), 200), null)
  await searchUntil(1, '--reason', 'bad-message-authenticator')
  const text = await cli('log', '--detail', '--reason', 'bad-message-authenticator')
  t.match(text, /denied {2}nobody named {2}radius-auth {2}network\n {4}NAS \S+ \(127\.0\.0\.1\)/)
  t.match(text, /to mend it: the shared secret of the NAS differs/)
})

await t.test('followed, each try is shown once, as it comes', async (t) => {
  const stopped = new AbortController()
  let output = ''
  let expected = ''
  let seen = () => {}
  const write = (text: string) => {
    output += text
    if (output.includes(expected)) seen()
  }
  const shows = (text: string) =>
    new Promise<void>((resolve) => {
      expected = text
      seen = resolve
      if (output.includes(text)) resolve()
    })
  const program = makeProgram({ env: {}, signal: stopped.signal, write })
  const following = program.parseAsync(
    ['--data', demo.dataDir, 'log', '--follow', '--limit', '1', '--json'],
    { from: 'user' },
  )
  await logIn('first.one', 'wrong')
  await shows('"first.one"')
  await logIn('second.one', 'wrong')
  await shows('"second.one"')
  stopped.abort()
  await following
  const names = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).name)
  t.equal(names.filter((name) => name === 'first.one').length, 1)
  t.strictSame(names.slice(-2), ['first.one', 'second.one'])
})
