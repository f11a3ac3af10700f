import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import t from 'tap'
import { parseJwt } from '../../simulators/microsoft365/login/jwt.ts'
import { Microsoft365Bench, type Reply } from '../support/microsoft365.ts'
import { Browser } from '../support/microsoft365-browser.ts'

const REDIRECT = 'https://gatehouse.example/auth/microsoft'
const CODE = '246810'
const bench = await Microsoft365Bench.start({ redirectUris: [REDIRECT, 'http://localhost'] })
t.teardown(() => bench.stop())
const { simulator } = bench
const { loginUrl, tenantId, clientId, clientSecret } = simulator
const adele = { login: 'adele.vance@contoso.example', password: 'Spring 2026' }
simulator.tenant.setSignIn(bench.user('adele.vance'), { password: adele.password })
simulator.tenant.setSignIn(bench.user('alex.wilber'), { password: 'Autumn 26', mfa: 'required' })
const alex = { login: 'alex.wilber@contoso.example', password: 'Autumn 26', code: CODE }

const verifier = randomBytes(32).toString('base64url')
const challenge = createHash('sha256').update(verifier).digest('base64url')

function authorizeUrl(changes: Readonly<Record<string, string | null>> = {}, tenant = tenantId) {
  const parameters: Record<string, string | null> = {
    client_id: clientId,
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: 'openid profile email',
    state: 'a state & more',
    nonce: 'a nonce',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...changes,
  }
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => !!pair[1])
  return `${loginUrl}/${tenant}/oauth2/v2.0/authorize?${new URLSearchParams(given)}`
}

function redeem(code: string, changes: Readonly<Record<string, string>> = {}): Promise<Reply> {
  return bench.tokenCall({
    grant_type: 'authorization_code',
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uri: REDIRECT,
    code_verifier: verifier,
    code,
    ...changes,
  })
}

async function codeFor(who: typeof adele, changes: Record<string, string | null> = {}) {
  const { leftFor } = await new Browser(bench, loginUrl).signIn(authorizeUrl(changes), who)
  return leftFor?.searchParams.get('code') ?? ''
}

await t.test(
  'a person signs in, and the code becomes an ID token that the keys verify',
  async (t) => {
    const browser = new Browser(bench, loginUrl)
    const page = await browser.signIn(authorizeUrl(), adele)
    t.equal(page.status, 302)
    t.equal(`${page.leftFor?.origin}${page.leftFor?.pathname}`, REDIRECT)
    t.equal(page.leftFor?.searchParams.get('state'), 'a state & more')
    const { status, body } = await redeem(page.leftFor?.searchParams.get('code') ?? '')
    t.equal(status, 200)
    t.match(body, { token_type: 'Bearer', expires_in: 3599, scope: 'openid profile email' })
    const jwt = parseJwt(body.id_token)
    if (jwt === null) throw new Error('the ID token is no JWT')
    const { keys } = (await bench.call(`${loginUrl}/${tenantId}/discovery/v2.0/keys`)).body
    const key = createPublicKey({ key: keys[0], format: 'jwk' })
    t.equal(jwt.header['alg'], 'RS256')
    t.ok(verify('sha256', jwt.signed, key, jwt.signature))
    t.match(jwt.claims, {
      iss: `${loginUrl}/${tenantId}/v2.0`,
      aud: clientId,
      tid: tenantId,
      oid: bench.user('adele.vance'),
      nonce: 'a nonce',
      preferred_username: adele.login,
      name: 'Adele Vance',
      ver: '2.0',
    })
    t.equal(typeof jwt.claims['sub'], 'string')
    t.not(jwt.claims['sub'], jwt.claims['oid'])
    t.notOk('amr' in jwt.claims, 'only where the registration asks for it')
    t.equal((await bench.graph('/users', { headers: bearer(body.access_token) })).status, 403)
  },
)

await t.test('a code is good once, for its client, its address and its verifier', async (t) => {
  const fails = async (code: string, number: number, changes: Record<string, string> = {}) =>
    t.same((await redeem(code, changes)).body.error_codes, [number])
  const code = await codeFor(adele)
  await fails(code, 501481, { code_verifier: 'x'.repeat(43) })
  await fails(code, 500112, { redirect_uri: 'http://localhost/other' })
  await fails(code, 7000215, { client_secret: 'wrong' })
  t.equal((await redeem(code)).status, 200)
  await fails(code, 54005)
  await fails('1.made-up', 70000)
  await fails(await codeFor(adele, { code_challenge: null, code_challenge_method: null }), 501481)
  const withoutSecret = await bench.tokenCall({
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    code_verifier: verifier,
    code: await codeFor(adele),
  })
  t.same(withoutSecret.body.error_codes, [7000218])
})

