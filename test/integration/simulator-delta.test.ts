import t, { type Test } from 'tap'
import { type Body, Microsoft365Bench } from '../support/microsoft365.ts'

const DAY_MS = 86_400_000
const SELECT = '$select=displayName,mobilePhone,department,userPrincipalName,manager'

async function start(t: Test, people = 60): Promise<Microsoft365Bench> {
  const bench = await Microsoft365Bench.start({
    people,
    permissions: ['User.Read.All', 'GroupMember.Read.All'],
  })
  t.teardown(() => bench.stop())
  return bench
}

await t.test(
  'an initial round tells everybody once, over pages, to a deltaLink that tells nothing',
  async (t) => {
    const bench = await start(t, 450)
    for (const path of [
      '/users/delta',
      '/users/microsoft.graph.delta',
      '/users/microsoft.graph.delta()',
    ]) {
      const { pages, objects, deltaLink } = await bench.round(`${path}?${SELECT}`)
      t.equal(pages.length, 3)
      t.equal(new Set(objects.map(({ id }) => id)).size, 450)
      t.same((await bench.round(deltaLink)).objects, [])
    }
  },
)

await t.test(
  'only selected properties are told and tracked; without $select the default set',
  async (t) => {
    const bench = await start(t)
    const { objects, deltaLink } = await bench.round(`/users/delta?${SELECT}`)
    const adele = objects.find(({ id }) => id === bench.user('adele.vance'))
    t.same(adele['manager@delta'], [
      { '@odata.type': '#microsoft.graph.user', id: bench.user('miriam.graham') },
    ])
    t.equal(adele.accountEnabled, undefined)
    bench.simulator.tenant.update(bench.user('adele.vance'), { jobTitle: 'Buyer' })
    t.same((await bench.round(deltaLink)).objects, [])
    bench.simulator.tenant.update(bench.user('adele.vance'), { department: 'Legal' })
    t.match((await bench.round(deltaLink)).objects, [
      { id: adele.id, department: 'Legal', displayName: 'Adele Vance' },
    ])
    const byDefault = await bench.round('/users/delta')
    t.equal(byDefault.objects[0].accountEnabled, undefined)
    t.equal(byDefault.objects[0].givenName, 'Adele')
  },
)

await t.test(
  'never set is absent, cleared is null, and minimal tells what changed and no more',
  async (t) => {
    const bench = await start(t)
    const { tenant } = bench.simulator
    const id = bench.user('lee.gu')
    tenant.update(id, { mobilePhone: '+1 206 555 0199' })
    const { deltaLink } = await bench.round(
      `/users/delta?$select=displayName,mobilePhone,department,faxNumber`,
    )
    tenant.update(id, { mobilePhone: null })
    const [whole] = (await bench.round(deltaLink)).objects
    t.same(whole, { displayName: 'Lee Gu', mobilePhone: null, department: 'Engineering', id })
    const [minimal] = (await bench.round(deltaLink, { prefer: 'return=minimal' })).objects
    t.same(minimal, { mobilePhone: null, id })
  },
)

await t.test(
  'soft deletion is changed, purging is deleted, restoring brings the object back bare',
  async (t) => {
    const bench = await start(t)
    const { tenant } = bench.simulator
    const id = bench.user('joni.sherman')
    let link = (await bench.round(`/users/delta?${SELECT}`)).deltaLink
    const next = async (): Promise<Body[]> => {
      const { objects, deltaLink } = await bench.round(link)
      link = deltaLink
      return objects
    }
    tenant.delete(id)
    t.same(await next(), [{ id, '@removed': { reason: 'changed' } }])
    tenant.restore(id)
    const [restored] = await next()
    t.equal(restored['@removed'], undefined)
    t.equal(restored.userPrincipalName, 'joni.sherman@contoso.example')
    t.same(restored['manager@delta']?.length, 1)
    tenant.delete(id)
    bench.simulator.advance(30 * DAY_MS)
    link = (await bench.round(`/users/delta?${SELECT}`)).deltaLink
    const fresh = await bench.round(`/users/delta?${SELECT}`)
    t.notOk(fresh.objects.some((user) => user.id === id))
    const other = bench.user('grady.archie')
    tenant.delete(other)
    tenant.purge(other)
    t.same(await next(), [{ id: other, '@removed': { reason: 'deleted' } }])
  },
)

