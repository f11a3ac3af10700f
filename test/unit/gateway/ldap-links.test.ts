/** What a search may learn from links between entries, and what it costs to tell. */
import t from 'tap'
import { adele, contoso, emea, held, manager, nss, sales, staged } from '../../support/contoso.ts'
import {
  aGroup,
  aPerson,
  aService,
  MemoryDirectory,
  someSettings,
} from '../../support/directory.ts'
import { BASE, dnOf, startGateway } from '../../support/ldap-gateway.ts'

await t.test(
  'filters: an extensible match by the attribute’s own rule is an equality match',
  async (t) => {
    const { model } = contoso()
    const one = await startGateway(model).as(nss)
    let listed = 0
    const listing = (list: (no: number) => Iterable<number>) => (no: number) => {
      listed++
      return list.call(model, no)
    }
    model.directMembers = listing(model.directMembers)
    model.allMembers = listing(model.allMembers)
    model.allGroups = listing(model.allGroups)
    const groups = (...names: readonly string[]) => names.map((name) => `cn=${name},ou=groups`)
    for (const [filter, found] of [
      [`(member:2.5.13.1:=${dnOf(adele)})`, groups('sales', 'secret')],
      [`(member:distinguishedNameMatch:=${dnOf(adele)})`, groups('sales', 'secret')],
      [`(member:dn:2.5.13.1:=${dnOf(adele)})`, groups('sales', 'secret')],
      [`(member:=${dnOf(adele)})`, groups('sales', 'secret')],
      [`(memberOf:2.5.13.1:=${dnOf(sales)})`, ['uid=adele.vance,ou=people']],
      ['(memberUid:caseExactIA5Match:=adele.vance)', groups('sales', 'emea', 'secret')],
      [`(manager:2.5.13.1:=${dnOf(manager)})`, ['uid=adele.vance,ou=people']],
      ['(cn:caseIgnoreMatch:=EMEA)', groups('emea')],
      ['(uidNumber:2.5.13.14:=300777)', ['uid=bjorn,ou=people']],
      [`(member:caseIgnoreMatch:=${dnOf(adele)})`, []],
      ['(&(objectClass=posixGroup)(!(member:caseIgnoreMatch:=x)))', []],
      ['(!(jpegPhoto:1.2.3.4:=x))', []],
    ] as const) {
      t.same(await one.names(filter), found, filter)
    }
    t.equal(listed, 0, 'no list of members was gone through')
  },
)

await t.test('presence of links: the filter says what the entry shows', async (t) => {
  const directory = contoso()
  const idle = aGroup({ name: 'idle' })
  const apart = aGroup({ name: 'apart' })
  const outer = aGroup({ name: 'outer' })
  directory.put(idle, apart, outer)
  directory.join(idle, held, staged)
  directory.join(apart, manager)
  directory.join(outer, apart)
  const views = [
    aService({ name: 'v1', view: { sees: 'groups', groupIds: [emea.id] } }),
    aService({ name: 'v2', view: { sees: 'groups', groupIds: [idle.id, sales.id] } }),
    aService({ name: 'v3', view: { sees: 'groups', groupIds: [outer.id] } }),
  ]
  directory.put(...views)
  const { as } = startGateway(directory.model)
  for (const viewer of [nss, ...views, adele, manager]) {
    const one = await as(viewer)
    for (const type of ['member', 'memberUid', 'memberOf'] as const) {
      const { entries } = await one.search('(entryUUID=*)', { attributes: [type] })
      const shown = entries.filter(({ attributes }) => attributes[type] !== undefined)
      const names = shown.map(({ dn }) => dn.replace(`,${BASE}`, ''))
      const who = viewer.kind === 'person' ? viewer.username : viewer.name
      t.same(await one.names(`(${type}=*)`), names, `${who}: (${type}=*)`)
      const others = await one.names(`(&(entryUUID=*)(!(${type}=*)))`)
      t.equal(others.length, entries.length - names.length, `${who}: (!(${type}=*))`)
      const typesOnly = await one.search('(entryUUID=*)', { attributes: [type], typesOnly: true })
      const typed = typesOnly.entries.filter(({ attributes }) => attributes[type] !== undefined)
      t.same(
        typed.map(({ dn }) => dn),
        shown.map(({ dn }) => dn),
        `${who}: types only`,
      )
    }
  }
  const narrowed = await as(views[1] as (typeof views)[0])
  t.same(await narrowed.names('(member=*)'), ['cn=sales,ou=groups'])
})

await t.test('types only: whether a group has members is told by the first of them', async (t) => {
  const crowd = Array.from({ length: 50 }, (_, at) => aPerson({ username: `p${at}` }))
  const all = aGroup({ name: 'all' })
  const directory = new MemoryDirectory(someSettings(), nss, all, ...crowd)
  directory.join(all, ...crowd)
  const one = await startGateway(directory.model).as(nss)
  let looked = 0
  const entry = directory.model.entry.bind(directory.model)
  directory.model.entry = (no) => {
    looked++
    return entry(no)
  }
  const attributes = ['member', 'memberUid', 'memberOf']
  const { entries } = await one.search('(cn=all)', { attributes, typesOnly: true })
  t.same(entries[0]?.attributes, { member: [], memberUid: [] })
  t.ok(looked < 10, `${looked} entries looked at`)
})
