import t from 'tap'
import { contractDir, Microsoft365Bench } from '../support/microsoft365.ts'

const READ = ['User.Read.All', 'GroupMember.Read.All']
const contract = contractDir === null ? {} : { contractDir }
const bench = await Microsoft365Bench.start({ people: 24, seed: 1, ...contract })
t.teardown(() => bench.stop())
const { tenant } = bench.simulator
const adele = tenant.findUser('adele.vance@contoso.example')?.id ?? ''
const patch = (json: unknown, id = adele) => bench.graph(`/users/${id}`, { method: 'PATCH', json })

async function grant(...permissions: string[]): Promise<void> {
  await bench.control('PATCH', '/application', { permissions: [...READ, ...permissions] })
  await bench.signIn()
}

const shown = async (select: string, id = adele) =>
  (await bench.graph(`/users/${id}?$select=${select}`)).body

await t.test('a write answers 204 and is seen in reads and delta rounds', async (t) => {
  await grant('User.ReadWrite.All')
  const { deltaLink } = await bench.round('/users/delta?$select=jobTitle,mobilePhone')
  const reply = await patch({ jobTitle: 'Buyer', mobilePhone: null })
  t.equal(reply.status, 204)
  t.equal(reply.text, '')
  t.match(await shown('jobTitle,mobilePhone'), { jobTitle: 'Buyer', mobilePhone: null })
  const { objects } = await bench.round(deltaLink)
  t.match(objects, [{ id: adele, jobTitle: 'Buyer', mobilePhone: null }])
})

await t.test('what Microsoft would not take is refused, and nothing has changed', async (t) => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{ shoeSize: 42 }, /Invalid property 'shoeSize'/],
    [{ createdDateTime: '2020-01-01T00:00:00Z' }, /read-only/],
    [{ jobTitle: 'x', proxyAddresses: [] }, /read-only/],
    [{ accountEnabled: 'no' }, /Invalid value/],
    [{ accountEnabled: null }, /Invalid value/],
    [{ displayName: null }, /Invalid value/],
    [{ givenName: '' }, /Invalid value/],
    [{ givenName: 'x'.repeat(65) }, /Invalid value/],
    [{ businessPhones: ['1', '2'] }, /Invalid value/],
    [{ businessPhones: null }, /Invalid value/],
    [{ userPrincipalName: 'adele@elsewhere.example' }, /domain portion/],
    [{ userPrincipalName: 'adèle@contoso.example' }, /Invalid value/],
    [{ userPrincipalName: 'alex.wilber@contoso.example' }, /already exists/],
    [[], /Unable to read/],
  ]
  const before = await shown('jobTitle,displayName,givenName,userPrincipalName')
  for (const [json, message] of refused) {
    const reply = await patch(json)
    t.equal(reply.status, 400, JSON.stringify(json).slice(0, 60))
    t.match(reply.body.error, { code: 'Request_BadRequest', message })
  }
  t.same(await shown('jobTitle,displayName,givenName,userPrincipalName'), before)
  t.equal((await patch({ jobTitle: 'x' }, '00000000-0000-4000-8000-000000000000')).status, 404)
})

await t.test('a manager is put and deleted as a reference', async (t) => {
  await grant('User.ReadWrite.All')
  const alex = tenant.findUser('alex.wilber@contoso.example')?.id ?? ''
  const { graphUrl } = bench.simulator
  const path = `/users/${adele}/manager/$ref`
  const put = (reference: string) =>
    bench.graph(path, { method: 'PUT', json: { '@odata.id': reference } })
  const managerOf = async () =>
    (await bench.graph(`/users/${adele}?$select=id&$expand=manager($select=id)`)).body.manager
  t.equal((await put(`${graphUrl}/v1.0/users/${alex}`)).status, 204)
  t.same(await managerOf(), { '@odata.type': '#microsoft.graph.user', id: alex })
  t.equal((await put('https://elsewhere.example/v1.0/users/x')).status, 400)
  t.equal((await put(`${graphUrl}/v1.0/users/00000000-0000-4000-8000-000000000000`)).status, 404)
  t.equal((await bench.graph(path, { method: 'DELETE' })).status, 204)
  t.equal(await managerOf(), undefined, 'whoever has none has no such property')
  t.equal((await bench.graph(path, { method: 'DELETE' })).status, 404)
  await grant('User.EnableDisableAccount.All')
  t.equal((await put(`${graphUrl}/v1.0/users/${alex}`)).status, 403)
})

