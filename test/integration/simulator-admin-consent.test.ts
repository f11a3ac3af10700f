import t from 'tap'
import { parseJwt } from '../../simulators/microsoft365/login/jwt.ts'
import { Microsoft365Bench } from '../support/microsoft365.ts'
import { Browser } from '../support/microsoft365-browser.ts'

const REDIRECT = 'https://gatehouse.example/connect/microsoft365'
const bench = await Microsoft365Bench.start()
t.teardown(() => bench.stop())
const { simulator } = bench
const { loginUrl, tenantId } = simulator
const patti = { login: 'patti.fernandez@contoso.example', password: 'President 1' }
simulator.tenant.setSignIn(bench.user('patti.fernandez'), { password: patti.password })
simulator.tenant.setRoles(bench.user('patti.fernandez'), ['Global Administrator'])
simulator.tenant.setSignIn(bench.user('adele.vance'), { password: 'Retail 2026' })

const registered = await bench.control('POST', '/applications', {
  displayName: 'Gatehouse for all',
  redirectUris: [REDIRECT],
  requiredPermissions: ['User.Read.All', 'GroupMember.Read.All'],
})
const clientId: string = registered.body.clientId
await bench.control('PATCH', `/application?client=${clientId}`, { addSecret: 'a secret' })

function consentUrl(changes: Readonly<Record<string, string>> = {}, tenant = 'organizations') {
  const query = new URLSearchParams({
    client_id: clientId,
    scope: 'https://graph.microsoft.com/.default',
    redirect_uri: REDIRECT,
    state: 'the state',
    ...changes,
  })
  return `${loginUrl}/${tenant}/v2.0/adminconsent?${query}`
}

function appToken() {
  return bench.tokenCall({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: 'a secret',
    scope: 'https://graph.microsoft.com/.default',
  })
}

await t.test('an application of elsewhere is unknown here before the consent', async (t) => {
  t.same((await appToken()).body.error_codes, [700016])
})

await t.test('who is no administrator is told so, and nobody else', async (t) => {
  const page = await new Browser(bench, loginUrl).signIn(consentUrl(), {
    login: 'adele.vance@contoso.example',
    password: 'Retail 2026',
  })
  t.same([page.number, page.leftFor], [90094, null])
})

await t.test('a no is sent back as Microsoft documents it, and grants nothing', async (t) => {
  const browser = new Browser(bench, loginUrl)
  const page = await browser.signIn(consentUrl(), patti)
  t.equal(page.title, 'Permissions requested')
  t.match(page.text, /<li>User\.Read\.All<\/li><li>GroupMember\.Read\.All<\/li>/)
  const { leftFor } = await browser.submit({ choice: 'cancel' })
  t.match(Object.fromEntries(leftFor?.searchParams ?? []), {
    admin_consent: 'True',
    error: 'consent_required',
    error_description: /^AADSTS65004: /,
    state: 'the state',
  })
  t.same((await appToken()).body.error_codes, [700016])
})

await t.test('a yes brings the application into being, with what it asked for', async (t) => {
  const browser = new Browser(bench, loginUrl)
  await browser.signIn(consentUrl(), patti)
  const { leftFor } = await browser.submit({ choice: 'accept' })
  t.equal(`${leftFor?.origin}${leftFor?.pathname}`, REDIRECT)
  t.match(Object.fromEntries(leftFor?.searchParams ?? []), {
    admin_consent: 'True',
    tenant: tenantId,
    state: 'the state',
  })
  const { body } = await appToken()
  t.same(parseJwt(body.access_token)?.claims['roles'], ['User.Read.All', 'GroupMember.Read.All'])
  const headers = { authorization: `Bearer ${body.access_token}` }
  t.equal((await bench.graph('/organization', { headers })).status, 200)
})

await t.test(
  'without .default no application permission is granted; mistakes are shown',
  async (t) => {
    const browser = new Browser(bench, loginUrl)
    await bench.control('PATCH', `/application?client=${clientId}`, { permissions: [] })
    await browser.signIn(consentUrl({ scope: 'User.Read' }), patti)
    await browser.submit({ choice: 'accept' })
    t.notOk(parseJwt((await appToken()).body.access_token)?.claims['roles'])
    t.equal((await browser.open(consentUrl({}, 'common'))).number, 90009)
    t.equal(
      (await browser.open(consentUrl({ redirect_uri: 'https://evil.example' }))).number,
      50011,
    )
    t.equal((await browser.open(consentUrl({ client_id: 'nothing' }))).number, 700016)
  },
)
