import t from 'tap'
import { type Body, contractDir, Microsoft365Bench } from '../support/microsoft365.ts'

const bench = await Microsoft365Bench.start({
  people: 250,
  groups: 40,
  permissions: ['Directory.Read.All'],
  ...(contractDir === null ? {} : { contractDir }),
})
t.teardown(() => bench.stop())
const { simulator } = bench
const eventual = { headers: { consistencylevel: 'eventual' } }

async function grant(...permissions: string[]): Promise<void> {
  await bench.control('PATCH', '/application', { permissions })
  await bench.signIn()
}

await t.test('/users returns the documented default set, a page at a time', async (t) => {
  const seen: string[] = []
  let next = '/users'
  while (next !== '') {
    const { status, body } = await bench.graph(next)
    t.equal(status, 200)
    seen.push(...body.value.map((user: Body) => user.id))
    next = body['@odata.nextLink'] ?? ''
    if (seen.length === 100) {
      const names = Object.keys(body.value[0]).toSorted((a, b) => (a < b ? -1 : 1))
      t.notOk(names.includes('accountEnabled'))
      t.same(names, [
        'businessPhones',
        'displayName',
        'givenName',
        'id',
        'jobTitle',
        'mail',
        'mobilePhone',
        'officeLocation',
        'preferredLanguage',
        'surname',
        'userPrincipalName',
      ])
    }
  }
  t.equal(seen.length, 250)
  t.equal(new Set(seen).size, 250)
})

await t.test(
  '$select gives what it names, refuses what does not exist, and 501 for what is elsewhere',
  async (t) => {
    const { body } = await bench.graph(
      '/users?$select=displayName,accountEnabled,proxyAddresses,faxNumber&$top=1',
    )
    t.same(body.value[0].displayName, 'Adele Vance')
    t.equal(body.value[0].accountEnabled, true)
    t.equal(body.value[0].faxNumber, null)
    t.equal(Array.isArray(body.value[0].proxyAddresses), true)
    const unknown = await bench.graph('/users?$select=displayName,shoeSize')
    t.equal(unknown.status, 400)
    t.match(unknown.body.error, {
      code: 'BadRequest',
      message: /'shoeSize' on type 'microsoft.graph.user'/,
    })
    const elsewhere = await bench.graph('/users?$select=skills')
    t.same([elsewhere.status, elsewhere.body.error.code], [501, 'NotImplemented'])
    const bare = await bench.graph('/users?select=id')
    t.same([bare.status, bare.body.error.code], [400, 'Request_BadRequest'])
  },
)

await t.test('$filter: eq, in, startsWith, and, or; ne only as an advanced query', async (t) => {
  const count = async (filter: string, options = {}): Promise<number> => {
    const reply = await bench.graph(
      `/users?$top=999&$filter=${encodeURIComponent(filter)}`,
      options,
    )
    return reply.status === 200 ? reply.body.value.length : -reply.status
  }
  const adele = bench.user('adele.vance')
  t.equal(await count(`id eq '${adele}'`), 1)
  t.equal(await count(`id in ('${adele}', '${bench.user('lee.gu')}')`), 2)
  t.equal(await count("startsWith(displayName,'adele v')"), 1)
  const guests = await count("userType eq 'Guest'")
  t.ok(guests > 3)
  t.equal(
    await count("userType eq 'Guest' or userPrincipalName eq 'lee.gu@contoso.example'"),
    guests + 1,
  )
  t.equal(await count(`(accountEnabled eq true and id eq '${adele}')`), 1)
  t.equal(await count("userType ne 'Guest'"), -400)
  t.equal(await count("userType ne 'Guest'", eventual), 250 - guests)
  t.equal(await count("shoeSize eq '3'"), -400)
  t.equal(await count("displayName eq 'O''Brien"), -400)
})

await t.test('$count needs ConsistencyLevel', async (t) => {
  t.equal((await bench.graph('/users/$count')).status, 400)
  t.equal((await bench.graph('/users/$count', eventual)).text, '250')
  t.equal((await bench.graph('/users?$count=true&$top=1', eventual)).body['@odata.count'], 250)
  t.equal((await bench.graph('/users?$count=true&$top=1')).body['@odata.count'], undefined)
  for (const top of ['0', '1000', 'x'])
    t.equal((await bench.graph(`/users?$top=${top}`)).status, 400)
})

