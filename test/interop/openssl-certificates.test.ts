import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { pkiPlugin } from '../../src/admin/pki.ts'
import { CertificateBench } from '../support/certificate-bench.ts'
import { testActor } from '../support/people.ts'
import { runTool } from '../support/run-tool.ts'
import { withTools } from '../support/tools.ts'

const needs = { tools: ['openssl'] }

/** A folder for files that openssl reads and writes. */
function folderOf(t: Test): (name: string, content?: string | Buffer) => string {
  const folder = mkdtempSync(join(tmpdir(), 'gh-openssl-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return (name, content) => {
    const path = join(folder, name)
    if (content !== undefined) writeFileSync(path, content)
    return path
  }
}

async function openssl(...args: readonly string[]): Promise<string> {
  const { code, output } = await runTool('openssl', args)
  return code === 0 ? output : `exit ${code}: ${output}`
}

await withTools(
  t,
  { ...needs, name: 'openssl verifies what we issue, from both kinds of key' },
  async (t) => {
    const file = folderOf(t)
    const urls = {
      crl: 'http://gate.contoso.example/pki/clients.crl',
      ocsp: 'http://gate.contoso.example/pki/ocsp',
      certificate: 'http://gate.contoso.example/pki/clients.cer',
    }
    const bench = new CertificateBench(urls)
    for (const [name, ...key] of [
      ['ec', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
      ['rsa', 'rsa:2048'],
    ] as const) {
      const csr = file(`${name}.csr`)
      const made = ['req', '-new', '-newkey', ...key, '-nodes', '-keyout', file('key'), '-out', csr]
      t.notMatch(await openssl(...made, '-subj', '/CN=root/O=Evil'), 'exit')
      const { certificate, authority, pkcs12 } = await bench.issue({
        device: name,
        key: { from: 'csr', csr: readFileSync(csr, 'utf8') },
      })
      t.equal(pkcs12, null, 'the key stays on the device')
      const leaf = file(`${name}.pem`, certificate)
      const ca = file('ca.pem', authority)
      t.match(
        await openssl('verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', ca, leaf),
        'OK',
      )
      t.match(await openssl('verify', '-purpose', 'sslserver', '-CAfile', ca, leaf), /exit 2/)
      const text = await openssl('x509', '-in', leaf, '-noout', '-text')
      t.match(text, /Subject: OU = \w+, CN = alice/)
      t.notMatch(text, 'Evil', 'of a request only the key is believed')
      t.match(text, `URI:urn:uuid:${bench.alice.id}`)
      t.match(text, 'email:alice@contoso.example')
      for (const url of Object.values(urls)) t.match(text, url)
      const upn = await openssl('asn1parse', '-in', leaf)
      t.ok(upn !== '', 'DER throughout')
    }
    const weak = file('weak.csr')
    await openssl(
      'req',
      '-new',
      '-newkey',
      'rsa:1024',
      '-nodes',
      '-keyout',
      file('weak.key'),
      '-out',
      weak,
      '-subj',
      '/CN=x',
    )
    const csr = readFileSync(weak, 'utf8')
    await t.rejects(bench.issue({ key: { from: 'csr', csr } }), /its key will not do/)
  },
)

await withTools(
  t,
  { ...needs, name: 'openssl opens the PKCS#12 files, with the right password alone' },
  async (t) => {
    const file = folderOf(t)
    const bench = new CertificateBench()
    for (const format of ['compatible', 'modern'] as const) {
      for (const given of [null, 'a password of my own']) {
        const key = { from: 'here', password: given, format } as const
        const { pkcs12, certificate } = await bench.issue({ key })
        const path = file(`${format}.p12`, pkcs12?.file)
        const info = await openssl(
          'pkcs12',
          '-info',
          '-in',
          path,
          '-nodes',
          '-passin',
          `pass:${pkcs12?.password}`,
        )
        t.notMatch(info, 'exit', `${format} opens without -legacy`)
        t.match(
          info,
          format === 'modern' ? 'PBES2, PBKDF2, AES-256-CBC' : 'pbeWithSHA1And3-KeyTripleDES-CBC',
        )
        t.match(info, format === 'modern' ? 'MAC: sha256' : 'MAC: sha1')
        t.match(info, 'friendlyName: alice laptop')
        t.match(info.replaceAll(/\s/g, ''), certificate.replaceAll(/\s/g, ''))
        t.equal(info.split('BEGIN CERTIFICATE').length, 3, 'hers and the authority’s')
        const leaf = file('leaf.pem', certificate)
        const key2 = file('key.pem', info)
        t.equal(
          await openssl('pkey', '-in', key2, '-pubout'),
          await openssl('x509', '-in', leaf, '-noout', '-pubkey'),
          'the key is the certificate’s',
        )
        t.match(await openssl('pkcs12', '-in', path, '-nodes', '-passin', 'pass:wrong'), /exit 1/)
      }
    }
  },
)

await withTools(
  t,
  { ...needs, name: 'openssl reads our CRL, and refuses whom it names' },
  async (t) => {
    const file = folderOf(t)
    const bench = new CertificateBench()
    const good = await bench.issue()
    const bad = await bench.issue({ device: 'phone' })
    const crl = () => {
      const bytes = bench.status.crl()
      if (!Buffer.isBuffer(bytes)) throw new Error('no CRL')
      return bytes
    }
    const ca = file('ca.pem', good.authority)
    const [goodFile, badFile] = [
      file('good.pem', good.certificate),
      file('bad.pem', bad.certificate),
    ]
    const verify = async (leaf: string) => {
      const list = file('crl.der', crl())
      return await openssl(
        'verify',
        '-x509_strict',
        '-crl_check',
        '-CAfile',
        ca,
        '-CRLfile',
        list,
        leaf,
      )
    }
    t.match(await verify(badFile), 'OK', 'an empty list is a list')
    await bench.certificates.revoke(bad.id, 'key-compromise', testActor)
    t.match(await verify(badFile), /certificate revoked/)
    t.match(await verify(goodFile), 'OK')
    const text = await openssl(
      'crl',
      '-inform',
      'DER',
      '-in',
      file('crl.der'),
      '-noout',
      '-text',
      '-CAfile',
      ca,
    )
    t.match(text, 'verify OK')
    t.match(text, 'Key Compromise')
    t.match(text, `Serial Number: ${bench.trust.byId(bad.id)?.serial.toUpperCase()}`)
    const first = crl()
    t.equal(crl(), first, 'kept while nothing changes')
    bench.nowMs += 2 * 3_600_000
    t.not(crl(), first, 'and made anew before it ends')
    bench.freshness = 'too-stale'
    t.equal(bench.status.crl(), 'stale')
  },
)

/** Our pages on an HTTP listener, as the daemon serves them. */
async function serve(t: Test, bench: CertificateBench): Promise<string> {
  const app = Fastify()
  await app.register(pkiPlugin(bench.status))
  t.teardown(() => app.close())
  return await app.listen({ host: '127.0.0.1', port: 0 })
}

await withTools(t, { ...needs, name: 'openssl asks our OCSP responder' }, async (t) => {
  const file = folderOf(t)
  const bench = new CertificateBench()
  const url = await serve(t, bench)
  t.equal((await fetch(`${url}/pki/clients.crl`)).status, 404, 'nothing was issued yet')
  const good = await bench.issue()
  const bad = await bench.issue({ device: 'phone' })
  await bench.certificates.revoke(bad.id, 'superseded', testActor)
  const ca = file('ca.pem', good.authority)
  const [goodFile, badFile] = [file('good.pem', good.certificate), file('bad.pem', bad.certificate)]
  const ask = (...more: readonly string[]) =>
    openssl('ocsp', '-CAfile', ca, '-issuer', ca, '-url', `${url}/pki/ocsp`, ...more)
  for (const hash of ['-sha1', '-sha256']) {
    const said = await ask(hash, '-cert', goodFile, '-cert', badFile)
    t.match(said, 'Response verify OK')
    t.notMatch(said, 'nonce', 'ours is theirs')
    t.match(said, /good\.pem: good/)
    t.match(said, /bad\.pem: revoked\s[\s\S]*Reason: superseded/)
  }
  t.match(await ask('-serial', '0x1234'), /0x1234: unknown/)
  const other = await (async () => {
    const stranger = new CertificateBench()
    return await stranger.issue()
  })()
  const foreign = file('foreign.pem', other.certificate)
  const foreignCa = file('foreign-ca.pem', other.authority)
  const said = await openssl(
    'ocsp',
    '-CAfile',
    ca,
    '-issuer',
    foreignCa,
    '-cert',
    foreign,
    '-url',
    `${url}/pki/ocsp`,
  )
  t.match(said, /foreign\.pem: unknown/, 'of another authority we know nothing')
  t.match(
    (await fetch(`${url}/pki/clients.crl`)).headers.get('content-type'),
    'application/pkix-crl',
  )
  const der = Buffer.from(await (await fetch(`${url}/pki/clients.cer`)).arrayBuffer())
  t.match(
    await openssl('x509', '-inform', 'DER', '-in', file('ca.der', der), '-noout', '-subject'),
    'Contoso client CA',
  )

  const request = file('request.der')
  await openssl('ocsp', '-issuer', ca, '-cert', badFile, '-no_nonce', '-reqout', request)
  const path = encodeURIComponent(readFileSync(request).toString('base64'))
  const answer = await fetch(`${url}/pki/ocsp/${path}`)
  t.equal(answer.headers.get('content-type'), 'application/ocsp-response')
  const response = file('response.der', Buffer.from(await answer.arrayBuffer()))
  t.match(
    await openssl('ocsp', '-respin', response, '-issuer', ca, '-cert', badFile, '-CAfile', ca),
    /Response verify OK[\s\S]*bad\.pem: revoked/,
  )

  const post = async (body: Buffer | string, type = 'application/ocsp-request') => {
    const answered = await fetch(`${url}/pki/ocsp`, {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    })
    return Buffer.from(await answered.arrayBuffer()).toString('hex')
  }
  const malformed = '30030a0101'
  t.equal(await post('nonsense'), malformed)
  t.equal(await post(Buffer.alloc(10_000, 0x30)), malformed, 'too long')
  t.equal(await post(readFileSync(request), 'text/plain'), malformed)
  t.equal(await post(Buffer.from('3080', 'hex')), malformed, 'of indefinite length')
  bench.freshness = 'too-stale'
  t.equal(
    await post(readFileSync(request)),
    '30030a0103',
    'try later: nobody knows what was revoked',
  )
})

await withTools(
  t,
  { ...needs, name: 'an authority kept by openssl lets people in until its CRL says no' },
  async (t) => {
    const file = folderOf(t)
    const bench = new CertificateBench()
    file('index.txt', '')
    file('crlnumber', '01\n')
    const config = file(
      'ca.cnf',
      `[ca]
default_ca = own
[own]
database = ${file('index.txt')}
crlnumber = ${file('crlnumber')}
default_md = sha256
default_crl_days = 3
[client]
extendedKeyUsage = clientAuth
subjectAltName = otherName:1.3.6.1.4.1.311.20.2.3;UTF8:Alice@contoso.example
[req]
distinguished_name = dn
[dn]
`,
    )
    const key = (name: string) => ['-newkey', 'rsa:2048', '-nodes', '-keyout', file(`${name}.key`)]
    const [caFile, caKey] = [file('ca.pem'), file('ca.key')]
    await openssl(
      'req',
      '-x509',
      ...key('ca'),
      '-out',
      caFile,
      '-subj',
      '/O=Fabrikam/CN=Issuing CA',
      '-days',
      '30',
    )
    const leaf = file('leaf.pem')
    const request = ['req', '-x509', '-config', config, '-extensions', 'client', ...key('leaf')]
    await openssl(
      ...request,
      '-CA',
      caFile,
      '-CAkey',
      caKey,
      '-subj',
      '/CN=whatever',
      '-days',
      '30',
      '-out',
      leaf,
    )
    await bench.trustCompany({ certificate: readFileSync(caFile, 'utf8') })
    // The certificate begins now, which is after the bench's clock was set.
    bench.nowMs = Date.now()
    t.equal(bench.logIn(readFileSync(leaf)), 'alice', 'by the UPN, which has no regard to case')
    const signing = ['ca', '-config', config, '-cert', caFile, '-keyfile', caKey]
    const take = async () => {
      const list = file('crl.pem')
      t.notMatch(await openssl(...signing, '-gencrl', '-out', list), 'exit')
      const [authority] = bench.trust.authorities()
      if (authority === undefined) throw new Error('not trusted')
      await bench.certificates.takeCrl(authority.value, readFileSync(list), testActor)
    }
    await take()
    t.equal(bench.logIn(readFileSync(leaf)), 'alice')
    t.notMatch(await openssl(...signing, '-revoke', leaf), 'exit')
    await take()
    t.equal(bench.logIn(readFileSync(leaf)), 'certificate-revoked')
  },
)
