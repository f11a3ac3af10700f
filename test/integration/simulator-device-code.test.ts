import t from 'tap'
import { parseJwt } from '../../simulators/microsoft365/login/jwt.ts'
import { Microsoft365Bench, type Reply } from '../support/microsoft365.ts'
import { Browser } from '../support/microsoft365-browser.ts'
import { makeClientCertificate } from '../support/microsoft365-certificate.ts'

const TOOLS = '14d82eec-204b-4c2f-b7e8-296a70dab67e'
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const SCOPE =
  'https://graph.microsoft.com/Application.ReadWrite.All AppRoleAssignment.ReadWrite.All RoleManagement.ReadWrite.Directory User.Read'
const bench = await Microsoft365Bench.start()
t.teardown(() => bench.stop())
const { simulator } = bench
const { loginUrl } = simulator
const patti = { login: 'patti.fernandez@contoso.example', password: 'President 1' }
simulator.tenant.setSignIn(bench.user('patti.fernandez'), { password: patti.password })
simulator.tenant.setRoles(bench.user('patti.fernandez'), ['Global Administrator'])

function begin(form: Readonly<Record<string, string>> = {}): Promise<Reply> {
  return bench.call(`${loginUrl}/organizations/oauth2/v2.0/devicecode`, {
    method: 'POST',
    form: { client_id: TOOLS, scope: SCOPE, ...form },
  })
}

function poll(deviceCode: string): Promise<Reply> {
  const form = { grant_type: GRANT, client_id: TOOLS, device_code: deviceCode }
  return bench.tokenCall(form, 'organizations')
}

/** Enters the code and signs in; answers the consent page. */
async function enter(userCode: string, who = patti, choice = 'accept') {
  const browser = new Browser(bench, loginUrl)
  await browser.open(`${loginUrl}/device`)
  const asked = await browser.submit({ otc: userCode })
  if (asked.title !== 'Sign in') return asked
  const page = await browser.submit({ login: who.login, passwd: who.password })
  return page.title === 'Permissions requested' ? browser.submit({ choice }) : page
}

async function signedIn(): Promise<string> {
  const { body } = await begin()
  await enter(body.user_code)
  return (await poll(body.device_code)).body.access_token
}

await t.test('a code is polled for until somebody has entered it and agreed', async (t) => {
  const { body } = await begin()
  t.match(body, { expires_in: 900, interval: 5, verification_uri: `${loginUrl}/device` })
  t.match(body.message, body.user_code)
  t.match((await poll(body.device_code)).body, { error: 'authorization_pending' })
  t.equal((await enter('WRONGCODE')).number, 70002)
  t.equal((await enter(body.user_code)).title, 'Signed in')
  const done = await poll(body.device_code)
  t.equal(done.status, 200)
  t.match(parseJwt(done.body.access_token)?.claims, {
    azp: TOOLS,
    azpacr: '0',
    oid: bench.user('patti.fernandez'),
    scp: /Application\.ReadWrite\.All/,
  })
  t.match((await poll(body.device_code)).body, { error: 'bad_verification_code' })
})

await t.test('declined, too fast, expired and unknown codes are told apart', async (t) => {
  const declined = (await begin()).body
  await enter(declined.user_code, patti, 'cancel')
  t.match((await poll(declined.device_code)).body, { error: 'authorization_declined' })
  await bench.control('PATCH', '/settings', { devicePollMs: 60_000 })
  const hasty = (await begin()).body
  t.match((await poll(hasty.device_code)).body, { error: 'authorization_pending' })
  t.match((await poll(hasty.device_code)).body, { error: 'slow_down' })
  await bench.control('DELETE', '/settings')
  t.match((await poll('nothing')).body, { error: 'bad_verification_code' })
  t.same((await begin({ client_id: simulator.clientId })).body.error_codes, [7000218])
  t.same((await begin({ client_id: 'unknown' })).body.error_codes, [700016])
})

await t.test('who is no administrator cannot agree to such permissions', async (t) => {
  simulator.tenant.setSignIn(bench.user('adele.vance'), { password: 'Retail 2026' })
  const { body } = await begin()
  const adele = { login: 'adele.vance@contoso.example', password: 'Retail 2026' }
  t.equal((await enter(body.user_code, adele)).number, 90094)
})

await t.test('an administrator’s token makes an application that signs in by itself', async (t) => {
  const headers = { authorization: `Bearer ${await signedIn()}` }
  const post = (path: string, json: object) => bench.graph(path, { method: 'POST', headers, json })
  const get = async (path: string) => (await bench.graph(path, { headers })).body.value
  const { certificatePem } = await makeClientCertificate()
  const key = certificatePem.replaceAll(/-----[A-Z ]+-----|\s/g, '')
  const keyCredentials = [{ type: 'AsymmetricX509Cert', usage: 'Verify', key }]
  const made = await post('/applications', {
    displayName: 'Gatehouse',
    tags: ['mine'],
    keyCredentials,
  })
  t.equal(made.status, 201)
  const byTag = await get("/applications?$filter=tags/any(t:t eq 'mine')")
  t.same([byTag.length, byTag[0].appId], [1, made.body.appId])
  t.same(await get("/applications?$filter=tags/any(t:t eq 'other')"), [])
  const principal = await post('/servicePrincipals', { appId: made.body.appId })
  t.equal(principal.status, 201)
  t.equal((await post('/servicePrincipals', { appId: made.body.appId })).status, 409)
  const [graph] = await get(
    "/servicePrincipals?$filter=appId eq '00000003-0000-0000-c000-000000000000'",
  )
  const role = graph.appRoles.find(({ value }: { value: string }) => value === 'User.Read.All')
  const assignments = `/servicePrincipals/${principal.body.id}/appRoleAssignments`
  const assignment = {
    principalId: principal.body.id,
    resourceId: graph.id,
    appRoleId: role.id,
  }
  t.equal((await post(assignments, assignment)).status, 201)
  t.equal((await post(assignments, assignment)).status, 400, 'it is there already')
  t.match(await get(assignments), [{ appRoleId: role.id }])
  t.equal(
    (
      await post('/roleManagement/directory/roleAssignments', {
        principalId: principal.body.id,
        roleDefinitionId: 'fe930be7-5e62-47db-91af-98c3a49a38b1',
        directoryScopeId: '/',
      })
    ).status,
    201,
  )
  const application = simulator.applications.find(made.body.appId)
  t.same([...(application?.permissions ?? [])], ['User.Read.All'])
  t.same([...(application?.directoryRoles ?? [])], ['User Administrator'])
  t.equal(application?.certificates.size, 1)
  const nonsense = await post('/applications', { displayName: 'x', colour: 'red' })
  t.equal(nonsense.status, 400)
})

await t.test('a token does no more than its scopes and the person’s roles allow', async (t) => {
  const token = await signedIn()
  const headers = { authorization: `Bearer ${token}` }
  t.equal((await bench.graph('/users', { headers })).status, 403, 'no such scope')
  simulator.tenant.setRoles(bench.user('patti.fernandez'), [])
  const json = { displayName: 'Gatehouse' }
  const made = await bench.graph('/applications', { method: 'POST', headers, json })
  t.equal(made.status, 403, 'no such role any more')
  t.equal((await bench.graph('/applications')).status, 403, 'nor an application by itself')
})
