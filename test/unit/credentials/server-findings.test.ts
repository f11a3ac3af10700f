import { createPrivateKey } from 'node:crypto'
import { rmSync } from 'node:fs'
import t from 'tap'
import type { KeyedCertificate } from '../../../src/credentials/certificates/authority.ts'
import { readServerChain } from '../../../src/credentials/certificates/server-chain.ts'
import {
  expiryState,
  firstToEnd,
  judgeServerChain,
} from '../../../src/credentials/certificates/server-findings.ts'
import { forServers, OpensslCertificates, type Wish } from '../../support/openssl-certificates.ts'
import { withTools } from '../../support/tools.ts'

const DAY_MS = 86_400_000

await withTools(t, { name: 'server certificates of openssl', tools: ['openssl'] }, async (t) => {
  const openssl = new OpensslCertificates(t, (folder) => rmSync(folder, { recursive: true }))
  const root = await openssl.make({ name: 'Contoso Root', isAuthority: true })
  const issuing = await openssl.make({ name: 'Contoso Issuing', isAuthority: true, by: root })
  const nowMs = Date.now()
  const make = async (wish: Partial<Wish> = {}) =>
    await openssl.make({ name: 'radius', by: issuing, extensions: forServers, ...wish })
  const leaf = await make()

  const read = (above: readonly KeyedCertificate[], own = leaf) =>
    readServerChain({
      certificate: [own, ...above].map(({ certificate }) => certificate).join('\n'),
      privateKey: own.privateKey,
    })
  const codes = (chain: ReturnType<typeof read>, atMs = nowMs) =>
    judgeServerChain(chain, atMs).map(({ code, verdict }) => `${verdict} ${code}`)
  const judge = async (wish: Partial<Wish>) => codes(read([issuing, root], await make(wish)))

  await t.test('what stands in a good one', async (t) => {
    const chain = read([issuing, root])
    t.same(codes(chain), [])
    t.match(chain, {
      end: 'root',
      names: ['radius.contoso.example'],
      purposes: ['1.3.6.1.5.5.7.3.1'],
      isPublic: false,
      isOrdered: true,
      keyFitsAt: 0,
      links: [
        { subject: 'CN=radius', issuer: 'CN=Contoso Issuing', key: 'EC P-256' },
        { subject: 'CN=Contoso Issuing', isSelfSigned: false },
        { subject: 'CN=Contoso Root', isSelfSigned: true },
      ],
    })
    t.match(chain.fingerprint, /^[0-9a-f]{64}$/)
  })

  await t.test('chains that lack something, or have too much', async (t) => {
    t.same(codes(read([issuing])), ['advice chain-open'], 'a root of the company may be on devices')
    const [open] = judgeServerChain(read([]), nowMs)
    t.match(open?.said, /ends below “CN=Contoso Issuing”/)
    t.same(codes(read([root, issuing])), ['bad chain-order'])
    const stranger = await openssl.make({ name: 'Another', isAuthority: true })
    t.same(codes(read([issuing, root, stranger])), ['advice chain-stray'])
    const alone = await openssl.make({ name: 'alone', extensions: forServers })
    t.same(codes(read([], alone)), ['advice self-signed'])
  })

  await t.test('one of a public authority has to bring its intermediates', async (t) => {
    const publicPolicy = [...forServers, 'certificatePolicies=2.23.140.1.2.1']
    const own = await make({ extensions: publicPolicy })
    t.same(codes(read([], own)), ['bad chain-incomplete'])
    const long = await make({ extensions: publicPolicy, endsAtMs: nowMs + 500 * DAY_MS })
    t.same(codes(read([issuing, root], long)), ['bad too-long'])
  })

  await t.test('keys that are not the leaf’s', async (t) => {
    const other = await make()
    const mixed = { certificate: leaf.certificate, privateKey: other.privateKey }
    t.match(judgeServerChain(readServerChain(mixed), nowMs)[0], {
      code: 'key-mismatch',
      said: /asked for with/,
    })
    const turned = `${issuing.certificate}${leaf.certificate}`
    const chain = readServerChain({ certificate: turned, privateKey: leaf.privateKey })
    t.match(judgeServerChain(chain, nowMs)[0], { said: /certificate 2 of the file: put that one/ })
  })

  await t.test('what Windows and Apple devices refuse', async (t) => {
    t.same(await judge({ extensions: ['subjectAltName=DNS:a.example'] }), ['bad no-server-auth'])
    t.same(
      await judge({ extensions: ['extendedKeyUsage=clientAuth', 'subjectAltName=DNS:a.example'] }),
      ['bad no-server-auth'],
    )
    t.same(await judge({ extensions: ['extendedKeyUsage=serverAuth'] }), ['bad no-names'])
    t.same(
      await judge({
        extensions: ['extendedKeyUsage=serverAuth', 'subjectAltName=DNS:*.a.example'],
      }),
      ['advice wildcard'],
    )
    t.same(await judge({ key: 'rsa:1024' }), ['bad weak-key'])
    t.same(await judge({ key: 'rsa:2048' }), [])
    const years = { startsAtMs: nowMs - DAY_MS, endsAtMs: nowMs + 825 * DAY_MS }
    t.same(await judge(years), ['bad too-long'])
    t.same(await judge({ ...years, endsAtMs: years.startsAtMs + 825 * DAY_MS }), [])
  })

  await t.test('old signatures count below the root, and not at it', async (t) => {
    for (const hash of ['sha1', 'md5'] as const) {
      const by = await openssl.make({ name: 'Old Root', isAuthority: true, key: 'rsa:2048', hash })
      const own = await openssl.make({ name: 'radius', by, extensions: forServers })
      t.same(codes(read([by], own)), [], `${hash} at the root`)
      const old = await openssl.make({ name: 'radius', by, extensions: forServers, hash })
      t.same(codes(read([by], old)), ['bad weak-signature'], hash)
    }
  })

  await t.test('the end of the leaf, or of what is above it, whichever is first', async (t) => {
    const own = await make({ startsAtMs: nowMs - DAY_MS, endsAtMs: nowMs + 100 * DAY_MS })
    const chain = read([issuing, root], own)
    const endMs = firstToEnd(chain).endsAtMs
    const at = (days: number) => codes(chain, endMs - days * DAY_MS)
    t.same(at(30.1), [])
    t.same(at(29.9), ['advice ends-soon'])
    t.same(at(13.9), ['bad ends-soon'])
    t.same(at(0), ['bad expired'])
    t.same(at(101.5), ['bad not-yet-valid'])

    const short = await openssl.make({
      ...{ name: 'Short', isAuthority: true, by: root },
      ...{ startsAtMs: nowMs - 100 * DAY_MS, endsAtMs: nowMs + 5 * DAY_MS },
    })
    const below = read([short, root], await make({ by: short }))
    const [finding] = judgeServerChain(below, nowMs)
    t.match(finding, { code: 'ends-soon', verdict: 'bad', said: /“CN=Short” above/ })
  })

  await t.test('one of six days is not near its end from its first on', async (t) => {
    const own = await make({ startsAtMs: nowMs, endsAtMs: nowMs + 6 * DAY_MS })
    const chain = read([issuing, root], own)
    const states = [0, 4.1, 5.1, 6].map((days) => expiryState(chain, nowMs + days * DAY_MS))
    t.same(states, ['good', 'soon', 'late', 'over'])
  })

  await t.test('what cannot be read is refused with how to mend it, and never shown', async (t) => {
    const refuse = (pair: KeyedCertificate, said: RegExp) =>
      t.throws(() => readServerChain(pair), { name: 'ServerCertificateError', message: said })
    refuse({ ...leaf, certificate: 'no PEM' }, /no certificate in the file/)
    const broken = leaf.certificate.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA')
    refuse({ ...leaf, certificate: broken }, /certificate 1 of the file cannot be read/)
    refuse({ ...leaf, certificate: leaf.certificate.repeat(17) }, /16 at most/)
    refuse({ ...leaf, privateKey: 'no PEM' }, /must be a private key in PEM/)
    const cipher = { cipher: 'aes-256-cbc', passphrase: 'hidden' } as const
    const privateKey = createPrivateKey(leaf.privateKey)
      .export({ type: 'pkcs8', format: 'pem', ...cipher })
      .toString()
    refuse({ ...leaf, privateKey }, /without one \(openssl pkey/)
  })
})
