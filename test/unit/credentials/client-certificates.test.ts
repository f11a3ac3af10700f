import { createPrivateKey, X509Certificate } from 'node:crypto'
import t from 'tap'
import type { KeyedCertificate } from '../../../src/credentials/certificates/authority.ts'
import { makeCrl } from '../../../src/credentials/certificates/crl.ts'
import {
  foreignCredentialId,
  isForeignId,
  RevokedNames,
} from '../../../src/credentials/certificates/foreign-id.ts'
import type { CertificateNameKind } from '../../../src/directory/client-certificate.ts'
import { type ClientAuthorityId, makeId, parseId } from '../../../src/directory/id.ts'
import { authorityBelow, CertificateBench, issueUnder } from '../../support/certificate-bench.ts'
import { aHold } from '../../support/directory.ts'
import { testActor } from '../../support/people.ts'

const DAY_MS = 86_400_000

function crlOf(by: KeyedCertificate, revoked: readonly string[], thisUpdateMs: number): Buffer {
  const authority = {
    certificate: new X509Certificate(by.certificate),
    privateKey: createPrivateKey(by.privateKey),
  }
  return makeCrl(authority, {
    revoked: revoked.map((serial) => ({ serial, atMs: thisUpdateMs, reason: 'superseded' })),
    thisUpdateMs,
    nextUpdateMs: thisUpdateMs + DAY_MS,
    number: thisUpdateMs,
  })
}

t.test('our own certificate lets in whom it was issued to, until it is revoked', async (t) => {
  const bench = new CertificateBench()
  const { certificate, id, authority } = await bench.issue()
  const other = await bench.issue({ device: 'phone' })
  t.equal(other.authority, authority, 'one authority for all')
  t.equal(bench.logIn(certificate), 'alice')
  t.equal(bench.logIn(certificate, authority), 'alice', 'whatever comes behind it')
  t.match(bench.events.at(-1), {
    outcome: 'success',
    method: 'eap-tls',
    name: 'anonymous',
    detail: { credentialLabel: 'laptop' },
  })
  await bench.certificates.revoke(id, 'key-compromise', testActor)
  t.equal(bench.logIn(certificate), 'certificate-revoked')
  t.match(bench.events.at(-1), { outcome: 'denied', principalId: bench.alice.id })
  t.equal(bench.logIn(other.certificate), 'alice', 'her other device stays')
  const again = await bench.certificates.revoke(id, 'superseded', testActor)
  t.match(again, { changed: 0 })
  t.equal(bench.trust.byId(id)?.reason, 'key-compromise', 'the first word stands')
})

t.test('a certificate is worth nothing to whom access denies', async (t) => {
  const bench = new CertificateBench()
  const { certificate } = await bench.issue()
  const held = bench.directory.change(bench.alice, { holds: [aHold()] })
  t.equal(bench.logIn(certificate), 'held')
  bench.directory.change(held.value, { holds: [], lifecycle: 'staged' })
  t.equal(bench.logIn(certificate), 'staged')
  bench.directory.purge(bench.alice)
  t.equal(bench.logIn(certificate), 'deleted')
})

t.test('period, freshness and what was made behind our back', async (t) => {
  const bench = new CertificateBench()
  const { certificate } = await bench.issue({ days: 10 })
  const startMs = bench.nowMs
  bench.nowMs = startMs + 11 * DAY_MS
  t.equal(bench.logIn(certificate), 'certificate-expired')
  bench.nowMs = startMs - 2 * DAY_MS
  t.equal(bench.logIn(certificate), 'certificate-not-yet-valid')
  bench.nowMs = startMs
  bench.freshness = 'too-stale'
  t.throws(() => bench.logIn(certificate), { message: /stale/ })
  t.match(bench.events.at(-1), { outcome: 'unavailable', reason: 'stale' })
  bench.freshness = 'fresh'
  const own = bench.trust.own()?.value
  if (own?.privateKey == null) throw new Error('no authority')
  const keyed = { certificate: own.certificate, privateKey: own.privateKey }
  const forged = await issueUnder(keyed, { principalId: bench.alice.id })
  t.equal(bench.logIn(forged), 'certificate-unknown', 'signed by our key, and not on record')
  const stranger = await bench.company()
  t.equal(
    bench.logIn(await issueUnder(stranger, { principalId: bench.alice.id })),
    'certificate-untrusted',
  )
})

