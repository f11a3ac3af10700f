import {
  constants,
  createHash,
  generateKeyPairSync,
  randomUUID,
  sign,
  X509Certificate,
} from 'node:crypto'
import t from 'tap'
import { makeServerCertificate } from '../../simulators/microsoft365/http/certificate.ts'
import { parseJwt } from '../../simulators/microsoft365/login/jwt.ts'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { makeClientCertificate } from '../support/microsoft365-certificate.ts'

const client = await makeClientCertificate()
const bench = await Microsoft365Bench.start({ clientCertificates: [client.certificatePem] })
t.teardown(() => bench.stop())
const { simulator } = bench
const { loginUrl, tenantId, clientId, clientSecret } = simulator
const goodForm = {
  grant_type: 'client_credentials',
  client_id: clientId,
  client_secret: clientSecret,
  scope: 'https://graph.microsoft.com/.default',
}

await t.test('discovery documents name each other and keys that verify the tokens', async (t) => {
  for (const path of [
    '/.well-known/openid-configuration',
    '/v2.0/.well-known/openid-configuration',
  ]) {
    const { status, body } = await bench.call(`${loginUrl}/${tenantId}${path}`)
    t.equal(status, 200)
    t.equal(body.issuer, `${loginUrl}/${tenantId}/v2.0`)
    t.match(body.token_endpoint, /\/oauth2\/(v2\.0\/)?token$/)
    const keys = await bench.call(body.jwks_uri)
    t.equal(keys.body.keys[0].kid, parseJwt(bench.token)?.header['kid'])
  }
  const instances = await bench.call(`${loginUrl}/common/discovery/instance?api-version=1.1`)
  t.same(instances.body.metadata[0].aliases, [new URL(loginUrl).host])
  const byDomain = await bench.call(
    `${loginUrl}/contoso.example/v2.0/.well-known/openid-configuration`,
  )
  t.equal(byDomain.status, 200)
})

await t.test(
  'a token for the application has the roles granted, lives an hour, and has no refresh token',
  async (t) => {
    const { body } = await bench.signIn()
    const claims = parseJwt(body.access_token)?.claims ?? {}
    t.same(
      Object.keys(body).toSorted((a, b) => (a < b ? -1 : 1)),
      ['access_token', 'expires_in', 'ext_expires_in', 'token_type'],
    )
    t.equal(body.expires_in, 3599)
    t.equal(Number(claims['exp']) - Number(claims['iat']), 3600)
    t.same(claims['roles'], ['User.Read.All', 'GroupMember.Read.All'])
    t.match(claims, { tid: tenantId, azp: clientId, azpacr: '1', ver: '2.0' })
    for (const name of ['aio', 'aud', 'iss', 'nbf', 'oid', 'rh', 'sub', 'uti', 'xms_ftd'])
      t.ok(claims[name], name)
  },
)

await t.test('each refusal of the token endpoint has its number', async (t) => {
  const refusals = [
    { change: { client_secret: 'wrong' }, status: 401, error: 'invalid_client', number: 7000215 },
    {
      change: { client_id: randomUUID() },
      status: 400,
      error: 'unauthorized_client',
      number: 700016,
    },
    {
      change: { grant_type: 'urn:example:other' },
      status: 400,
      error: 'unsupported_grant_type',
      number: 70003,
    },
    { change: { scope: 'User.Read' }, status: 400, error: 'invalid_scope', number: 1002012 },
    {
      change: { scope: 'https://other.example/.default' },
      status: 400,
      error: 'invalid_resource',
      number: 500011,
    },
    { change: { grant_type: '' }, status: 400, error: 'invalid_request', number: 900144 },
  ]
  for (const { change, status, error, number } of refusals) {
    const reply = await bench.tokenCall({ ...goodForm, ...change })
    t.equal(reply.status, status, String(number))
    t.match(reply.body, { error, error_codes: [number] })
    t.match(
      reply.body.error_description,
      new RegExp(`^AADSTS${number}: .* Trace ID: .* Correlation ID: .* Timestamp: `),
    )
  }
  const { client_secret: _, ...withoutSecret } = goodForm
  t.same((await bench.tokenCall(withoutSecret)).body.error_codes, [7000216])
  t.same((await bench.tokenCall(goodForm, randomUUID())).body.error_codes, [90002])
})

await t.test('an expired secret, a disabled and a removed application get no token', async (t) => {
  await bench.control('PATCH', '/application', { secretsExpireAtMs: Date.now() - 1 })
  t.same((await bench.tokenCall(goodForm)).body.error_codes, [7000222])
  await bench.control('PATCH', '/application', {
    secretsExpireAtMs: Date.now() + 60_000,
    state: 'disabled',
  })
  t.same((await bench.tokenCall(goodForm)).body.error_codes, [7000112])
  await bench.control('PATCH', '/application', { state: 'removed' })
  t.same((await bench.tokenCall(goodForm)).body.error_codes, [700016])
  const refused = await bench.graph('/users')
  t.equal(refused.status, 401)
  t.equal(refused.body.error.code, 'Authorization_IdentityNotFound')
  await bench.control('PATCH', '/application', { state: 'enabled' })
  t.equal((await bench.tokenCall(goodForm)).status, 200)
})

