import { randomBytes } from 'node:crypto'
import t from 'tap'
import { AttributeType, makeText, PacketCode, SharedSecret } from '../../protocols/radius/index.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { makeRequest, papAttributes, TestNas } from '../support/radius-client.ts'

const demo = await startTestDemo(t)
const { radius, http } = demo.facts
const cli = cliOf(demo.dataDir)
const secret = new SharedSecret(Buffer.from(radius.secret))
const RATE = 2
/** Ten seconds of it. */
const AT_ONCE = 20
const WAIT_MS = 500

async function openNas(address: string): Promise<TestNas> {
  const nas = new TestNas(radius.authPort, radius.secret, WAIT_MS)
  t.teardown(() => nas.close())
  await nas.bind(address)
  return nas
}

let made = 0
function makeLogIn(name: string, password: string): Buffer {
  const authenticator = randomBytes(16)
  const attributes = [
    ...papAttributes(name, password, secret, authenticator),
    makeText(AttributeType.calledStationId, '02-00-00-00-00-01:vpn'),
  ]
  return makeRequest({ identifier: made++ & 0xff, authenticator, attributes }, secret)
}

/** The code of the answer; null for silence. */
async function answerTo(nas: TestNas, request: Buffer): Promise<number | null> {
  return (await nas.send(request))?.packet.code ?? null
}

/** The answer with this reason, once it is written: that is done in batches. */
async function firstOf(reason: string): Promise<unknown> {
  for (let tries = 0; tries < 100; tries++) {
    const { answers } = JSON.parse(await cli('log', '--json', '--reason', reason))
    if (answers.length > 0) return answers[0]
  }
  return null
}

await cli('network', 'create', 'vpn', '--ssid', 'vpn', '--everyone', '--method', 'pap')

await t.test('the rate of a NAS is shown and set, within its bounds', async (t) => {
  const rateOf = async () => JSON.parse(await cli('nas', 'list', '--json')).nas[0].rate
  t.equal(await rateOf(), 1_000_000, 'of the demo')
  await cli('nas', 'set', 'loopback', '--rate', String(RATE))
  t.equal(await rateOf(), RATE)
  t.match(await cli('nas', 'list'), new RegExp(`${RATE}/s`))
  await t.rejects(cli('nas', 'set', 'loopback', '--rate', '0'), /rate/)
  await t.rejects(cli('nas', 'set', 'loopback', '--rate', '1000001'), /rate/)
  const created = JSON.parse(
    await cli('nas', 'create', 'other', '192.0.2.9', '--rate', '7', '--json'),
  )
  t.equal(created.rate, 7)
  const usual = JSON.parse(await cli('nas', 'create', 'usual', '192.0.2.10', '--json'))
  t.equal(usual.rate, 500)
})

await t.test('three repetitions of each request trip nothing', async (t) => {
  const nas = await openNas('127.0.0.2')
  for (let at = 0; at < AT_ONCE; at++) {
    const request = makeLogIn('patti.fernandez', PASSWORD)
    for (let times = 0; times < 4; times++) {
      t.equal(await answerTo(nas, request), PacketCode.accessAccept)
    }
  }
})

await t.test(
  'a flood of one access point is not felt by another, and ends by itself',
  async (t) => {
    const broken = await openNas('127.0.0.3')
    let answered = 0
    while ((await answerTo(broken, makeLogIn('patti.fernandez', PASSWORD))) !== null) {
      answered += 1
      if (answered > 1_000) break
    }
    t.ok(answered >= AT_ONCE && answered <= 1_000, `${answered} of the flood were answered`)

    const sound = await openNas('127.0.0.4')
    t.equal(
      await answerTo(sound, makeLogIn('patti.fernandez', PASSWORD)),
      PacketCode.accessAccept,
      'at once, while the other is silenced',
    )
    const told = await firstOf('rate-limited')
    t.match(told, { outcome: 'denied', reason: 'rate-limited', address: '127.0.0.3' })
    const metrics = await (await fetch(`${http.url}/metrics`)).text()
    t.match(metrics, /radius_dropped_total\{reason="rate-limited"\} [1-9]/)

    // Silent for so long already; asking goes on until there is room, as a NAS does.
    let last: number | null = null
    for (let tries = 0; tries < 20 && last === null; tries++) {
      last = await answerTo(broken, makeLogIn('patti.fernandez', PASSWORD))
    }
    t.equal(last, PacketCode.accessAccept)
  },
)