await t.test('a changed manager comes with the removal of the former one', async (t) => {
  const bench = await start(t)
  const { deltaLink } = await bench.round(`/users/delta?${SELECT}`)
  bench.simulator.tenant.setManager(bench.user('adele.vance'), bench.user('lee.gu'))
  const [adele] = (await bench.round(deltaLink)).objects
  t.same(
    adele['manager@delta'].map((each: Body) => [each.id, each['@removed']?.reason]),
    [
      [bench.user('lee.gu'), undefined],
      [bench.user('miriam.graham'), 'deleted'],
    ],
  )
})

await t.test(
  'groups tell direct members of every kind, and members added and removed',
  async (t) => {
    const bench = await start(t)
    const { tenant } = bench.simulator
    const { objects, deltaLink } = await bench.round('/groups/delta?$select=displayName,members')
    const types = new Set(
      objects.flatMap((group) =>
        (group['members@delta'] ?? []).map((member: Body) => member['@odata.type']),
      ),
    )
    for (const kind of ['user', 'group', 'servicePrincipal', 'device', 'orgContact'])
      t.ok(types.has(`#microsoft.graph.${kind}`), kind)
    const sales = bench.group('Sales')
    tenant.removeMembers(sales, [bench.user('adele.vance')])
    tenant.addMembers(sales, [bench.user('lee.gu'), bench.user('joni.sherman')])
    tenant.removeMembers(sales, [bench.user('joni.sherman')])
    const [changed] = (await bench.round(deltaLink)).objects
    t.equal(changed.displayName, 'Sales')
    t.same(
      new Map(
        changed['members@delta'].map((member: Body) => [member.id, member['@removed']?.reason]),
      ),
      new Map([
        [bench.user('adele.vance'), 'deleted'],
        [bench.user('lee.gu'), undefined],
        [bench.user('joni.sherman'), 'deleted'],
      ]),
    )
    const [minimal] = (await bench.round(deltaLink, { prefer: 'return=minimal' })).objects
    t.same(
      Object.keys(minimal).toSorted((a, b) => (a < b ? -1 : 1)),
      ['id', 'members@delta'],
    )
  },
)

await t.test('members come by default, and not with a $select that leaves them out', async (t) => {
  const bench = await start(t)
  const byDefault = await bench.round('/groups/delta')
  t.ok(byDefault.objects.some((group) => group['members@delta']))
  const without = await bench.round('/groups/delta?$select=displayName')
  t.notOk(without.objects.some((group) => group['members@delta']))
  bench.simulator.tenant.removeMembers(bench.group('Sales'), [bench.user('adele.vance')])
  t.same((await bench.round(without.deltaLink)).objects, [])
})

await t.test('a deleted user’s memberships end without a word in groups/delta', async (t) => {
  const bench = await start(t)
  const { deltaLink } = await bench.round('/groups/delta?$select=displayName,members')
  const id = bench.user('adele.vance')
  bench.simulator.tenant.delete(id)
  t.same((await bench.round(deltaLink)).objects, [])
  const again = await bench.round('/groups/delta?$select=displayName,members')
  t.notOk(JSON.stringify(again.objects).includes(id))
  bench.simulator.tenant.restore(id)
  t.same((await bench.round(deltaLink)).objects, [])
  const memberOf = await bench.graph(`/users/${id}/transitiveMemberOf`)
  t.ok(memberOf.body.value.some((group: Body) => group.displayName === 'Sales'))
})

