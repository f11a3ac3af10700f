import t from 'tap'
import { EapType } from '../../../../protocols/radius/index.ts'
import { ClientAuthority } from '../../../support/client-certificates.ts'
import { EapBench, passwordOf } from '../../../support/eap-conversation.ts'
import { TtlsClient, type TtlsClientOptions } from '../../../support/eap-ttls-client.ts'

const versions = ['TLSv1.2', 'TLSv1.3'] as const
const right = { name: 'alice', password: 'right' }
const HOUR_MS = 3_600_000

const authority = await ClientAuthority.make('Client Root')
const alice = await authority.issue()

/** A bench whose port says yes to alice's password, to any certificate, and to sessions of hers. */
async function makeBench() {
  const clock = { nowMs: 1_000_000 }
  const bench = await EapBench.make({
    settings: {
      authorities: [authority.pem],
      nowMs: () => clock.nowMs,
      sessions: { lifetimeMs: HOUR_MS, maxSessions: 4 },
    },
    resumes: true,
  })
  bench.verdict = (attempt) => {
    const { proof } = attempt
    if (proof.kind === 'resumption') {
      return { ok: true, grant: proof.resumption, resumption: proof.resumption }
    }
    const isRight = proof.kind === 'certificate' || passwordOf(attempt) === 'right'
    return isRight
      ? { ok: true, grant: 'whole', resumption: 'token of alice' }
      : { ok: false, reason: 'wrong-password' }
  }
  return { bench, clock }
}

type Options = Partial<Omit<TtlsClientOptions, 'tls'>> & { readonly session?: Buffer | null }

async function logIn(
  bench: EapBench,
  version: (typeof versions)[number],
  { session = null, ...options }: Options = right,
) {
  const peer = bench.peer()
  const outcome = await new TtlsClient({
    // Tickets of TLS 1.3 are with the peer before its password is with us: what an attacker wants.
    waitsForTickets: version === 'TLSv1.3' && options.type !== EapType.tls,
    ...options,
    tls: {
      ...bench.tls(version),
      ...(session === null ? {} : { session }),
      ...(options.type === EapType.tls ? alice : {}),
    },
  }).run(peer.exchange)
  return { ...outcome, last: peer.answers.at(-1) }
}