await t.test('members are added and removed as references, where Graph writes them', async (t) => {
  await grant('GroupMember.ReadWrite.All')
  const { graphUrl } = bench.simulator
  const members = (name: string) => `/groups/${bench.group(name)}/members`
  const add = (name: string, id = adele) =>
    bench.graph(`${members(name)}/$ref`, {
      method: 'POST',
      json: { '@odata.id': `${graphUrl}/v1.0/directoryObjects/${id}` },
    })
  const remove = (name: string, id = adele) =>
    bench.graph(`${members(name)}/${id}/$ref`, { method: 'DELETE' })
  const isIn = async (name: string) => {
    const query = `?$count=true&$filter=id eq '${adele}'`.replaceAll(' ', '%20')
    const headers = { consistencylevel: 'eventual' }
    return (await bench.graph(members(name) + query, { headers })).body.value.length === 1
  }
  t.equal((await add('Legal')).status, 204)
  t.ok(await isIn('Legal'))
  const again = await add('Legal')
  t.equal(again.status, 400)
  t.match(again.body.error.message, /already exist .* 'members'/)
  t.equal((await remove('Legal')).status, 204)
  t.notOk(await isIn('Legal'))
  t.equal((await remove('Legal')).status, 404)
  t.equal((await add('Legal', '00000000-0000-4000-8000-000000000000')).status, 404)
  t.equal((await add('All Employees')).status, 403, 'a rule makes its members')
  t.equal((await add('Press')).status, 403, 'a distribution list')
  tenant.update(bench.group('Finance'), { isAssignableToRole: true })
  t.equal((await add('Finance')).status, 403, 'a group that gives roles')
  tenant.update(bench.group('Sales'), { onPremisesSyncEnabled: true })
  t.equal((await remove('Sales')).status, 400)
  await grant()
  t.equal((await add('Legal')).status, 403)
})

await t.test('each property asks for its own permission', async (t) => {
  await grant('User.EnableDisableAccount.All')
  t.equal((await patch({ accountEnabled: false })).status, 204)
  t.equal((await patch({ accountEnabled: true, jobTitle: 'x' })).status, 403)
  t.match(await shown('accountEnabled'), { accountEnabled: false }, 'all of it, or nothing')
  t.equal(
    (await bench.graph(`/users/${adele}/revokeSignInSessions`, { method: 'POST' })).status,
    403,
  )
  await grant('User-Phone.ReadWrite.All')
  t.equal((await patch({ mobilePhone: '+49 30 1' })).status, 204)
  t.equal((await patch({ accountEnabled: true })).status, 403)
  await grant()
  t.equal((await patch({ mobilePhone: '+49 30 1' })).status, 403)
})

await t.test('sessions that were revoked are told by their time', async (t) => {
  await grant('User.RevokeSessions.All')
  const before = Date.now() - 1_000
  const path = `/users/${adele}/microsoft.graph.revokeSignInSessions`
  const reply = await bench.graph(path, { method: 'POST' })
  t.match({ status: reply.status, body: reply.body }, { status: 200, body: { value: true } })
  const { signInSessionsValidFromDateTime } = await shown('signInSessionsValidFromDateTime')
  t.ok(Date.parse(signInSessionsValidFromDateTime) >= before)
})

await t.test('people with a role are only for applications above it', async (t) => {
  await grant('User.ReadWrite.All')
  await bench.control('POST', '/changes', {
    op: 'setRoles',
    id: adele,
    roles: ['Helpdesk Administrator'],
  })
  t.equal((await patch({ jobTitle: 'Helper' })).status, 204, 'what is not sensitive is written')
  t.equal((await patch({ accountEnabled: true })).status, 403)
  const directoryRoles = ['Privileged Authentication Administrator']
  await bench.control('PATCH', '/application', { directoryRoles })
  t.equal((await patch({ accountEnabled: true })).status, 204, 'a role holds at once')
})

await t.test('accounts mastered on premises are not written here', async (t) => {
  const alex = tenant.findUser('alex.wilber@contoso.example')?.id ?? ''
  tenant.update(alex, { onPremisesSyncEnabled: true })
  const reply = await patch({ jobTitle: 'x' }, alex)
  t.equal(reply.status, 400)
  t.match(reply.body.error.message, /on-premises mastered Directory Sync objects/)
})

await t.test('replicas show a write after the lag, and writes have a quota', async (t) => {
  await bench.control('PATCH', '/settings', { shaping: { lagMs: 60_000, replicas: 3 } })
  const city = (await shown('city'))['city']
  t.equal((await patch({ city: 'Bremen' })).status, 204)
  t.match(await shown('city'), { city })
  await bench.control('DELETE', '/settings')
  t.match(await shown('city'), { city: 'Bremen' })
  await bench.control('PATCH', '/settings', { throttling: { quota: 'documented' } })
  let status = 204
  for (let at = 0; at <= 3_000 && status === 204; at++)
    status = (await patch({ city: 'Bonn' })).status
  t.equal(status, 429)
})