await t.test('hidden memberships are not told without Member.Read.Hidden', async (t) => {
  const bench = await start(t)
  const members = async (): Promise<number> => {
    const { objects } = await bench.round('/groups/delta?$select=displayName,members')
    return (
      objects.find((group) => group.displayName === 'Works Council')['members@delta']?.length ?? 0
    )
  }
  t.equal(await members(), 0)
  bench.simulator.application.permissions.add('Member.Read.Hidden')
  t.equal(await members(), 0)
  await bench.signIn()
  t.equal(await members(), 2)
})

await t.test(
  'a round is a snapshot: what changes while it is read comes with the next one',
  async (t) => {
    const bench = await start(t, 450)
    const first = await bench.graph(`/users/delta?$select=displayName`)
    const last = bench.simulator.tenant.all('user').at(-1)?.id ?? ''
    bench.simulator.tenant.update(last, { displayName: 'Changed Meanwhile' })
    const rest = await bench.round(first.body['@odata.nextLink'])
    t.not(rest.objects.at(-1).displayName, 'Changed Meanwhile')
    t.match((await bench.round(rest.deltaLink)).objects, [
      { id: last, displayName: 'Changed Meanwhile' },
    ])
    const again = await bench.graph(first.body['@odata.nextLink'])
    t.same(again.body.value, rest.pages[0])
  },
)

await t.test('$deltatoken=latest, in any case, gives a link and no data', async (t) => {
  const bench = await start(t)
  for (const name of ['$deltatoken', '$deltaToken']) {
    const { objects, deltaLink } = await bench.round(
      `/users/delta?$select=displayName&${name}=latest`,
    )
    t.same(objects, [])
    bench.simulator.tenant.update(bench.user('lee.gu'), { displayName: name })
    t.match((await bench.round(deltaLink)).objects, [{ displayName: name }])
  }
})

await t.test(
  'a filter by id narrows the round and what follows; other options are refused',
  async (t) => {
    const bench = await start(t)
    const wanted = [bench.user('lee.gu'), bench.user('adele.vance')]
    const filter = encodeURIComponent(wanted.map((id) => `id eq '${id}'`).join(' or '))
    const { objects, deltaLink } = await bench.round(
      `/users/delta?$select=displayName&$filter=${filter}`,
    )
    t.same(new Set(objects.map(({ id }) => id)), new Set(wanted))
    bench.simulator.tenant.update(bench.user('joni.sherman'), { displayName: 'x' })
    bench.simulator.tenant.update(bench.user('lee.gu'), { displayName: 'y' })
    t.match((await bench.round(deltaLink)).objects, [{ displayName: 'y' }])
    for (const option of [
      '$top=5',
      '$orderby=displayName',
      '$expand=members',
      "$filter=displayName eq 'x'",
      '$select=shoeSize',
    ])
      t.equal((await bench.graph(`/users/delta?${encodeURI(option)}`)).status, 400, option)
    const many = encodeURIComponent(
      Array.from({ length: 51 }, () => `id eq '${wanted[0]}'`).join(' or '),
    )
    t.equal((await bench.graph(`/users/delta?$filter=${many}`)).status, 400)
  },
)

await t.test(
  'tokens are opaque, belong to their resource, and die after 7 days on the tenant’s clock',
  async (t) => {
    const bench = await start(t)
    const { deltaLink } = await bench.round(`/users/delta?${SELECT}`)
    t.notMatch(deltaLink, /displayName|select/)
    const refused = async (link: string): Promise<Body> => {
      const { status, body } = await bench.graph(link)
      return [status, body.error?.code]
    }
    t.same(await refused(deltaLink.replace('/users/', '/groups/')), [400, 'syncStateNotFound'])
    t.same(await refused(`${deltaLink}x`), [400, 'syncStateNotFound'])
    bench.simulator.advance(7 * DAY_MS - 60_000)
    t.equal((await bench.graph(deltaLink)).status, 200)
    bench.simulator.advance(60_000)
    t.same(await refused(deltaLink), [400, 'syncStateNotFound'])
  },
)