await t.test('the second step is asked for where the person needs one, and told of', async (t) => {
  simulator.application.optionalClaims.add('amr').add('auth_time')
  t.teardown(() => simulator.application.optionalClaims.clear())
  const browser = new Browser(bench, loginUrl)
  await browser.open(authorizeUrl())
  const second = await browser.submit({ login: alex.login, passwd: alex.password })
  t.equal(second.title, 'Verify your identity')
  t.equal((await browser.submit({ otc: '000000' })).number, 500121)
  const { leftFor } = await browser.submit({ otc: CODE })
  const { body } = await redeem(leftFor?.searchParams.get('code') ?? '')
  const claims = parseJwt(body.id_token)?.claims ?? {}
  t.same(claims['amr'], ['pwd', 'mfa'])
  t.ok(Math.abs(Number(claims['auth_time']) - Date.now() / 1000) < 60)
  const plain = await redeem(await codeFor(adele))
  t.same(parseJwt(plain.body.id_token)?.claims['amr'], ['pwd'])
})

await t.test('a browser that signed in is not asked again, unless it is told to', async (t) => {
  const browser = new Browser(bench, loginUrl)
  const silent = await browser.open(authorizeUrl({ prompt: 'none' }))
  t.equal(silent.leftFor?.searchParams.get('error'), 'login_required')
  t.match(silent.leftFor?.searchParams.get('error_description'), /^AADSTS50058: /)
  await browser.signIn(authorizeUrl(), adele)
  t.ok((await browser.open(authorizeUrl())).leftFor?.searchParams.get('code'))
  t.ok((await browser.open(authorizeUrl({ prompt: 'none' }))).leftFor?.searchParams.get('code'))
  t.equal((await browser.open(authorizeUrl({ prompt: 'login' }))).title, 'Sign in')
  simulator.tenant.setSignIn(bench.user('adele.vance'), { mfa: 'required' })
  const stepUp = await browser.open(authorizeUrl({ prompt: 'none' }))
  t.equal(stepUp.leftFor?.searchParams.get('error'), 'interaction_required')
  t.equal((await browser.open(authorizeUrl())).title, 'Verify your identity')
  simulator.tenant.setSignIn(bench.user('adele.vance'), { mfa: 'none' })
  await bench.control('POST', '/changes', {
    op: 'update',
    id: bench.user('adele.vance'),
    properties: { signInSessionsValidFromDateTime: new Date(Date.now() + 1).toISOString() },
  })
  t.equal((await browser.open(authorizeUrl())).title, 'Sign in')
})

await t.test('what a person gets wrong is said on the page, and sent to nobody', async (t) => {
  const set = (name: string, signIn: object): unknown =>
    simulator.tenant.setSignIn(bench.user(name), signIn)
  set('megan.bowen', { password: 'Megan 2026', denials: [53003] })
  set('lee.gu', { password: 'Lee Gu 2026' })
  simulator.tenant.update(bench.user('lee.gu'), { accountEnabled: false })
  for (const { login, password, number } of [
    { login: 'nobody@contoso.example', password: 'x', number: 50034 },
    { login: adele.login, password: 'wrong', number: 50126 },
    { login: 'joni.sherman@contoso.example', password: '', number: 50126 },
    { login: 'lee.gu@contoso.example', password: 'wrong', number: 50126 },
    { login: 'lee.gu@contoso.example', password: 'Lee Gu 2026', number: 50057 },
    { login: 'megan.bowen@contoso.example', password: 'Megan 2026', number: 53003 },
  ]) {
    const page = await new Browser(bench, loginUrl).signIn(authorizeUrl(), { login, password })
    t.equal(page.number, number, login)
    t.equal(page.leftFor, null)
  }
})

