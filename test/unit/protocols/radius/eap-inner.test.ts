import t from 'tap'
import { type Avp, EapType, encodeAvps } from '../../../../protocols/radius/index.ts'
import { EapBench } from '../../../support/eap-conversation.ts'
import { papAvps, type Talk, TtlsClient } from '../../../support/eap-ttls-client.ts'
import { answerMsChap2, encodeMsChap2 } from '../../../support/ms-chap-peer.ts'
import { PeapPeer, type PeapPeerOptions } from '../../../support/peap-peer.ts'

const versions = ['TLSv1.2', 'TLSv1.3'] as const

async function runPeap(
  options: PeapPeerOptions,
  setting: { version?: (typeof versions)[number]; requiresBinding?: boolean } = {},
) {
  const bench = await EapBench.make()
  bench.offersTtls = false
  bench.offersPeap = true
  bench.inner = ['mschapv2', 'gtc']
  bench.requiresBinding = setting.requiresBinding ?? false
  const inside = new PeapPeer(options)
  const tls = bench.tls(setting.version ?? 'TLSv1.2')
  const client = new TtlsClient({ type: EapType.peap, talk: inside.talk, tls })
  const peer = bench.peer()
  const outcome = await client.run((eap) => {
    inside.identifier = peer.answers.length + 1
    return peer.exchange(eap)
  })
  return { bench, inside, outcome, last: peer.answers.at(-1) }
}

for (const version of versions) {
  t.test(`${version} PEAP: bound, both sides have the keys of the bound session`, async (t) => {
    for (const wants of [EapType.msChapV2, EapType.gtc]) {
      const { inside, last, bench } = await runPeap({ wants }, { version })
      t.match(last, { kind: 'accept', grant: 'vlan 42', peer: { name: 'alice' } })
      t.same(last?.kind === 'accept' && last.msk, inside.msk)
      t.equal(inside.msk?.length, 64)
      t.equal(bench.attempts.length, 1)
      const method = wants === EapType.gtc ? 'eap-peap-gtc' : 'eap-peap-mschapv2'
      const tls = version.slice(-3)
      t.match(bench.attempts, [{ method, outerIdentity: 'anonymous@example.test', tls }])
    }
  })

  t.test(`${version} PEAP: a peer that does not bind, where that is enough`, async (t) => {
    const { inside, outcome, last } = await runPeap({ binding: 'ignore' }, { version })
    t.equal(outcome.kind, 'accept')
    t.same(last?.kind === 'accept' && last.msk, outcome.msk, 'what TLS exports')
    t.same(inside.msk, outcome.msk)
    const demanded = { version, requiresBinding: true }
    const refused = await runPeap({ binding: 'ignore' }, demanded)
    t.match(refused.last, {
      kind: 'reject',
      failure: { reason: 'crypto-binding', detail: 'missing', isVerdict: false },
    })
    t.equal((await runPeap({}, demanded)).outcome.kind, 'accept')
  })
}

t.test('PEAP: a forged binding is refused: somebody else stands in between', async (t) => {
  const { last } = await runPeap({ binding: 'forge' })
  t.match(last, { kind: 'reject', failure: { reason: 'crypto-binding', detail: 'wrong' } })
})

t.test('PEAP: a wrong password is told with R=0, and then as the result', async (t) => {
  const { inside, last, outcome } = await runPeap({ password: 'wrong' })
  t.match(inside.failure, /^E=691 R=0 C=[0-9A-F]{32} V=3 M=/)
  t.equal(inside.status, 2)
  t.equal(outcome.kind, 'reject')
  t.match(last, { failure: { reason: 'wrong-password', isVerdict: true } })
})

t.test('PEAP: inner packets with their EAP header are understood', async (t) => {
  t.equal((await runPeap({ withHeaders: true })).outcome.kind, 'accept')
})

t.test('PEAP: a domain before the name is left out of the hash', async (t) => {
  const { bench } = await runPeap({ name: 'CONTOSO\\alice' })
  t.match(bench.attempts, [{ name: 'CONTOSO\\alice', proof: { userName: Buffer.from('alice') } }])
})

t.test('PEAP: what the peer may not do inside', async (t) => {
  const cases: [PeapPeerOptions, string][] = [
    [{ responseName: 'bob' }, 'name-mismatch'],
    [{ wants: EapType.md5 }, 'no-common-method'],
    [{ refusesResult: true }, 'peer-refused'],
  ]
  for (const [options, reason] of cases) {
    const { last } = await runPeap(options)
    t.match(last, { kind: 'reject', failure: { reason, isVerdict: false } })
  }
})

/** EAP-TTLS with MS-CHAPv2 in AVPs (RFC 5281 §11.2.4). */
function msChapTalk(password: string, change: (challenge: Buffer) => Buffer = (same) => same) {
  const heard: string[] = []
  const talk: Talk = (incoming, tunnel) => {
    if (incoming.length > 0) {
      heard.push(incoming.toString('latin1'))
      return null
    }
    const implied = change(tunnel.exportChallenge(17))
    const who = { name: 'alice', password }
    const { response, owed } = answerMsChap2(implied.subarray(0, 16), who)
    heard.push(owed.authenticatorResponse)
    const microsoft = { vendor: 311, isMandatory: true } as const
    const avps: Avp[] = [
      ...papAvps('alice', '').slice(0, 1),
      { ...microsoft, code: 11, data: implied.subarray(0, 16) },
      { ...microsoft, code: 25, data: encodeMsChap2(response, implied.readUInt8(16)) },
    ]
    return encodeAvps(avps)
  }
  return { heard, talk }
}

for (const version of versions) {
  t.test(`${version} EAP-TTLS/MS-CHAPv2: our proof goes through the tunnel`, async (t) => {
    const bench = await EapBench.make()
    bench.inner = ['mschapv2']
    const { heard, talk } = msChapTalk('right')
    const peer = bench.peer()
    const outcome = await new TtlsClient({ talk, tls: bench.tls(version) }).run(peer.exchange)
    t.equal(outcome.kind, 'accept')
    const [owed = '', told = ''] = heard
    t.ok(told.includes(owed), 'S= and the digest only somebody with the hash can make')
    const last = peer.answers.at(-1)
    t.same(last?.kind === 'accept' && last.msk, outcome.msk)
  })

  t.test(`${version} EAP-TTLS/MS-CHAPv2: refused at once`, async (t) => {
    const bench = await EapBench.make()
    bench.inner = ['mschapv2']
    const run = async (talk: Talk) => {
      const peer = bench.peer()
      await new TtlsClient({ talk, tls: bench.tls(version) }).run(peer.exchange)
      return peer.answers.at(-1)
    }
    t.match(await run(msChapTalk('wrong').talk), {
      kind: 'reject',
      failure: { reason: 'wrong-password', isVerdict: true },
    })
    const own = msChapTalk('right', (implied) => {
      return Buffer.concat([Buffer.alloc(16), implied.subarray(16)])
    })
    t.match(await run(own.talk), { failure: { detail: /not the one the tunnel implies/ } })
    const ident = msChapTalk('right', (implied) => {
      return Buffer.concat([implied.subarray(0, 16), Buffer.from([implied.readUInt8(16) ^ 1])])
    })
    t.match(await run(ident.talk), { failure: { detail: /not the one the tunnel implies/ } })
    t.equal(bench.attempts.length, 1, 'a challenge of its own is no try')
    bench.inner = ['pap']
    t.match(await run(msChapTalk('right').talk), {
      failure: { reason: 'inner-method', detail: 'mschapv2' },
    })
  })
}
