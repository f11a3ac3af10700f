import t from 'tap'
import { parseJwt } from '../../simulators/microsoft365/login/jwt.ts'
import { type HttpsFetch, makeHttpsFetch } from '../../src/sources/microsoft365/https.ts'
import { PasswordCheck } from '../../src/sources/microsoft365/password-check.ts'
import { makeClientCertificate } from '../support/microsoft365-certificate.ts'
import { configOf, secretOf, testTenant } from '../support/sync.ts'

const PASSWORD = 'Correct horse 7 battery'
const client = await makeClientCertificate()
const tenant = await testTenant(t, {
  people: 24,
  seed: 1,
  clientCertificates: [client.certificatePem],
})
const user = tenant.tenant.findUser('adele.vance@contoso.example')
if (user === null) throw new Error('the tenant has nobody of that name')
const account = { externalId: user.id, userPrincipalName: 'adele.vance@contoso.example' }
tenant.tenant.setSignIn(user.id, { password: PASSWORD })
const config = configOf(tenant)
const secret = secretOf(tenant)
const signal = new AbortController().signal
const fetch = makeHttpsFetch(tenant.caPem)

/** The tenant's own answer, with other claims in its id token. */
function forging(claims: object): HttpsFetch {
  return async (url, options) => {
    const answer = (await (await fetch(url, options)).json()) as Record<string, string>
    const [header = '', , signature = ''] = (answer['id_token'] ?? '').split('.')
    const told = { ...parseJwt(answer['id_token'] ?? '')?.claims, ...claims }
    const payload = Buffer.from(JSON.stringify(told)).toString('base64url')
    return Response.json({ ...answer, id_token: [header, payload, signature].join('.') })
  }
}

const check = (by: HttpsFetch | null, password = PASSWORD) =>
  new PasswordCheck({ config, secret, ...(by === null ? {} : { fetch: by }) }).check(
    account,
    Buffer.from(password),
    signal,
  )

await t.test('a yes is one about this account, of this tenant, for us, and of now', async (t) => {
  t.same(await check(null), { kind: 'right' })
  t.match(await check(null, 'wrong'), { kind: 'wrong', code: 50126 })
  const other = 'c0ffee00-0000-4000-8000-000000000000'
  const forged: readonly (readonly [object, string])[] = [
    [{ oid: other }, 'account'],
    [{ oid: undefined }, 'account'],
    [{ tid: other }, 'tenant'],
    [{ iss: `https://login.microsoftonline.com/${other}/v2.0` }, 'issuer'],
    [{ aud: other }, 'audience'],
    [{ aud: [tenant.clientId] }, 'audience'],
    [{ exp: 1 }, 'expiry'],
    [{ exp: 'never' }, 'expiry'],
  ]
  for (const [claims, why] of forged)
    t.same(await check(forging(claims)), { kind: 'foreign', why }, JSON.stringify(claims))
  for (const token of [undefined, 'nonsense', 'a.b.c', 'e30.bnVsbA.'])
    t.match(await check(async () => Response.json({ id_token: token })), { kind: 'foreign' })
})

await t.test('what is no answer of Entra is none at all', async (t) => {
  const answers: readonly Response[] = [
    new Response('<html>Welcome to our Wi-Fi</html>', { status: 200 }),
    new Response('', { status: 302, headers: { location: 'https://portal.example/' } }),
    new Response('{"access_token": "cut sho', { status: 200 }),
    Response.json([], { status: 200 }),
    Response.json({ error: 'server_error' }, { status: 500 }),
  ]
  for (const answer of answers)
    t.match(await check(async () => answer), { kind: 'transient', code: null })
  t.match(await check(() => Promise.reject(new Error('ECONNREFUSED'))), { kind: 'transient' })
  const odd = Response.json({ error: 'invalid_grant' }, { status: 400 })
  t.match(await check(async () => odd), { kind: 'refused', denial: 'source-refused' })
})

await t.test('a proxy may drop the list of codes, not the number in the text', async (t) => {
  const body = { error: 'invalid_grant', error_description: 'AADSTS50076: a second step' }
  const answer = Response.json(body, { status: 400 })
  t.match(await check(async () => answer), { denial: 'source-mfa-required', code: 50076 })
})

await t.test('the application proves itself by a certificate as well as by a secret', async (t) => {
  const { certificatePem: certificate, keyPem: privateKey } = client
  const byCertificate = new PasswordCheck({
    config: { ...config, certificate },
    secret: { clientSecret: null, privateKey },
  })
  t.same(await byCertificate.check(account, Buffer.from(PASSWORD), signal), { kind: 'right' })
  const stranger = await makeClientCertificate()
  const byAnother = new PasswordCheck({
    config: { ...config, certificate: stranger.certificatePem },
    secret: { clientSecret: null, privateKey: stranger.keyPem },
  })
  t.match(await byAnother.check(account, Buffer.from(PASSWORD), signal), {
    kind: 'misconfigured',
    code: 700027,
  })
})

await t.test(
  'nothing that could be kept or renewed is asked for, and no password is in a URL',
  async (t) => {
    let sent = { url: '', body: '' }
    await check(async (url, options) => {
      sent = { url, body: String(options.body ?? '') }
      return fetch(url, options)
    })
    t.equal(new URL(sent.url).search, '')
    t.equal(new URLSearchParams(sent.body).get('scope'), 'openid profile')
  },
)