t.test('a company’s certificates lead to one person, by our id first', async (t) => {
  const bench = new CertificateBench()
  const company = await bench.company()
  const mail = 'alice@contoso.example'
  const byMail = await issueUnder(company, { mail })
  t.equal(bench.logIn(byMail), 'certificate-untrusted', 'not yet')
  await bench.trustCompany(company)
  t.equal(bench.logIn(byMail), 'alice')
  t.equal(bench.logIn(await issueUnder(company, { upn: 'ALICE@Contoso.example' })), 'alice')
  const byId = await issueUnder(company, { principalId: bench.bob.id, mail })
  t.equal(bench.logIn(byId), 'bob', 'our own id comes before a name')
  const both = await issueUnder(company, { mail, upn: 'bob@contoso.example' })
  t.equal(bench.logIn(both), 'certificate-ambiguous')
  t.equal(
    bench.logIn(await issueUnder(company, { mail: 'carol@contoso.example' })),
    'certificate-unmatched',
  )
  t.equal(
    bench.logIn(await issueUnder(company, { username: 'alice' })),
    'certificate-unmatched',
    'a common name is no name',
  )
  t.equal(bench.logIn(company.certificate), 'certificate-usage', 'the authority itself')
  const [authority] = bench.trust.authorities()
  if (authority === undefined) throw new Error('not trusted')
  const { id } = authority.value
  const match = (names: readonly CertificateNameKind[], domain: string) => {
    const matching = { names, domains: [domain] }
    return bench.certificates.updateAuthority(id, { matching }, testActor)
  }
  await match(['id', 'mail'], 'fabrikam.example')
  t.equal(bench.logIn(byId), 'certificate-unmatched', 'by id no further than by name')
  await match(['id', 'mail'], 'contoso.example')
  t.equal(bench.logIn(byId), 'bob')
  await match(['mail'], 'fabrikam.example')
  t.equal(bench.logIn(byMail), 'certificate-unmatched', 'of another domain')
  t.equal(bench.logIn(byId), 'certificate-unmatched', 'our ids are believed no more')
  await bench.certificates.removeAuthority(authority.value, testActor)
  t.equal(bench.logIn(byMail), 'certificate-untrusted', 'at once')
  t.same(bench.trust.trust.authorities, [])
})

t.test('a company’s CRL: its own, current, and of the newest word', async (t) => {
  const bench = new CertificateBench()
  const company = await bench.company()
  const certificate = await issueUnder(company, { mail: 'alice@contoso.example' })
  const { serialNumber } = new X509Certificate(certificate)
  await bench.trustCompany(company)
  const versionBefore = bench.trust.trust.version
  const take = (crl: Buffer) => {
    const [authority] = bench.trust.authorities()
    if (authority === undefined) throw new Error('not trusted')
    return bench.certificates.takeCrl(authority.value, crl, testActor)
  }
  const { nowMs } = bench
  t.match(await take(crlOf(company, [], nowMs - 5_000)), { changed: 1 })
  t.equal(bench.logIn(certificate), 'alice')
  const revoking = crlOf(company, [serialNumber], nowMs)
  t.match(await take(revoking), { changed: 1 })
  t.match(await take(revoking), { changed: 0 }, 'the same is no change')
  t.equal(bench.logIn(certificate), 'certificate-revoked')
  t.equal(bench.trust.trust.version, versionBefore, 'no TLS session has to end for it')
  await t.rejects(take(crlOf(company, [], nowMs - 5_000)), /older than the one in use/)
  const stranger = await bench.company()
  await t.rejects(
    take(crlOf(stranger, [], nowMs + 1_000)),
    /not signed by this authority/,
    'of the same name',
  )
  await t.rejects(take(crlOf(company, [], nowMs - 2 * DAY_MS)), /has run out/)
  await t.rejects(take(Buffer.from('no CRL')), /this is no CRL/)
  const changed = Buffer.from(revoking)
  changed.writeUInt8((changed.at(-1) ?? 0) ^ 1, changed.length - 1)
  await t.rejects(take(changed), /not signed by this authority/)
  bench.nowMs += 2 * DAY_MS
  t.equal(bench.logIn(certificate), 'certificate-list-expired')
})