function assertion(changes: { header?: object; claims?: object; key?: string } = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const thumbprint = createHash('sha256')
    .update(new X509Certificate(client.certificatePem).raw)
    .digest('base64url')
  const signed = `${encode({ alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint, ...changes.header })}.${encode(
    {
      aud: `${loginUrl}/${tenantId}/oauth2/v2.0/token`,
      iss: clientId,
      sub: clientId,
      jti: randomUUID(),
      nbf: now,
      exp: now + 600,
      ...changes.claims,
    },
  )}`
  const key = {
    key: changes.key ?? client.keyPem,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 32,
  }
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
}

function assertionForm(client_assertion: string): Record<string, string> {
  const { client_secret: _, ...form } = goodForm
  const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
  return { ...form, client_assertion_type, client_assertion }
}

await t.test(
  'a certificate assertion is checked for key, signature, subject, audience and time',
  async (t) => {
    const now = Math.floor(Date.now() / 1000)
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString()
    const good = await bench.tokenCall(assertionForm(assertion()))
    t.equal(good.status, 200)
    t.equal(parseJwt(good.body.access_token)?.claims['azpacr'], '2')
    const bad = [
      { number: 700027, changes: { key: stranger } },
      { number: 700027, changes: { header: { 'x5t#S256': 'unknown' } } },
      { number: 700027, changes: { header: { alg: 'none' } } },
      { number: 700021, changes: { claims: { iss: randomUUID() } } },
      { number: 700023, changes: { claims: { aud: 'https://login.other.example/token' } } },
      { number: 700024, changes: { claims: { exp: now - 3600 } } },
      { number: 700024, changes: { claims: { exp: undefined } } },
      { number: 700024, changes: { claims: { nbf: now + 3600 } } },
    ]
    for (const { number, changes } of bad) {
      const reply = await bench.tokenCall(assertionForm(assertion(changes)))
      t.same([reply.status, reply.body.error_codes], [401, [number]], JSON.stringify(changes))
    }
    const malformed = await bench.tokenCall(assertionForm('x.y'))
    t.same(malformed.body.error_codes, [50027])
  },
)

await t.test(
  'an assertion may be presented again, as libraries do, unless replays are refused',
  async (t) => {
    const form = assertionForm(assertion())
    t.equal((await bench.tokenCall(form)).status, 200)
    t.equal((await bench.tokenCall(form)).status, 200)
    await bench.control('PATCH', '/settings', { refusesReplays: true })
    t.equal((await bench.tokenCall(form)).status, 200)
    t.same((await bench.tokenCall(form)).body.error_codes, [50027])
    await bench.control('DELETE', '/settings')
  },
)

await t.test(
  'Graph takes no token that is missing, foreign, for others, expired or withdrawn',
  async (t) => {
    const { body } = await bench.signIn()
    const own: string = body.access_token
    const azure = await bench.tokenCall({
      ...goodForm,
      scope: 'https://management.azure.com/.default',
    })
    const cases: readonly [string, RegExp][] = [
      ['', /empty/],
      ['abc', /CompactToken/],
      [`${own.slice(0, -8)}AAAAAAAA`, /signature/],
      [azure.body.access_token, /audience/],
    ]
    for (const [token, message] of cases) {
      const headers = { authorization: token === '' ? '' : `Bearer ${token}` }
      const reply = await bench.graph('/users', { headers })
      t.equal(reply.status, 401)
      t.equal(reply.body.error.code, 'InvalidAuthenticationToken')
      t.match(reply.body.error.message, message)
    }
    t.equal((await bench.graph('/users')).status, 200)
    await bench.control('PATCH', '/application', { expireTokens: true })
    t.equal((await bench.graph('/users')).body.error.code, 'InvalidAuthenticationToken')
  },
)

await t.test('a token expires after an hour of the machine, not of the tenant', async (t) => {
  let nowMs = Date.now()
  const other = await Microsoft365Bench.start({ clock: () => nowMs })
  t.teardown(() => other.stop())
  other.simulator.advance(2 * 86_400_000)
  t.equal((await other.graph('/users')).status, 200)
  nowMs += 3_601_000
  t.equal((await other.graph('/users')).status, 401)
})

await t.test('the certificate of the server is for localhost, 127.0.0.1 and ::1', async (t) => {
  const { certificatePem, caPem } = await makeServerCertificate()
  const certificate = new X509Certificate(certificatePem)
  t.ok(certificate.checkHost('localhost'))
  t.ok(certificate.checkIP('127.0.0.1'))
  t.ok(certificate.checkIP('::1'))
  t.ok(certificate.verify(new X509Certificate(caPem).publicKey))
})
