import { X509Certificate } from 'node:crypto'
import t from 'tap'
import {
  decodeEap,
  decodeTlsFrame,
  EapType,
  encodeEap,
} from '../../../../protocols/radius/index.ts'
import { ClientAuthority } from '../../../support/client-certificates.ts'
import { EapBench } from '../../../support/eap-conversation.ts'
import { TtlsClient } from '../../../support/eap-ttls-client.ts'

const versions = ['TLSv1.2', 'TLSv1.3'] as const
type Version = (typeof versions)[number]

const authority = await ClientAuthority.make('Client Root')
const stranger = await ClientAuthority.make('Client Root')
const alice = await authority.issue()
const big = await (await authority.makeBelow('Below')).issue({
  names: Array.from({ length: 300 }, (_, i) => `device-${i}.long-name.example.test`),
})

async function makeBench(revocationLists: readonly string[] = []): Promise<EapBench> {
  const bench = await EapBench.make({
    settings: { authorities: [authority.pem], revocationLists },
  })
  bench.offersTls = true
  bench.verdict = ({ proof }) =>
    proof.kind === 'certificate'
      ? { ok: true, grant: new X509Certificate(proof.chain[0] as Buffer).subject }
      : { ok: false, reason: 'wrong-kind' }
  return bench
}

async function run(
  bench: EapBench,
  version: Version,
  {
    certificate = alice,
    ...options
  }: {
    readonly certificate?: { readonly cert: string; readonly key: string } | null
    readonly fragmentBytes?: number
  } = {},
) {
  const peer = bench.peer()
  const outcome = await new TtlsClient({
    type: EapType.tls,
    outerIdentity: 'host/laptop-7',
    tls: { ...bench.tls(version), ...certificate },
    ...options,
  }).run(peer.exchange)
  return { outcome, answers: peer.answers, last: peer.answers.at(-1) }
}

for (const version of versions) {
  t.test(
    `${version}: a certificate of ours comes in, with the same MSK on both sides`,
    async (t) => {
      const bench = await makeBench()
      const { outcome, last } = await run(bench, version)
      t.equal(outcome.kind, 'accept')
      t.equal(outcome.protocol, version)
      t.same(last?.kind === 'accept' && last.msk, outcome.msk)
      t.equal(outcome.msk?.length, 64)
      t.match(last, {
        grant: 'CN=alice@contoso.example',
        peer: { tls: version.slice(-3), hasTunnel: true },
      })
      t.match(bench.attempts, [
        { method: 'eap-tls', outerIdentity: 'host/laptop-7', name: 'host/laptop-7' },
      ])
      // RFC 9190 §2.5: the commitment is one octet, and TLS 1.2 knows of none.
      t.same([...outcome.received], version === 'TLSv1.3' ? [0] : [])
      t.equal(bench.server.size, 0)
    },
  )

  t.test(
    `${version}: a chain of 11 KB in small fragments; the port sees it leaf first`,
    async (t) => {
      const bench = await makeBench()
      const { outcome } = await run(bench, version, { certificate: big, fragmentBytes: 250 })
      t.equal(outcome.kind, 'accept')
      t.ok(outcome.rounds > 40, `${outcome.rounds} rounds`)
      const [attempt] = bench.attempts
      const chain = attempt?.proof.kind === 'certificate' ? attempt.proof.chain : []
      t.same(
        chain.slice(0, 2).map((der) => new X509Certificate(der).subject),
        ['CN=alice@contoso.example', 'CN=Below'],
      )
    },
  )

  t.test(
    `${version}: what is wrong with a certificate is told apart, and asks no port`,
    async (t) => {
      const revoked = await authority.issue()
      const cases = [
        ['none', null, 'certificate-missing'],
        ['of a stranger by our name', await stranger.issue(), 'certificate-unknown-ca'],
        ['expired', await authority.issue({ from: -9, to: -2 }), 'certificate-expired'],
        ['of tomorrow', await authority.issue({ from: 2, to: 9 }), 'certificate-not-yet-valid'],
        ['revoked', revoked, 'certificate-revoked'],
        ['of a server', await authority.issue({ isForServers: true }), 'certificate-purpose'],
      ] as const
      const lists = [await authority.revoke([revoked.serial])]
      for (const [name, certificate, reason] of cases) {
        const bench = await makeBench(reason === 'certificate-revoked' ? lists : [])
        const { outcome, last } = await run(bench, version, { certificate })
        t.equal(outcome.kind, 'reject', name)
        t.match(last, { failure: { reason, isVerdict: false } })
        t.equal(bench.attempts.length, 0)
      }
    },
  )

  t.test(`${version}: with a revocation list the others still come in`, async (t) => {
    const bench = await makeBench([await authority.revoke(['7f'])])
    const { outcome } = await run(bench, version)
    t.equal(outcome.kind, 'accept')
  })

  t.test(`${version}: the port's no is a rejection, a fault of the port silence`, async (t) => {
    const bench = await makeBench()
    bench.verdict = () => ({ ok: false, reason: 'held' })
    const { outcome, last } = await run(bench, version)
    t.equal(outcome.kind, 'reject')
    t.match(last, { failure: { reason: 'held', isVerdict: true } })
    bench.verdict = () => {
      throw new Error('the directory has gone away')
    }
    await t.rejects(run(bench, version), /gone away/)
  })

  t.test(`${version}: without an authority of ours no certificate is good`, async (t) => {
    const bench = await EapBench.make()
    bench.offersTls = true
    const { last } = await run(bench, version)
    t.match(last, { failure: { reason: 'certificate-unknown-ca' } })
  })
}

t.test(
  'TLS 1.2: the alert stands where our Finished would, and the failure comes after it',
  async (t) => {
    const bench = await makeBench()
    const { outcome, answers } = await run(bench, 'TLSv1.2', {
      certificate: await stranger.issue(),
    })
    const before = answers.at(-2)
    const frame = decodeTlsFrame(
      decodeEap(before?.kind === 'challenge' ? before.eap : Buffer.alloc(0)).data,
    )
    t.equal(frame.data.toString('hex'), '15030300020230')
    t.match(outcome.tlsError, { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' })
  },
)

t.test('a peer that has no certificate names the method it wants', async (t) => {
  const bench = await makeBench()
  bench.verdict = () => ({ ok: true, grant: 'in' })
  const peer = bench.peer()
  const client = new TtlsClient({ name: 'alice', password: 'right', tls: bench.tls('TLSv1.2') })
  const outcome = await client.run(peer.exchange)
  t.equal(outcome.kind, 'accept')
  const [first] = peer.answers
  t.equal(first?.kind === 'challenge' && decodeEap(first.eap).type, EapType.tls, 'TLS is proposed')
})

t.test(
  'application data where only an acknowledgement may come ends the conversation',
  async (t) => {
    const bench = await makeBench()
    const peer = bench.peer()
    const client = new TtlsClient({
      type: EapType.tls,
      avps: [],
      tls: { ...bench.tls('TLSv1.3'), ...alice },
    })
    const outcome = await client.run((eap) => {
      const { identifier, type } = decodeEap(eap)
      const isLast = bench.attempts.length === 1
      // Some bytes that are no record of TLS in place of the empty response.
      const data = Buffer.from([0, 23, 3, 3, 0, 1, 9])
      return peer.exchange(isLast ? encodeEap({ code: 2, identifier, type, data }) : eap)
    })
    t.equal(outcome.kind, 'reject')
  },
)
