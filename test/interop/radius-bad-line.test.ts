import t from 'tap'
import {
  AcctStatusType,
  type Attribute,
  AttributeType,
  makeInteger,
  makeText,
} from '../../protocols/radius/index.ts'
import { openDatabase } from '../../src/storage/connection.ts'
import { BadLineNas } from '../support/bad-line-nas.ts'
import { startTestDemo } from '../support/demo.ts'
import { TtlsClient } from '../support/eap-ttls-client.ts'
import { fuzzSeed } from '../support/mutate.ts'
import { makeAccounting, mskOf } from '../support/radius-client.ts'
import { GatewayBench, nasSecret, password, serverName } from '../support/radius-gateway.ts'

const LINE = { lost: 20, doubled: 20 }
const PEERS = 40
const seed = fuzzSeed()
const station: readonly Attribute[] = [
  makeText(AttributeType.calledStationId, '02-00-00-00-00-01:corp'),
]

await t.test('a bad line breaks no log-in, and makes of one no two', async (t) => {
  const bench = await new GatewayBench().start()
  const line = new BadLineNas(bench.authPort, nasSecret, { line: LINE, seed })
  t.teardown(async () => {
    line.close()
    await bench.stop()
  })
  const outcomes = await Promise.all(
    Array.from({ length: PEERS }, async (_, n) => {
      const version = n % 2 === 0 ? 'TLSv1.2' : 'TLSv1.3'
      const tls = { ca: bench.caPem, servername: serverName, maxVersion: version } as const
      const client = new TtlsClient({ name: 'alice', password, tls })
      const peer = line.peer(station)
      const { kind, msk } = await client.run(peer.exchange)
      const sent = peer.last === null ? null : mskOf(peer.last, line.secret)
      return { kind, isSameKey: msk !== null && sent?.equals(msk) === true }
    }),
  )
  t.strictSame(
    outcomes,
    Array.from({ length: PEERS }, () => ({ kind: 'accept', isSameKey: true })),
    `seed ${seed}, ${line.lost} lost, ${line.repeats} sent again`,
  )
  t.equal(bench.events.length, PEERS, 'each is one answer')
  t.equal(bench.events.filter(({ outcome }) => outcome === 'success').length, PEERS)
  t.ok(line.lost > 0, `${line.lost} datagrams were lost`)
})

await t.test('a NAS that turns to another daemon half-way logs in anew at once', async (t) => {
  const [first, second] = [await new GatewayBench().start(), await new GatewayBench().start()]
  const line = new BadLineNas(first.authPort, nasSecret, {
    line: { lost: 0, doubled: 0 },
    seed,
  })
  t.teardown(async () => {
    line.close()
    await first.stop()
    await second.stop()
  })
  const logIn = async (ca: string, failOverAfter: number | null) => {
    const tls = { ca, servername: serverName } as const
    let left = failOverAfter
    const peer = line.peer(station)
    return new TtlsClient({ name: 'alice', password, tls }).run((eap) => {
      if (left !== null && left-- === 0) line.failOver(second.authPort)
      return peer.exchange(eap)
    })
  }
  t.equal((await logIn(first.caPem, 3)).kind, 'reject', 'at once, so that the device begins again')
  t.equal(second.lastReason, 'unknown-state')
  t.equal((await logIn(second.caPem, null)).kind, 'accept')
})

await t.test('what a NAS accounts for over a bad line is counted once', async (t) => {
  const SESSIONS = 25
  const demo = await startTestDemo(t)
  const { acctPort, secret } = demo.facts.radius
  const line = new BadLineNas(acctPort, secret, { line: LINE, seed: seed + 1 })
  t.teardown(() => line.close())
  const tell = (n: number, kind: number, minutes: number) =>
    line.ask(
      makeAccounting(
        [
          makeText(AttributeType.userName, 'adele.vance'),
          makeText(AttributeType.acctSessionId, `session-${n}`),
          makeInteger(AttributeType.acctStatusType, kind),
          makeInteger(AttributeType.acctSessionTime, minutes * 60),
          makeInteger(AttributeType.acctInputOctets, minutes * 1_000 + n),
        ],
        line.secret,
        line.takeIdentifier(),
      ),
    )
  const { start, interimUpdate, stop } = AcctStatusType
  await Promise.all(
    Array.from({ length: SESSIONS }, async (_, n) => {
      // A NAS does not wait for one answer before it reports again, and nothing keeps them in order.
      await Promise.all([tell(n, start, 0), tell(n, interimUpdate, 5), tell(n, interimUpdate, 10)])
      await Promise.all([tell(n, interimUpdate, 15), tell(n, stop, 20)])
    }),
  )
  await demo.stop()
  const database = await openDatabase({ dataDir: demo.dataDir })
  const { rows } = await database.pool.query(`
    select count(*)::int as sessions, count(stopped_at)::int as stopped,
           sum(input_octets)::int as octets, max(session_seconds)::int as seconds
    from accounting_session`)
  await database.stop()
  const octets = SESSIONS * 20_000 + (SESSIONS * (SESSIONS - 1)) / 2
  t.strictSame(rows, [{ sessions: SESSIONS, stopped: SESSIONS, octets, seconds: 1_200 }])
  t.ok(line.repeats > 0, `seed ${seed}: ${line.lost} lost, ${line.repeats} sent again`)
})