t.test('each certificate of a chain is looked up in the list of its own issuer', async (t) => {
  const bench = new CertificateBench()
  const root = await bench.company()
  const issuing = await authorityBelow(root, 'Fabrikam Wi-Fi')
  const certificate = await issueUnder(issuing, { mail: 'alice@contoso.example' })
  const chain = [certificate, issuing.certificate, root.certificate]
  const take = (name: string, by: KeyedCertificate, revoked: readonly string[]) => {
    const held = bench.trust.authorities().find(({ value }) => value.name === name)
    if (held === undefined) throw new Error('not trusted')
    bench.nowMs += 1_000
    const crl = crlOf(by, revoked, bench.nowMs)
    return bench.certificates.takeCrl(held.value, crl, testActor)
  }
  await bench.trustCompany(root, {}, 'root')
  t.equal(bench.logIn(...chain), 'alice', 'nobody asked for lists')
  await take('root', root, [])
  t.equal(bench.logIn(...chain), 'certificate-list-missing', 'whom it revoked is not known here')
  await bench.trustCompany(issuing, {}, 'issuing')
  t.equal(bench.logIn(...chain), 'alice', 'its own word is wanted, and it wants no list')
  await take('issuing', issuing, [])
  t.equal(bench.logIn(...chain), 'alice')
  await take('root', root, [new X509Certificate(issuing.certificate).serialNumber])
  t.equal(bench.logIn(...chain), 'certificate-revoked', 'the root took it back')
  t.equal(bench.logIn(certificate), 'certificate-revoked', 'whatever the device sends')
  await take('root', root, [])
  t.equal(bench.logIn(...chain), 'alice')
  await take('issuing', issuing, [new X509Certificate(certificate).serialNumber])
  t.equal(bench.logIn(...chain), 'certificate-revoked')
})

t.test('wishes that are refused say why', async (t) => {
  const bench = new CertificateBench()
  const refused = { code: 'DIRECTORY_REFUSED' }
  await t.rejects(bench.issue({ device: ' ' }), refused)
  await t.rejects(bench.issue({ device: 'a\u0000b' }), refused)
  await t.rejects(bench.issue({ days: 0 }), refused)
  await t.rejects(bench.issue({ days: 826 }), refused)
  await t.rejects(
    bench.issue({ key: { from: 'here', password: 'short', format: 'modern' } }),
    refused,
  )
  await t.rejects(bench.issue({ key: { from: 'csr', csr: 'nonsense' } }), /no PKCS#10 request/)
  await t.rejects(bench.issue({ key: { from: 'csr', csr: 'x'.repeat(9_000) } }), /too large/)
  t.equal(bench.trust.own(), null, 'no authority for nothing')
  const { certificate } = await bench.issue()
  await t.rejects(bench.trustCompany({ certificate }), /no certificate of an authority/)
  await t.rejects(bench.trustCompany({ certificate: 'nonsense' }), refused)
  const own = bench.trust.own()
  if (own === null) throw new Error('no authority')
  await t.rejects(
    bench.certificates.removeAuthority(own.value, testActor),
    /revoke its certificates/,
  )
})

t.test('what sessions call a company’s certificate', async (t) => {
  const authority = makeId<ClientAuthorityId>()
  const other = makeId<ClientAuthorityId>()
  const [long, short] = ['4f00000000000000000000deadbeef01', 'a']
  const names = new RevokedNames(authority, [long, short])
  for (const serial of [long, short]) {
    const id = foreignCredentialId(authority, serial)
    t.equal(parseId(id), id, 'it has the form of our ids')
    t.ok(isForeignId(id))
    t.ok(names.has(id))
    t.notOk(names.has(foreignCredentialId(other, serial)), 'each authority counts by itself')
  }
  t.notOk(names.has(foreignCredentialId(authority, 'ab')))
  t.notOk(isForeignId(makeId()), 'none of our own is taken for one')
})
