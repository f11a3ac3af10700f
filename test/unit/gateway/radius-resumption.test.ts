import t, { type Test } from 'tap'
import { AttributeType, makeText } from '../../../protocols/radius/index.ts'
import { aHold } from '../../support/directory.ts'
import { TtlsClient } from '../../support/eap-ttls-client.ts'
import { TestNas } from '../../support/radius-client.ts'
import {
  GatewayBench,
  nasSecret,
  networkPassword,
  password,
  serverName,
} from '../../support/radius-gateway.ts'

const DEVICE = '02-11-22-33-44-55'

const ofMyPhone = networkPassword.replace('7d3k', '8e4m')

const resumed = { resumption: true } as const

const certificates = await GatewayBench.makeCertificates()

async function startBench(t: Test): Promise<GatewayBench> {
  const bench = new GatewayBench()
  bench.certificates = certificates
  bench.resumes = true
  t.teardown(() => bench.stop())
  bench.directory.put({ ...bench.corp, ...resumed }, { ...bench.guest, ...resumed })
  return await bench.start()
}

interface Visit {
  readonly session?: Buffer | null
  readonly password?: string
  readonly ssid?: string
  readonly device?: string
  readonly version?: 'TLSv1.2' | 'TLSv1.3'
}

async function logIn(t: Test, bench: GatewayBench, visit: Visit = {}) {
  const { ssid = 'corp', device = DEVICE, session = null, version = 'TLSv1.2' } = visit
  const nas = new TestNas(bench.authPort, nasSecret)
  t.teardown(() => nas.close())
  const client = new TtlsClient({
    name: 'alice',
    password: visit.password ?? password,
    waitsForTickets: version === 'TLSv1.3' && session === null,
    tls: {
      ca: bench.caPem,
      servername: serverName,
      minVersion: version,
      maxVersion: version,
      ...(session === null ? {} : { session }),
    },
  })
  const outcome = await client.run((eap) =>
    nas.sendEap(eap, [
      makeText(AttributeType.calledStationId, `02-00-00-00-00-01:${ssid}`),
      makeText(AttributeType.callingStationId, device),
    ]),
  )
  return { kind: outcome.kind, isResumed: outcome.isResumed, session: outcome.session }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`${version}: who was let in comes back without her password`, async (t) => {
    const bench = await startBench(t)
    const first = await logIn(t, bench, { version })
    t.match(first, { kind: 'accept', isResumed: false })
    const tls = version.slice(-3)
    t.strictSame(bench.events.at(-1)?.detail?.['tls'], tls)
    t.notOk(bench.events.at(-1)?.detail?.['resumed'])
    const again = await logIn(t, bench, { version, session: first.session, password: 'not asked' })
    t.match(again, { kind: 'accept', isResumed: true })
    t.match(bench.events.at(-1), {
      outcome: 'success',
      principalId: bench.people.alice.id,
      method: 'eap-ttls-pap',
      detail: { resumed: true, tls, nas: 'ap-1', ssid: 'corp' },
    })
  })

  t.test(`${version}: a tunnel whose password was wrong leaves nothing to resume`, async (t) => {
    const bench = await startBench(t)
    const wrong = await logIn(t, bench, { version, password: 'wrong' })
    t.equal(wrong.kind, 'reject')
    t.not(wrong.session, null, 'the attacker has a session')
    const attack = await logIn(t, bench, { version, session: wrong.session, password: 'wrong' })
    t.match(attack, { kind: 'reject', isResumed: false })
    t.ok(bench.events.every(({ outcome }) => outcome === 'denied'))
  })
}

