import { createHmac, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { exportJWK, type JWTPayload, SignJWT } from 'jose'
import t from 'tap'
import {
  type Attempted,
  authorizeUrl,
  BrowserSignIn,
  readRefusal,
} from '../../../src/sources/microsoft365/browser-sign-in.ts'
import { parseConfig } from '../../../src/sources/microsoft365/settings.ts'

const NOW_MS = Date.UTC(2026, 10, 28, 9, 30)
const NOW_S = NOW_MS / 1000
const HOUR_S = 3_600
const config = parseConfig({
  tenantId: randomUUID(),
  clientId: randomUUID(),
  loginUrl: 'https://login.microsoftonline.com',
  graphUrl: 'https://graph.microsoft.com',
})
const authority = `${config.loginUrl}/${config.tenantId}`
const secret = { clientSecret: 'a secret', privateKey: null }
const oid = randomUUID()
const attempted: Attempted = {
  redirectUri: 'https://id.contoso.example/account/microsoft/callback',
  nonce: 'the nonce of this attempt',
  verifier: 'v'.repeat(43),
  startedAtMs: NOW_MS - 30_000,
}
const claims: JWTPayload = {
  iss: `${authority}/v2.0`,
  aud: config.clientId,
  tid: config.tenantId,
  oid,
  sub: 'pairwise',
  nonce: attempted.nonce,
  preferred_username: 'adele.vance@contoso.example',
  iat: NOW_S,
  nbf: NOW_S,
  exp: NOW_S + HOUR_S,
}

interface Key {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

function makeKey(): Key {
  return { kid: randomUUID(), ...generateKeyPairSync('rsa', { modulusLength: 2048 }) }
}

const own = makeKey()

function signed(changes: JWTPayload = {}, key = own, header: object = {}): Promise<string> {
  const all = Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== null)
  return new SignJWT(Object.fromEntries(all))
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: key.kid, ...header })
    .sign(key.privateKey)
}

/** Not signed by a library, which would refuse to. */
function forged(header: object, sign: (text: string) => string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${encode({ typ: 'JWT', kid: own.kid, ...header })}.${encode(claims)}`
  return `${text}.${sign(text)}`
}

/** A login service that hands out one token, and lists its keys as they are by then. */
function serving(token: string, keys: readonly Key[] = [own]) {
  const calls: { readonly url: string; readonly body: string }[] = []
  const published = [...keys]
  const client = new BrowserSignIn({
    config,
    nowMs: () => NOW_MS,
    async fetch(url, { body = '' }) {
      calls.push({ url, body: String(body) })
      if (!url.endsWith('/discovery/v2.0/keys')) return Response.json({ id_token: token })
      const jwks = published.map(async ({ kid, publicKey }) => ({
        ...(await exportJWK(publicKey)),
        kid,
        use: 'sig',
      }))
      return Response.json({ keys: await Promise.all(jwks) })
    },
  })
  const redeem = (more: Partial<Attempted> = {}) =>
    client.redeem(
      'the code',
      { attempted: { ...attempted, ...more }, secret },
      AbortSignal.timeout(5_000),
    )
  return { calls, published, redeem }
}

await t.test('a code becomes a person, by the tenant’s own endpoints alone', async (t) => {
  const service = serving(await signed())
  t.same(await service.redeem(), {
    kind: 'signed-in',
    externalId: oid,
    name: 'adele.vance@contoso.example',
  })
  const [token, keys] = service.calls
  t.equal(token?.url, `${authority}/oauth2/v2.0/token`)
  t.equal(keys?.url, `${authority}/discovery/v2.0/keys`)
  t.same(Object.fromEntries(new URLSearchParams(token?.body)), {
    grant_type: 'authorization_code',
    client_id: config.clientId,
    scope: 'openid profile',
    code: 'the code',
    redirect_uri: attempted.redirectUri,
    code_verifier: attempted.verifier,
    client_secret: 'a secret',
  })
})

await t.test('the page it begins at: PKCE, a nonce, and a fresh sign-in', (t) => {
  const url = new URL(authorizeUrl(config, { ...attempted, state: 'the state' }))
  t.equal(url.origin + url.pathname, `${authority}/oauth2/v2.0/authorize`)
  t.match(Object.fromEntries(url.searchParams), {
    response_type: 'code',
    response_mode: 'query',
    scope: 'openid profile',
    code_challenge_method: 'S256',
    prompt: 'login',
    state: 'the state',
    nonce: attempted.nonce,
  })
  t.match(url.searchParams.get('code_challenge'), /^[A-Za-z0-9_-]{43}$/)
  t.notOk(url.href.includes(attempted.verifier))
  t.end()
})

await t.test('a token about something else proves nothing', async (t) => {
  const other = randomUUID()
  const wrong: Readonly<Record<string, JWTPayload>> = {
    'another nonce': { nonce: 'of another attempt' },
    'no nonce': { nonce: null },
    'another tenant': { tid: other },
    'another issuer': { iss: `${config.loginUrl}/${other}/v2.0` },
    'another cloud': { iss: `https://login.microsoftonline.us/${config.tenantId}/v2.0` },
    'another application': { aud: other },
    'several audiences': { aud: [config.clientId, other] },
    'no account': { oid: null },
    'an account that is no text': { oid: 7 },
    expired: { exp: NOW_S - 61 },
    'not yet good': { nbf: NOW_S + 61 },
    'made long ago': { iat: NOW_S - HOUR_S },
    'without an end': { exp: null as unknown as number },
  }
  for (const [name, changes] of Object.entries(wrong))
    t.match(await serving(await signed(changes)).redeem(), { kind: 'foreign' }, name)
  t.match(await serving(await signed({ exp: NOW_S - 59 })).redeem(), { kind: 'signed-in' }, 'skew')
})

