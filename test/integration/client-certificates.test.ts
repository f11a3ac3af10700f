import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import t from 'tap'
import { makeAuthority } from '../../src/credentials/certificates/authority.ts'
import { ClientTrustIndex } from '../../src/credentials/certificates/client-trust.ts'
import { ClientCertificates } from '../../src/credentials/client-certificates.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import type { Person } from '../../src/directory/person.ts'
import { PostgresClientCertificateStore } from '../../src/storage/client-certificate-store.ts'
import { Feed } from '../../src/storage/feed/feed.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { eachEngine } from '../support/database.ts'
import { startTestDemo } from '../support/demo.ts'
import { seedPeople, testActor } from '../support/people.ts'

const keys = { current: makeKey(), earlier: [] }
const key = { from: 'here', password: null, format: 'modern' } as const

await eachEngine(
  t,
  'authority and certificates are on record for every daemon',
  async (t, database) => {
    const trust = new ClientTrustIndex()
    const feed = new Feed({ database, keys, followers: [trust] })
    await feed.start(AbortSignal.timeout(20_000))
    t.teardown(() => feed.stop())
    const store = new PostgresClientCertificateStore(database, keys)
    const certificates = new ClientCertificates({
      store,
      trust,
      urls: null,
      organization: () => null,
      reached: (inboxSeq) => feed.reached(inboxSeq),
    })
    const [id = '' as PrincipalId] = await seedPeople(database, [{ username: 'adele' }])
    const person = { id, username: 'adele', mail: null, userPrincipalName: null } as Person
    const wish = { device: 'laptop', days: 30, key }
    const [one, two] = await Promise.all([
      certificates.issue(person, wish, testActor),
      certificates.issue(person, { ...wish, device: 'phone' }, testActor),
    ])
    t.equal(one.authority, two.authority, 'of two made at once one stays')
    await feed.reached(two.written.inboxSeq)
    t.same(
      trust
        .of(id)
        .map(({ label }) => label)
        .toSorted(),
      ['laptop', 'phone'],
    )
    const { rows } = await sql<{ private_key: Buffer }>`
    select private_key from client_authority`.execute(database.kysely)
    t.equal(rows.length, 1)
    t.notMatch(rows[0]?.private_key.toString('latin1'), 'PRIVATE KEY', 'sealed')
    const revoked = await certificates.revoke(one.id, 'superseded', testActor)
    t.match(await certificates.revoke(one.id, 'unspecified', testActor), { changed: 0 })
    await feed.reached(revoked.inboxSeq)
    t.match(trust.byId(one.id), { reason: 'superseded' })
    t.equal(trust.byId(two.id)?.revokedAtMs, null)
    const { certificate } = await makeAuthority('Fabrikam', Date.now())
    const company = {
      name: 'fabrikam',
      certificate,
      matching: { names: ['mail'], domains: null },
      crlUrl: null,
    } as const
    const added = await certificates.addAuthority(company, testActor)
    await t.rejects(certificates.addAuthority(company, testActor), { code: 'DIRECTORY_CONFLICT' })
    await feed.reached(added.inboxSeq)
    t.equal(trust.trust.authorities.length, 2)
    const later = new ClientTrustIndex()
    const second = new Feed({ database, keys, followers: [later] })
    await second.start(AbortSignal.timeout(20_000))
    t.teardown(() => second.stop())
    t.same(later.trust.authorities, trust.trust.authorities, 'a daemon that starts knows the same')
    t.match(later.byId(one.id), { reason: 'superseded' })
    const [foreign] = trust.authorities().filter(({ privateKey }) => privateKey === null)
    if (foreign === undefined) throw new Error('not trusted')
    const gone = await certificates.removeAuthority(foreign.value, testActor)
    await feed.reached(gone.inboxSeq)
    t.equal(trust.trust.authorities.length, 1)
  },
)

await t.test('certificates by commands and API, and what anybody may ask', async (t) => {
  const demo = await startTestDemo(t)
  const { url } = demo.facts.http
  const cli = cliOf(demo.dataDir)
  const admin = new Admin(demo.facts)
  const folder = mkdtempSync(join(tmpdir(), 'gh-certs-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'adele.p12')
  t.match(await cli('certificate', 'list'), 'no certificates issued yet')
  t.match(await cli('ca', 'list'), 'none yet')
  t.equal((await fetch(`${url}/pki/clients.crl`)).status, 404)
  const said = await cli('certificate', 'issue', 'adele.vance', 'laptop', '--out', file)
  t.match(said, /good until .*\npassword: [0-9a-z-]{34}\n/)
  t.ok(existsSync(file))
  await t.rejects(
    cli('certificate', 'issue', 'adele.vance', 'x', '--out', file),
    /EEXIST/,
    'nothing is written over',
  )
  const { certificates } = JSON.parse(
    await cli('--json', 'certificate', 'list', 'adele.vance'),
  ) as {
    certificates: { serial: string; device: string; id: string }[]
  }
  const [one] = certificates
  t.match(one, { device: 'laptop', person: 'adele.vance', revokedAt: null })
  t.match(await cli('certificate', 'show', one?.serial.toUpperCase() ?? ''), 'laptop')
  t.match(
    await cli('certificate', 'revoke', one?.serial ?? '', '--reason', 'key-compromise'),
    'revoked',
  )
  t.match(await cli('certificate', 'revoke', one?.id ?? ''), 'was revoked already')
  await t.rejects(cli('certificate', 'revoke', 'abcd'), /there is no certificate/)
  const crl = Buffer.from(await (await fetch(`${url}/pki/clients.crl`)).arrayBuffer())
  t.ok(crl.includes(Buffer.from(one?.serial ?? 'x', 'hex')), 'the list names it at once')
  await t.rejects(
    admin.send('POST', '/people/adele.vance/certificates', { device: 'x', days: 9_999 }),
    /400/,
  )
  await t.rejects(
    admin.send('POST', '/people/adele.vance/certificates', { device: 'x', csr: 'x' }),
    /422/,
  )
  const { certificate } = await makeAuthority('Fabrikam', Date.now())
  await admin.send('POST', '/ca', { name: 'fabrikam', certificate, domains: ['Contoso.Example'] })
  t.match(await admin.send('GET', '/ca/fabrikam'), {
    own: false,
    domains: ['contoso.example'],
    crl: null,
  })
  await t.rejects(admin.send('PUT', '/ca/fabrikam/crl', {}), /no address is set/)
  await t.rejects(admin.send('PUT', '/ca/fabrikam/crl', { crl: 'AAAA' }), /this is no CRL/)
  await t.rejects(cli('ca', 'set', 'fabrikam', '--crl-url', 'file:///etc/passwd'), /http or https/)
  t.match(await cli('ca', 'show', 'fabrikam', '--pem'), 'BEGIN CERTIFICATE')
  t.match(await cli('ca', 'remove', 'fabrikam'), 'removed')
  await t.rejects(cli('ca', 'remove', 'gatehouse'), /revoke its certificates instead/)
  const der = Buffer.from(await (await fetch(`${url}/pki/clients.cer`)).arrayBuffer())
  t.ok(new X509Certificate(der).ca)
  t.notMatch(readFileSync(file).toString('latin1'), 'PRIVATE KEY')
})