await t.test('an expired password is replaced on the way', async (t) => {
  const id = bench.user('grady.archie')
  simulator.tenant.setSignIn(id, { password: 'First 2026', mustChangePassword: true })
  const who = { login: 'grady.archie@contoso.example', password: 'First 2026' }
  const browser = new Browser(bench, loginUrl)
  t.equal((await browser.signIn(authorizeUrl(), who)).title, 'Update your password')
  const same = { newpasswd: 'First 2026', confirmnewpasswd: 'First 2026' }
  t.equal((await browser.submit(same)).title, 'Update your password')
  const next = { newpasswd: 'Second 2026', confirmnewpasswd: 'Second 2026' }
  t.ok((await browser.submit(next)).leftFor?.searchParams.get('code'))
  t.ok(await codeFor({ ...who, password: 'Second 2026' }))
})

await t.test('a form comes back once, and cancelling is told to the application', async (t) => {
  const browser = new Browser(bench, loginUrl)
  await browser.open(authorizeUrl())
  const { flowToken = '' } = browser.fields
  const { leftFor } = await browser.submit({ choice: 'cancel' })
  t.equal(leftFor?.searchParams.get('error'), 'access_denied')
  t.equal(leftFor?.searchParams.get('error_subcode'), 'cancel')
  const again = await bench.call(`${loginUrl}/${tenantId}/login`, {
    method: 'POST',
    form: { flowToken, login: adele.login, passwd: adele.password },
  })
  t.equal(again.status, 400)
})

await t.test(
  'a wrong client or address is shown; other mistakes go to the application',
  async (t) => {
    const open = (changes: Record<string, string | null>, tenant?: string) =>
      new Browser(bench, loginUrl).open(authorizeUrl(changes, tenant))
    for (const [changes, number] of [
      [{ client_id: '00000000-0000-4000-8000-000000000000' }, 700016],
      [{ redirect_uri: `${REDIRECT}/` }, 50011],
      [{ redirect_uri: 'https://evil.example/' }, 50011],
      [{ redirect_uri: null }, 900144],
    ] as const) {
      const page = await open(changes)
      t.same([page.number, page.status, page.leftFor], [number, 400, null])
    }
    t.equal((await open({}, 'fabrikam.invalid')).number, 90002)
    for (const [changes, error] of [
      [{ response_type: 'id_token' }, 'unsupported_response_type'],
      [{ scope: null }, 'invalid_request'],
      [{ code_challenge: 'short' }, 'invalid_request'],
    ] as const) {
      const { leftFor } = await open(changes)
      t.equal(leftFor?.searchParams.get('error'), error)
      t.equal(leftFor?.searchParams.get('state'), 'a state & more')
    }
  },
)

await t.test(
  'the shared addresses, a program’s own port and the other response modes work',
  async (t) => {
    const browser = new Browser(bench, loginUrl)
    const page = await browser.signIn(
      authorizeUrl({ redirect_uri: 'http://localhost:43210/done' }, 'organizations'),
      adele,
    )
    t.equal(page.number, 50011, 'the path counts')
    const local = await browser.signIn(
      authorizeUrl({ redirect_uri: 'http://localhost:43210' }, 'organizations'),
      adele,
    )
    t.equal(local.leftFor?.host, 'localhost:43210')
    await browser.open(authorizeUrl({ response_mode: 'form_post' }))
    t.match(browser.fields, { state: 'a state & more' })
    t.equal((await redeem(browser.fields['code'] ?? '')).status, 200)
    const fragment = await browser.open(authorizeUrl({ response_mode: 'fragment' }))
    t.match(fragment.leftFor?.hash, /^#code=.+&state=/)
  },
)

await t.test(
  'what was never granted is asked for, of an administrator where it must be',
  async (t) => {
    simulator.application.delegatedScopes.clear()
    const browser = new Browser(bench, loginUrl)
    const asked = await browser.signIn(authorizeUrl(), adele)
    t.equal(asked.title, 'Permissions requested')
    t.match(asked.text, /<li>openid<\/li>/)
    const declined = await browser.submit({ choice: 'cancel' })
    t.match(declined.leftFor?.searchParams.get('error_description'), /^AADSTS65004: /)
    await browser.open(authorizeUrl())
    t.ok((await browser.submit({ choice: 'accept' })).leftFor?.searchParams.get('code'))
    t.ok((await browser.open(authorizeUrl())).leftFor?.searchParams.get('code'), 'asked once')
    const scope = 'openid https://graph.microsoft.com/Directory.Read.All'
    t.equal((await browser.open(authorizeUrl({ scope }))).number, 90094)
    simulator.tenant.setRoles(bench.user('adele.vance'), ['Global Administrator'])
    t.equal((await browser.open(authorizeUrl({ scope }))).title, 'Permissions requested')
  },
)

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}
