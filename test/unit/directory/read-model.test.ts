import t from 'tap'
import type { Entry, Query } from '../../../src/directory/query.ts'
import {
  aGroup,
  aNas,
  aNetwork,
  anAdministrator,
  aPerson,
  aService,
  MemoryDirectory,
  someSettings,
} from '../../support/directory.ts'

t.test('read model: each kind is found by its names', async (t) => {
  const ada = aPerson({ username: 'ada', mail: 'Ada@Contoso.example', userPrincipalName: null })
  const staff = aGroup({ name: 'Staff Berlin' })
  const wiki = aService({ name: 'wiki' })
  const root = anAdministrator({ username: 'Root' })
  const nas = aNas()
  const settings = someSettings()
  const { model } = new MemoryDirectory(ada, staff, wiki, root, nas, settings)

  t.equal(model.personByUsername('ada')?.value.id, ada.id)
  t.equal(model.personByLoginName('ada@contoso.example')?.no, ada.no)
  t.equal(model.personByUsername('ada@contoso.example'), null)
  t.equal(model.groupByName('staff berlin')?.no, staff.no)
  t.equal(model.serviceByName('wiki')?.no, wiki.no)
  t.equal(model.administratorByName('root')?.id, root.id)
  t.equal(model.administratorById(root.id)?.username, 'Root')
  t.equal(model.nasById(nas.id)?.name, nas.name)
  t.equal(model.entryById(staff.id)?.no, staff.no)
  t.equal(model.entry(wiki.no)?.value.id, wiki.id)
  t.equal(model.settings.domain, 'contoso.example')
  t.same([model.count('person'), model.count('group'), model.count('service')], [1, 1, 1])
})

t.test('read model: networks come in the order in which they are tried', async (t) => {
  const late = aNetwork({ priority: 20, name: 'late' })
  const early = aNetwork({ priority: 10, name: 'early' })
  const { model } = new MemoryDirectory(late, early)
  t.same(
    model.networks().map((network) => network.name),
    ['early', 'late'],
  )
})

t.test('read model: nested members belong, a group in a cycle is not its own member', async (t) => {
  const [outer, inner, ada] = [aGroup(), aGroup(), aPerson()]
  const directory = new MemoryDirectory(outer, inner, ada)
  directory.join(outer, inner)
  directory.join(inner, ada, outer)
  const { model } = directory

  t.ok(model.isMember(outer.no, ada.no))
  t.notOk(model.isMember(outer.no, outer.no))
  t.same([...model.allMembers(outer.no)], [inner.no, ada.no])
  t.same([...model.allGroups(ada.no)], [outer.no, inner.no])
  t.same([...model.directMembers(outer.no)], [inner.no])
  directory.leave(inner, ada)
  t.notOk(model.isMember(outer.no, ada.no))
})

t.test('read model: a search gives what is true, in the order of numbers', async (t) => {
  const people = ['ada', 'bob', 'cy'].map((username) => aPerson({ username, department: 'R&D' }))
  const { model } = new MemoryDirectory(...people, aGroup())
  const query: Query = { op: 'equals', field: 'department', value: 'r&d' }
  const names = (found: Iterable<Entry>) => [...found].map((entry) => entry.no)
  t.same(
    names(model.search(query)),
    people.map((person) => person.no),
  )
  t.same(names(model.search(query, { afterNo: people[1]?.no ?? 0 })), [people[2]?.no])
  t.same(names(model.search({ op: 'not', of: query })), [], 'groups have no department: undefined')
})