t.test('the answer to a resumed session is that of now', async (t) => {
  const changes: readonly [string, (bench: GatewayBench) => void, string][] = [
    [
      'she is suspended',
      (bench) => bench.directory.put({ ...bench.people.alice, holds: [aHold()] }),
      'held',
    ],
    [
      'she leaves the allowed group',
      (bench) => bench.directory.leave(bench.engineers, bench.people.alice),
      'not-in-allowed-group',
    ],
  ]
  for (const [what, change, reason] of changes) {
    const bench = await startBench(t)
    const first = await logIn(t, bench)
    change(bench)
    const again = await logIn(t, bench, { session: first.session })
    t.equal(again.kind, 'reject', what)
    t.equal(bench.lastReason, reason, what)
    const third = await logIn(t, bench, { session: first.session })
    t.match(third, { kind: 'reject', isResumed: false }, `${what}: and the session is gone`)
  }
})

t.test('another policy, credential, network or device wants a whole log-in', async (t) => {
  const changes: readonly [string, (bench: GatewayBench) => Visit][] = [
    [
      'the policy has changed',
      (bench) => {
        bench.directory.put({ ...bench.corp, ...resumed, vlan: 21 })
        return {}
      },
    ],
    [
      'a credential was added',
      (bench) => {
        bench.give(bench.people.alice.id, ofMyPhone)
        return {}
      },
    ],
    ['another network', () => ({ ssid: 'guest' })],
    ['another device', () => ({ device: '02-99-99-99-99-99' })],
  ]
  for (const [what, change] of changes) {
    const bench = await startBench(t)
    const first = await logIn(t, bench)
    const visit = change(bench)
    const right = await logIn(t, bench, { ...visit, session: first.session })
    t.match(right, { kind: 'accept', isResumed: false }, what)
    const wrong = await logIn(t, bench, { ...visit, session: first.session, password: 'wrong' })
    t.match(wrong, { kind: 'reject', isResumed: false }, `${what}: the password counts`)
  }
})

t.test('a credential that is revoked ends what was begun with it', async (t) => {
  const bench = await startBench(t)
  const revoke = bench.give(bench.people.alice.id, ofMyPhone)
  const first = await logIn(t, bench, { password: ofMyPhone })
  t.equal(first.kind, 'accept')
  revoke()
  const again = await logIn(t, bench, { session: first.session, password: ofMyPhone })
  t.match(again, { kind: 'reject', isResumed: false })
  t.equal(bench.lastReason, 'wrong-password')
})

t.test('where a one-time code is asked for, nothing is resumed', async (t) => {
  const bench = await startBench(t)
  const codes: string[] = []
  bench.factors = {
    check: async (_id, code) => {
      codes.push(code)
      return code === '' ? { ok: false, why: 'code-missing' } : { ok: true, by: 'code' }
    },
  }
  const open = await logIn(t, bench)
  bench.directory.put({ ...bench.corp, ...resumed, secondFactor: 'appended' })
  const stale = await logIn(t, bench, { session: open.session, password: `${password}123456` })
  t.match(stale, { kind: 'accept', isResumed: false }, 'a session from before the rule')
  const again = await logIn(t, bench, { session: stale.session, password: `${password}654321` })
  t.match(again, { kind: 'accept', isResumed: false })
  t.same(codes, ['123456', '654321'], 'each log-in shows a code of its own')
  const bare = await logIn(t, bench, { session: again.session })
  t.match(bare, { kind: 'reject', isResumed: false })
})

t.test('a network that does not say so resumes nothing', async (t) => {
  const bench = await startBench(t)
  bench.directory.put(bench.corp)
  const first = await logIn(t, bench)
  const again = await logIn(t, bench, { session: first.session })
  t.match(again, { kind: 'accept', isResumed: false })
})

t.test('a credential that changes while she logs in leaves nothing to resume', async (t) => {
  const bench = await startBench(t)
  const record = bench.events.push.bind(bench.events)
  bench.events.push = (...events) => {
    bench.give(bench.people.alice.id, ofMyPhone)
    return record(...events)
  }
  const first = await logIn(t, bench)
  t.equal(first.kind, 'accept', 'it was right when it was checked')
  bench.events.push = record
  const again = await logIn(t, bench, { session: first.session })
  t.match(again, { kind: 'accept', isResumed: false })
})