await t.test('a page token dies after minutes on the tenant’s clock', async (t) => {
  const { body } = await bench.graph('/users?$top=2')
  t.equal((await bench.graph(body['@odata.nextLink'])).status, 200)
  simulator.advance(11 * 60_000)
  const late = await bench.graph(body['@odata.nextLink'])
  t.same([late.status, late.body.error.code], [400, 'Directory_ExpiredPageToken'])
})

await t.test('a user is found by id and by UPN, a guest’s too; a deleted one is 404', async (t) => {
  const byUpn = await bench.graph('/users/Adele.Vance@contoso.example')
  t.equal(
    (await bench.graph(`/users/${byUpn.body.id}`)).body.userPrincipalName,
    'adele.vance@contoso.example',
  )
  const guest = simulator.tenant
    .all('user')
    .find((user) => user.versions[0]?.properties['userType'] === 'Guest')
  const upn = String(guest?.versions[0]?.properties['userPrincipalName'])
  t.equal((await bench.graph(`/users/${encodeURIComponent(upn)}`)).body.id, guest?.id)
  const missing = await bench.graph('/users/nobody@contoso.example')
  t.same([missing.status, missing.body.error.code], [404, 'Request_ResourceNotFound'])
  t.match(missing.body.error.innerError, {
    date: /^\d{4}-/,
    'request-id': missing.headers['request-id'],
  })
  simulator.tenant.delete(bench.user('lynne.robbins'))
  t.equal((await bench.graph('/users/lynne.robbins@contoso.example')).status, 404)
  simulator.tenant.restore(bench.user('lynne.robbins'))
  t.equal((await bench.graph('/users/lynne.robbins@contoso.example')).status, 200)
})

await t.test(
  'members: direct, transitive through a cycle, of every kind; memberOf the other way',
  async (t) => {
    const list = async (path: string): Promise<Body[]> =>
      (await bench.graph(`${path}?$top=999`)).body.value
    const corp = bench.group('Wi-Fi Corp')
    const direct = await list(`/groups/${corp}/members`)
    t.ok(direct.some((member) => member['@odata.type'] === '#microsoft.graph.group'))
    const whole = await list(`/groups/${corp}/transitiveMembers`)
    t.ok(whole.some(({ id }) => id === bench.user('adele.vance')))
    t.ok(whole.some((member) => member['@odata.type'] === '#microsoft.graph.servicePrincipal'))
    const northwind = await list(`/groups/${bench.group('Project Northwind')}/transitiveMembers`)
    t.ok(northwind.some(({ id }) => id === bench.user('lynne.robbins')))
    const memberOf = (await list('/users/adele.vance@contoso.example/memberOf')).map(
      (group) => group.displayName,
    )
    t.ok(memberOf.includes('Sales'))
    t.notOk(memberOf.includes('Wi-Fi Corp'))
    const transitive = await list('/users/adele.vance@contoso.example/transitiveMemberOf')
    t.ok(transitive.some((group) => group.displayName === 'Wi-Fi Corp'))
    const manager = await bench.graph('/users/adele.vance@contoso.example/manager')
    t.equal(manager.body.displayName, 'Miriam Graham')
    t.equal((await bench.graph('/users/patti.fernandez@contoso.example/manager')).status, 404)
  },
)

await t.test('hidden membership shows to Member.Read.Hidden alone', async (t) => {
  const path = `/groups/${bench.group('Works Council')}/members`
  t.same((await bench.graph(path)).body.value, [])
  await grant('Directory.Read.All', 'Member.Read.Hidden')
  t.equal((await bench.graph(path)).body.value.length, 2)
})