for (const version of versions) {
  t.test(`${version}: EAP-TTLS resumes, the port's yes stands for the inner method`, async (t) => {
    const { bench } = await makeBench()
    const first = await logIn(bench, version)
    const second = await logIn(bench, version, { session: first.session })
    t.equal(second.kind, 'accept')
    t.equal(second.isResumed, true)
    t.match(second.last, { grant: 'token of alice', peer: { name: 'alice' } })
    t.same(second.last?.kind === 'accept' && second.last.msk, second.msk)
    t.notSame(second.msk, first.msk, 'keys are fresh')
    t.match(bench.attempts, [
      { proof: { kind: 'password' } },
      {
        name: 'alice',
        method: 'eap-ttls-pap',
        proof: { kind: 'resumption', resumption: 'token of alice' },
      },
    ])
    // RFC 9427 §4: in TLS 1.3 the peer hears that no inner method follows.
    t.same([...second.received], version === 'TLSv1.3' ? [0] : [])
    const third = await logIn(bench, version, { session: second.session ?? first.session })
    t.equal(third.isResumed, true)
    t.equal(bench.server.size, 0)
  })

  t.test(
    `${version}: the attack: a tunnel, a wrong password, and the session of that`,
    async (t) => {
      const { bench } = await makeBench()
      const wrong = await logIn(bench, version, { name: 'alice', password: 'wrong' })
      t.equal(wrong.kind, 'reject')
      t.ok(wrong.session !== null, 'the attacker has something to come back with')
      t.equal(bench.context.sessions.size, 0)
      const again = await logIn(bench, version, { session: wrong.session, avps: [] })
      t.equal(again.isResumed, false)
      t.equal(again.kind, 'reject')
      t.ok(bench.attempts.every(({ proof }) => proof.kind !== 'resumption'))
    },
  )

  t.test(`${version}: a session that was broken off before the password is not kept`, async (t) => {
    const { bench } = await makeBench()
    const peer = bench.peer()
    const client = new TtlsClient({ waitsForTickets: true, ...right, tls: bench.tls(version) })
    let rounds = 0
    await t.rejects(
      client.run((eap) => {
        rounds += 1
        if (rounds === 5) throw new Error('out of the air')
        return peer.exchange(eap)
      }),
      /out of the air/,
    )
    t.equal(bench.context.sessions.size, 0)
  })

  t.test(`${version}: EAP-TLS resumes without a certificate on the air`, async (t) => {
    const { bench } = await makeBench()
    bench.offersTls = true
    const first = await logIn(bench, version, { type: EapType.tls })
    t.equal(first.kind, 'accept')
    const second = await logIn(bench, version, { type: EapType.tls, session: first.session })
    t.equal(second.isResumed, true)
    t.equal(second.kind, 'accept')
    t.same(second.last?.kind === 'accept' && second.last.msk, second.msk)
    t.match(bench.attempts.at(-1), { method: 'eap-tls', proof: { kind: 'resumption' } })
    t.same([...second.received], version === 'TLSv1.3' ? [0] : [])
  })

  t.test(`${version}: a session of one method is no good in another`, async (t) => {
    const { bench } = await makeBench()
    bench.offersTls = true
    const ttls = await logIn(bench, version)
    const tls = await logIn(bench, version, { type: EapType.tls, session: ttls.session })
    t.equal(tls.isResumed, false)
    const other = await logIn(bench, version, { ...right, session: tls.session })
    t.equal(other.isResumed, false)
    t.equal(other.kind, 'accept')
  })

  t.test(`${version}: where it may not resume, the peer logs in whole, unseen by it`, async (t) => {
    const { bench, clock } = await makeBench()
    const { session } = await logIn(bench, version)
    const another = { ...right, session, outerIdentity: 'someone-else@example.test' }
    t.equal((await logIn(bench, version, another)).isResumed, false)
    const fresh = await logIn(bench, version)
    bench.mayResume = () => false
    const refused = await logIn(bench, version, { ...right, session: fresh.session })
    t.equal(refused.isResumed, false)
    t.equal(refused.kind, 'accept')
    bench.mayResume = () => true
    const again = await logIn(bench, version, { ...right, session: fresh.session })
    t.equal(again.isResumed, true, 'a no before the key is shown takes nothing from its owner')
    clock.nowMs += HOUR_MS
    const late = await logIn(bench, version, { ...right, session: refused.session })
    t.equal(late.isResumed, false)
  })

  t.test(`${version}: resuming again and again does not make a session last longer`, async (t) => {
    const { bench, clock } = await makeBench()
    let { session } = await logIn(bench, version)
    const resumed: boolean[] = []
    for (let count = 0; count < 3; count++) {
      clock.nowMs += HOUR_MS * 0.4
      const next = await logIn(bench, version, { ...right, session })
      resumed.push(next.isResumed)
      session = next.session ?? session
    }
    t.same(resumed, [true, true, false])
  })

  t.test(`${version}: the port's no to a resumed session is a rejection and its end`, async (t) => {
    const { bench } = await makeBench()
    const { session } = await logIn(bench, version)
    const { verdict } = bench
    bench.verdict = ({ proof }) =>
      proof.kind === 'resumption' ? { ok: false, reason: 'held' } : { ok: false, reason: 'other' }
    const second = await logIn(bench, version, { session })
    t.equal(second.kind, 'reject')
    t.match(second.last, { failure: { reason: 'held', isVerdict: true } })
    bench.verdict = verdict
    const third = await logIn(bench, version, { ...right, session })
    t.equal(third.isResumed, false)
  })

  t.test(`${version}: a log-in the port gave nothing for is not resumed`, async (t) => {
    const { bench } = await makeBench()
    bench.verdict = () => ({ ok: true, grant: 'once' })
    const { session } = await logIn(bench, version)
    t.equal((await logIn(bench, version, { ...right, session })).isResumed, false)
  })
}

t.test('TLS 1.3: a session is good once', async (t) => {
  const { bench } = await makeBench()
  const { session } = await logIn(bench, 'TLSv1.3')
  t.equal((await logIn(bench, 'TLSv1.3', { session })).isResumed, true)
  t.equal((await logIn(bench, 'TLSv1.3', { ...right, session })).isResumed, false)
})

for (const version of versions) {
  t.test(`${version}: whoever only names a session takes it from nobody`, async (t) => {
    const { bench } = await makeBench()
    const { session } = await logIn(bench, version)
    const peer = bench.peer()
    const tls = { ...bench.tls(version), session: session ?? Buffer.alloc(0) }
    let rounds = 0
    const heard = new TtlsClient({ tls }).run((eap) => {
      rounds += 1
      // Its identity and hello can be heard, and said again.
      if (rounds === 3) throw new Error('no key')
      return peer.exchange(eap)
    })
    await t.rejects(heard, /no key/)
    t.equal((await logIn(bench, version, { session })).isResumed, true)
  })
}

t.test('only so many sessions are kept: the oldest go', async (t) => {
  const { bench } = await makeBench()
  const { session } = await logIn(bench, 'TLSv1.2')
  for (let count = 0; count < 4; count++) await logIn(bench, 'TLSv1.2')
  t.equal(bench.context.sessions.size, 4)
  t.equal((await logIn(bench, 'TLSv1.2', { ...right, session })).isResumed, false)
})

t.test('another certificate, or other authorities, end all sessions', async (t) => {
  const { bench } = await makeBench()
  const { session } = await logIn(bench, 'TLSv1.2')
  const { bench: renewed } = await makeBench()
  const tls = { ...renewed.tls('TLSv1.2'), session: session ?? Buffer.alloc(0) }
  const outcome = await new TtlsClient({ ...right, tls }).run(renewed.peer().exchange)
  t.equal(outcome.isResumed, false)
})