await t.test('a token nobody signed, or somebody else did, proves nothing', async (t) => {
  const pem = own.publicKey.export({ type: 'spki', format: 'pem' })
  const jwk = JSON.stringify(await exportJWK(own.publicKey))
  const hmac = (key: string | Buffer) => (text: string) =>
    createHmac('sha256', key).update(text).digest('base64url')
  const stranger = makeKey()
  const whole = await signed()
  const embedded = { jwk: await exportJWK(stranger.publicKey), kid: own.kid }
  const tokens: Readonly<Record<string, string>> = {
    'alg none': forged({ alg: 'none' }, () => ''),
    'alg None': forged({ alg: 'None' }, () => ''),
    'HS256 with the public key as PEM': forged({ alg: 'HS256' }, hmac(pem)),
    'HS256 with the public key as JWK': forged({ alg: 'HS256' }, hmac(jwk)),
    'a key nobody published': await signed({}, stranger),
    'a stranger’s signature under our kid': await signed({}, { ...stranger, kid: own.kid }),
    'a key it brings itself': await signed({}, stranger, embedded),
    'a changed claim': whole.replace(
      /\.[^.]+\./,
      `.${Buffer.from(JSON.stringify({ ...claims, oid: randomUUID() })).toString('base64url')}.`,
    ),
    'a cut signature': whole.slice(0, -20),
    'no token at all': 'x',
  }
  for (const [name, token] of Object.entries(tokens))
    t.match(await serving(token).redeem(), { kind: 'foreign' }, name)
})

await t.test(
  'keys are rotated: one that is new is looked up, one that is gone is refused',
  async (t) => {
    const next = makeKey()
    const service = serving(await signed({}, next))
    t.match(await service.redeem(), { kind: 'foreign' }, 'not published yet')
    service.published.splice(0, 1, next)
    t.match(await service.redeem(), { kind: 'signed-in' })
  },
)

await t.test('a sign-in from before the attempt is none', async (t) => {
  const before = attempted.startedAtMs / 1000 - HOUR_S
  t.match(await serving(await signed({ auth_time: before })).redeem(), {
    kind: 'refused',
    reason: 'sign-in-old',
  })
  t.match(await serving(await signed({ auth_time: 'today' })).redeem(), { reason: 'sign-in-old' })
  t.match(await serving(await signed({ auth_time: NOW_S - 10 })).redeem(), { kind: 'signed-in' })
})

await t.test('what the login service refuses, or does not say', async (t) => {
  const answering = (response: () => Response) =>
    new BrowserSignIn({ config, nowMs: () => NOW_MS, fetch: async () => response() }).redeem(
      'a code',
      { attempted, secret },
      AbortSignal.timeout(5_000),
    )
  const no = (code: number, status = 400) =>
    answering(() => Response.json({ error: 'invalid_grant', error_codes: [code] }, { status }))
  t.match(await no(54005), { kind: 'refused', reason: 'sign-in-spent' })
  t.match(await no(501481), { kind: 'refused', reason: 'sign-in-spent' })
  t.match(await no(50057), { kind: 'refused', reason: 'source-disabled' })
  t.match(await no(53003), { kind: 'refused', reason: 'source-policy' })
  t.match(await no(7000222, 401), { kind: 'misconfigured', nextStep: /set-secret/ })
  t.match(await no(90033), { kind: 'unavailable' })
  t.match(await no(123456789), { kind: 'refused', reason: 'source-refused' })
  for (const status of [429, 500, 503])
    t.match(await answering(() => Response.json({}, { status })), { kind: 'unavailable' })
  t.match(await answering(() => new Response('<html>')), { kind: 'unavailable' })
  t.match(await answering(() => Response.json({})), { kind: 'foreign', why: 'no id token' })
  const token = await signed()
  const keyless = new BrowserSignIn({
    config,
    nowMs: () => NOW_MS,
    fetch: async (url) =>
      url.endsWith('/keys')
        ? new Response('', { status: 500 })
        : Response.json({ id_token: token }),
  })
  const answer = keyless.redeem('c', { attempted, secret }, AbortSignal.timeout(5_000))
  t.match(await answer, { kind: 'unavailable' }, 'keys that cannot be had say nothing of a token')
  const failing = new BrowserSignIn({ config, fetch: () => Promise.reject(new Error('reset')) })
  const refused = failing.redeem('c', { attempted, secret }, AbortSignal.timeout(5_000))
  t.match(await refused, { kind: 'unavailable' })
  const ended = failing.redeem('c', { attempted, secret }, AbortSignal.abort(new Error('gone')))
  await t.rejects(ended, /gone/)
})

await t.test('errors in the address: Entra’s number is read, and nothing else', (t) => {
  t.match(readRefusal('access_denied', ''), { reason: 'cancelled' })
  t.match(readRefusal('access_denied', 'AADSTS65004: declined'), { reason: 'cancelled' })
  t.match(readRefusal('interaction_required', 'AADSTS50076: MFA'), {
    reason: 'source-mfa-required',
  })
  t.match(readRefusal('access_denied', 'AADSTS53003: blocked'), { reason: 'source-policy' })
  t.match(readRefusal('server_error', '<script>'), { reason: 'source-refused', code: null })
  t.match(readRefusal('temporarily_unavailable', 'AADSTS90033'), { kind: 'unavailable' })
  t.end()
})
