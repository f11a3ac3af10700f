import t from 'tap'
import { parseJwt } from '../../simulators/microsoft365/login/jwt.ts'
import { Microsoft365Bench, type Reply } from '../support/microsoft365.ts'

const PASSWORD = 'Correct horse 7 battery'
const bench = await Microsoft365Bench.start({ people: 40, seed: 1 })
t.teardown(() => bench.stop())
const { simulator } = bench
const { clientId, clientSecret, tenant, tenantId } = simulator
const members = tenant
  .all('user')
  .map((user) => ({ id: user.id, properties: user.versions.at(-1)?.properties ?? {} }))
  .filter(({ properties }) => properties['userType'] !== 'Guest')
  .filter(({ properties }) => properties['accountEnabled'] !== false)

/** Somebody with the usual password whom no other test has used. */
function somebody(signIn: object = {}): { readonly id: string; readonly upn: string } {
  const user = members.shift()
  if (user === undefined) throw new Error('nobody is left')
  tenant.setSignIn(user.id, { password: PASSWORD, ...signIn })
  return { id: user.id, upn: String(user.properties['userPrincipalName']) }
}

function signIn(username: string, password: string, form: object = {}): Promise<Reply> {
  return bench.tokenCall({
    grant_type: 'password',
    client_id: clientId,
    client_secret: clientSecret,
    scope: 'openid profile',
    username,
    password,
    ...form,
  })
}

const codeOf = ({ body }: Reply): number | null => body.error_codes?.[0] ?? null

await t.test(
  'the right password gives tokens that say who signed in, for this client',
  async (t) => {
    const { id, upn } = somebody()
    const { status, body } = await signIn(upn, PASSWORD)
    t.equal(status, 200)
    const claims = parseJwt(body.id_token)?.claims ?? {}
    t.match(claims, { aud: clientId, tid: tenantId, oid: id, preferred_username: upn, ver: '2.0' })
    t.equal(body.refresh_token, undefined, 'none was asked for')
    t.equal((await signIn(upn.toUpperCase(), PASSWORD)).status, 200, 'names know no case')
  },
)

await t.test(
  "each state of an account has its number, and a person's is not another's",
  async (t) => {
    const states: readonly (readonly [number, object])[] = [
      [50056, { password: null }],
      [50055, { passwordExpired: true }],
      [50055, { mustChangePassword: true }],
      [50076, { mfa: 'required' }],
      [50079, { mfa: 'unregistered' }],
      [53003, { denials: [53003] }],
      [50105, { denials: [50105] }],
    ]
    for (const [code, state] of states) {
      const { upn } = somebody(state)
      const reply = await signIn(upn, PASSWORD)
      t.equal(codeOf(reply), code, JSON.stringify(state))
      t.match(reply.body, { error: 'invalid_grant' })
      t.match(reply.body.error_description, new RegExp(`^AADSTS${code}: `))
      const isSaidFirst = code === 50056
      const wrong = await signIn(upn, 'something else')
      t.equal(codeOf(wrong), isSaidFirst ? 50056 : 50126, 'a wrong password says no more than that')
    }
    t.equal(codeOf(await signIn('nobody@contoso.example', PASSWORD)), 50034)
    const { id, upn } = somebody()
    tenant.update(id, { accountEnabled: false })
    t.equal(codeOf(await signIn(upn, PASSWORD)), 50057)
    t.equal((await signIn(somebody().upn, PASSWORD)).status, 200)
  },
)

await t.test(
  'a federated person is refused with the right password, a guest is not known',
  async (t) => {
    const { upn } = somebody({ denials: [50126] })
    t.equal(codeOf(await signIn(upn, PASSWORD)), 50126)
    const guest = tenant
      .all('user')
      .find((user) => user.versions.at(-1)?.properties['userType'] === 'Guest')
    if (guest === undefined) throw new Error('the tenant has no guest')
    tenant.setSignIn(guest.id, { password: PASSWORD })
    const name = String(guest.versions.at(-1)?.properties['userPrincipalName'])
    t.equal(codeOf(await signIn(name, PASSWORD)), 50034)
  },
)

await t.test('spaces at either end of a password do not arrive', async (t) => {
  t.equal((await signIn(somebody().upn, ` ${PASSWORD} `)).status, 200)
  const { upn } = somebody({ password: ` ${PASSWORD}` })
  t.equal(codeOf(await signIn(upn, ` ${PASSWORD}`)), 50126)
})

await t.test(
  'ten different wrong passwords lock an account for a minute, then for longer',
  async (t) => {
    const { upn } = somebody()
    for (let at = 0; at < 20; at += 1) t.equal(codeOf(await signIn(upn, 'the same')), 50126)
    for (let at = 1; at < 10; at += 1) t.equal(codeOf(await signIn(upn, `wrong ${at}`)), 50126)
    t.equal(codeOf(await signIn(upn, PASSWORD)), 50053, 'also with the right one')
    t.equal((await signIn(somebody().upn, PASSWORD)).status, 200, 'nobody else is')
    simulator.advance(60_000)
    t.equal(codeOf(await signIn(upn, 'wrong 11')), 50126)
    simulator.advance(60_000)
    t.equal(codeOf(await signIn(upn, PASSWORD)), 50053, 'two minutes the second time')
    simulator.advance(60_000)
    t.equal((await signIn(upn, PASSWORD)).status, 200)
    t.equal(codeOf(await signIn(upn, 'wrong 12')), 50126, 'and begins to count anew')
    t.equal((await signIn(upn, PASSWORD)).status, 200)
  },
)

await t.test(
  'what the application may not ask for is refused before anybody is looked up',
  async (t) => {
    const { upn } = somebody()
    t.equal(codeOf(await signIn(upn, PASSWORD, { scope: 'openid Mail.Read' })), 65001)
    t.equal(codeOf(await signIn(upn, PASSWORD, { client_secret: 'wrong' })), 7000215)
    t.equal(codeOf(await signIn(upn, PASSWORD, { client_id: tenantId })), 700016)
    await bench.control('PATCH', '/application', { secretsExpireAtMs: Date.now() - 1 })
    t.equal(codeOf(await signIn(upn, PASSWORD)), 7000222)
  },
)

await t.test('a rule gives whatever number is wanted to the next sign-in', async (t) => {
  const { upn } = somebody()
  const rule = { fault: 'status', on: 'login', status: 400, code: '700038', times: 1 }
  await bench.control('POST', '/faults', rule)
  const reply = await signIn(upn, PASSWORD)
  t.same([reply.status, codeOf(reply)], [400, 700038])
})