await t.test('organization, domains, licences and getByIds', async (t) => {
  const organization = (await bench.graph('/organization')).body.value[0]
  t.equal(organization.id, simulator.tenantId)
  t.ok(
    organization.verifiedDomains.some(
      (domain: Body) => domain.isDefault && domain.name === 'contoso.example',
    ),
  )
  t.equal(
    (await bench.graph('/domains')).body.value.find((domain: Body) => domain.isDefault).id,
    'contoso.example',
  )
  t.ok((await bench.graph('/subscribedSkus')).body.value[0].consumedUnits > 100)
  const ids = [bench.user('lee.gu'), bench.group('Sales'), '00000000-0000-4000-8000-000000000000']
  const found = await bench.graph('/directoryObjects/getByIds', { method: 'POST', json: { ids } })
  t.same(
    found.body.value.map((object: Body) => object['@odata.type']),
    ['#microsoft.graph.user', '#microsoft.graph.group'],
  )
  const onlyUsers = await bench.graph('/directoryObjects/microsoft.graph.getByIds', {
    method: 'POST',
    json: { ids, types: ['user'] },
  })
  t.equal(onlyUsers.body.value.length, 1)
})

await t.test('$batch: 20 at most, a status each, 424 after a failed dependency', async (t) => {
  const post = (requests: object[]): Promise<{ status: number; body: Body }> =>
    bench.graph('/$batch', { method: 'POST', json: { requests } })
  const { body } = await post([
    { id: '1', method: 'GET', url: '/users/lee.gu@contoso.example?$select=id' },
    { id: '2', method: 'GET', url: '/users/nobody@contoso.example' },
    { id: '3', method: 'GET', url: '/groups?$top=1', dependsOn: ['2'] },
    { id: '4', method: 'DELETE', url: '/users/lee.gu@contoso.example' },
  ])
  t.same(
    body.responses.map((response: Body) => [response.id, response.status]),
    [
      ['1', 200],
      ['2', 404],
      ['3', 424],
      ['4', 501],
    ],
  )
  t.equal(body.responses[0].body.id, bench.user('lee.gu'))
  const many = Array.from({ length: 21 }, (_, at) => ({
    id: String(at),
    method: 'GET',
    url: '/users',
  }))
  t.equal((await post(many)).status, 400)
  t.equal(
    (
      await post([
        { id: '1', method: 'GET', url: '/users' },
        { id: '1', method: 'GET', url: '/groups' },
      ])
    ).status,
    400,
  )
})

await t.test(
  'a call the granted permission does not cover is refused; a new grant is in new tokens only',
  async (t) => {
    await grant('User.Read.All')
    const cases: readonly [string, number][] = [
      ['/users', 200],
      ['/users/delta', 200],
      ['/organization', 200],
      ['/groups', 403],
      ['/groups/delta', 403],
      ['/domains', 403],
      [`/groups/${bench.group('Sales')}/members`, 403],
      ['/users/adele.vance@contoso.example/memberOf', 403],
    ]
    for (const [path, status] of cases) t.equal((await bench.graph(path)).status, status, path)
    const refused = await bench.graph('/groups')
    t.match(refused.body.error, {
      code: 'Authorization_RequestDenied',
      message: 'Insufficient privileges to complete the operation.',
    })
    await bench.control('PATCH', '/application', {
      permissions: ['User.Read.All', 'GroupMember.Read.All'],
    })
    t.equal((await bench.graph('/groups')).status, 403)
    await bench.signIn()
    t.equal((await bench.graph('/groups')).status, 200)
    t.equal((await bench.graph('/groups/delta')).status, 200)
  },
)

await t.test('User.ReadBasic.All shows names and addresses only', async (t) => {
  await grant('User.ReadBasic.All')
  const { body } = await bench.graph('/users?$top=1')
  t.equal(body.value[0].displayName, 'Adele Vance')
  t.equal(body.value[0].jobTitle, null)
  t.equal((await bench.graph('/users?$select=department')).status, 403)
  t.equal((await bench.graph('/users/delta')).status, 403)
})

await t.test('what does not exist is 400, what is not simulated 501', async (t) => {
  await grant('Directory.Read.All')
  t.equal((await bench.graph('/unicorns')).status, 400)
  t.equal((await bench.graph('/users?$expand=manager')).status, 400)
  const write = await bench.graph('/users', { method: 'POST', json: {} })
  t.same([write.status, write.body.error.code], [501, 'NotImplemented'])
})
