import t from 'tap'
import type { Change } from '../../../src/directory/change.ts'
import { ReadModel } from '../../../src/directory/read-model.ts'
import {
  aGroup,
  aHold,
  aNas,
  aNetwork,
  anAdministrator,
  aPerson,
  aService,
  idFor,
  MemoryDirectory,
  someSettings,
} from '../../support/directory.ts'

function put(value: Extract<Change, { id: string }>['value'], usn: number): Change {
  if (value === null) throw new Error('nothing to put')
  return { kind: value.kind, id: value.id, value, usn, atMs: usn * 1000 }
}

t.test('a changed person is found by what she is now, and not by what she was', async (t) => {
  const ada = aPerson({ username: 'ada', mail: 'ada@contoso.example', department: 'R&D' })
  const directory = new MemoryDirectory(ada)
  const { model } = directory
  directory.change(ada, { username: 'byron', department: null, mail: 'byron@contoso.example' })
  t.equal(model.personByUsername('ada'), null)
  t.equal(model.personByUsername('byron')?.no, ada.no)
  t.same([...model.search({ op: 'present', field: 'department' })], [])
  t.same([...model.search({ op: 'equals', field: 'mail', value: 'ada@contoso.example' })], [])
})

t.test('a log-in name that leads to two people leads to nobody', async (t) => {
  const loginNames = [{ folded: 'info@contoso.example', kind: 'mail' as const }]
  const [one, other] = [aPerson({ loginNames }), aPerson({ loginNames })]
  const directory = new MemoryDirectory(one, other)
  t.equal(directory.model.personByLoginName('info@contoso.example'), null)
  directory.change(other, { loginNames: [] })
  t.equal(directory.model.personByLoginName('info@contoso.example')?.no, one.no)
})

t.test('an entry stays the same object until it or its memberships change', async (t) => {
  const [ada, bob, inner, outer, aside] = [aPerson(), aPerson(), aGroup(), aGroup(), aGroup()]
  const directory = new MemoryDirectory(ada, bob, inner, outer, aside)
  directory.join(inner, ada)
  const before = [ada, bob, inner, outer, aside].map((one) => directory.entryOf(one))
  directory.join(outer, inner)
  const after = [ada, bob, inner, outer, aside].map((one) => directory.entryOf(one))
  t.same(
    before.map((entry, at) => entry !== after[at]),
    [true, false, true, true, false],
    'ada is now in outer as well, bob and aside have nothing to do with it',
  )
  t.equal(after[0]?.usn, directory.model.position.usn)
  t.ok((after[0]?.modifiedAtMs ?? 0) > (before[0]?.modifiedAtMs ?? 0))
})

t.test('an edge that says what is known already renews nobody', async (t) => {
  const [ada, staff] = [aPerson(), aGroup()]
  const directory = new MemoryDirectory(ada, staff)
  directory.join(staff, ada)
  const before = directory.entryOf(ada)
  directory.join(staff, ada)
  t.equal(directory.entryOf(ada), before)
})

t.test('a list of members changes only what differs', async (t) => {
  const [ada, bob, cy, staff] = [aPerson(), aPerson(), aPerson(), aGroup()]
  const directory = new MemoryDirectory(ada, bob, cy, staff)
  directory.join(staff, ada, bob)
  const before = [ada, bob, cy].map((one) => directory.entryOf(one))
  const memberNos = [bob.no, cy.no]
  directory.model.apply([{ kind: 'members', groupNo: staff.no, memberNos, usn: 99, atMs: 1 }])
  t.same([...directory.model.directMembers(staff.no)], memberNos)
  t.same(
    [ada, bob, cy].map((one, at) => directory.entryOf(one) !== before[at]),
    [true, false, true],
  )
})

t.test('the deleted are not to be found, and come back with their memberships', async (t) => {
  const [ada, inner, outer] = [aPerson({ username: 'ada' }), aGroup({ name: 'inner' }), aGroup()]
  const directory = new MemoryDirectory(ada, inner, outer)
  const { model } = directory
  directory.join(outer, inner)
  directory.join(inner, ada)

  directory.put({ ...inner, lifecycle: 'deleted' })
  t.equal(model.entry(inner.no), null)
  t.equal(model.entryById(inner.id), null)
  t.equal(model.groupByName('inner'), null)
  t.notOk(model.isMember(outer.no, ada.no))
  t.same([...model.directMembers(outer.no)], [])
  t.same([...model.directMembers(inner.no)], [])
  t.equal(model.count('group'), 1)
  t.equal(model.versions('group').get(inner.id), 2, 'the tombstone is known to be held')

  directory.put({ ...inner, lifecycle: 'active' })
  t.ok(model.isMember(outer.no, ada.no))
  t.same([...model.allGroups(ada.no)], [inner.no, outer.no])
})

t.test('edges may come before the entries they join', async (t) => {
  const [ada, staff] = [aPerson(), aGroup()]
  const model = new ReadModel()
  const edge = { groupNo: staff.no, memberNo: ada.no, isMember: true }
  model.apply([{ kind: 'membership', ...edge, usn: 1, atMs: 1 }, put(ada, 2)])
  t.same([...model.directGroups(ada.no)], [])
  model.apply([put(staff, 3)])
  t.same([...model.directGroups(ada.no)], [staff.no])
  t.equal(model.directMemberCount(staff.no), 1)
})

t.test('edges of a group count in whatever order of their numbers they come', async (t) => {
  const [ada, bob, staff] = [aPerson(), aPerson(), aGroup()]
  const model = new ReadModel()
  const edge = (memberNo: number, isMember: boolean, usn: number): Change => {
    return { kind: 'membership', groupNo: staff.no, memberNo, isMember, usn, atMs: usn }
  }
  model.apply([put(ada, 1), put(bob, 2), put(staff, 3), edge(ada.no, true, 20)])
  model.apply([edge(bob.no, true, 12)])
  t.same([...model.directMembers(staff.no)], [ada.no, bob.no])
  model.apply([edge(ada.no, false, 19)])
  t.same([...model.directMembers(staff.no)], [ada.no, bob.no], 'an older word about the same edge')
  const list = { kind: 'members' as const, groupNo: staff.no, memberNos: [] }
  model.apply([{ ...list, usn: 19, atMs: 19 }])
  t.same([...model.directMembers(staff.no)], [ada.no, bob.no], 'an older list')
  model.apply([{ ...list, membersVersion: 99, usn: 0, atMs: 0 }])
  t.same([...model.directMembers(staff.no)], [], 'a newer list, whose journal rows are gone')
  model.apply([{ ...list, memberNos: [bob.no], usn: 30, atMs: 30 }, edge(ada.no, true, 25)])
  t.same([...model.directMembers(staff.no)], [bob.no], 'an edge from before the list')
})

t.test('older values are ignored, newer journal rows about the same value are noted', async (t) => {
  const ada = aPerson({ version: 5, displayName: 'new' })
  const model = new ReadModel()
  model.apply([put(ada, 10), put({ ...ada, version: 4, displayName: 'old' }, 11)])
  t.equal(model.entryById(ada.id)?.usn, 10)
  t.match(model.entryById(ada.id)?.value, { displayName: 'new' })
  model.apply([put(ada, 12)])
  t.equal(model.entryById(ada.id)?.usn, 12)
})

t.test('what was purged is not brought back by a replay', async (t) => {
  const [ada, nas] = [aPerson(), aNas()]
  const model = new ReadModel()
  const slice = [put(ada, 1), put(nas, 2)]
  const gone = { value: null, usn: 3, atMs: 3 }
  model.apply([
    ...slice,
    { kind: 'person', id: ada.id, ...gone },
    { kind: 'nas', id: nas.id, ...gone },
  ])
  model.apply(slice)
  t.equal(model.entryById(ada.id), null)
  t.equal(model.nasById(nas.id), null)
  t.equal(model.versions('person').size + model.versions('nas').size, 0)
})

t.test('the few are replaced by newer versions only, and listed with theirs', async (t) => {
  const [root, nas, network, settings] = [anAdministrator(), aNas(), aNetwork(), someSettings()]
  const directory = new MemoryDirectory(root, nas, network, settings)
  const { model } = directory
  model.apply([put({ ...nas, version: 0, name: 'older' }, 90)])
  t.equal(model.nasById(nas.id)?.name, nas.name)
  directory.put({ ...network, name: 'renamed' })
  t.equal(model.networks()[0]?.name, 'renamed')
  t.same(model.versions('network'), new Map([[network.id, 2]]))
  t.same(model.versions('settings'), new Map([[settings.id, 1]]))
  directory.put({ ...root, lifecycle: 'deleted' })
  t.equal(model.administratorById(root.id), null)
  t.same(model.versions('administrator'), new Map([[root.id, 2]]))
})

t.test('a list whose journal rows are gone is taken only when its own version is newer', (t) => {
  const staff = aGroup({ membersVersion: 7 })
  const [ann, bo] = [aPerson({ username: 'ann' }), aPerson({ username: 'bo' })]
  const model = new ReadModel()
  const list = { kind: 'members' as const, groupNo: staff.no, atMs: 0 }
  const members = () => [...model.directMembers(staff.no)]
  model.apply([put(staff, 1), put(ann, 1), put(bo, 1)])
  model.apply([{ ...list, memberNos: [ann.no], membersVersion: 7, usn: 3 }])
  model.apply([{ ...list, memberNos: [bo.no], membersVersion: 7, usn: 0 }])
  t.same(members(), [ann.no], 'the version that is held')
  model.apply([{ ...list, memberNos: [bo.no], membersVersion: 8, usn: 0 }])
  t.same(members(), [bo.no])
  model.apply([{ ...list, memberNos: [bo.no], usn: 4 }])
  model.apply([{ ...list, memberNos: [ann.no], membersVersion: 1, usn: 0 }])
  t.same(members(), [ann.no], 'any version is newer than an unknown one')
  t.end()
})

t.test('after a restore every value is taken, and numbers may have changed hands', async (t) => {
  const [ada, staff] = [aPerson({ version: 9, displayName: 'later' }), aGroup()]
  const directory = new MemoryDirectory(ada, staff)
  directory.join(staff, ada)
  const { model } = directory
  model.restarted()
  t.equal(model.versions('person').get(ada.id), 0, 'held, and to be read again')

  const heir = aPerson({ no: ada.no, id: idFor(4_000_000), username: 'heir' })
  const back = { ...ada, no: 4_000_001, version: 3, displayName: 'earlier' }
  model.apply([
    put(heir, 2),
    put(back, 2),
    { kind: 'members', groupNo: staff.no, memberNos: [back.no], usn: 2, atMs: 2 },
  ])
  model.reached({ usn: 2, epoch: 'restored' })
  t.match(model.entryById(ada.id), { no: 4_000_001, value: { displayName: 'earlier' }, usn: 2 })
  t.equal(model.personByUsername('heir')?.no, ada.no)
  t.same([...model.directGroups(ada.no)], [])
  t.same([...model.directMembers(staff.no)], [back.no])
  t.same(model.position, { usn: 2, epoch: 'restored' })
  model.apply([put({ ...back, version: 2 }, 3)])
  t.equal(model.entryById(ada.id)?.value.version, 3, 'and versions count again')
})

t.test('the digest tells contents apart, not the ways to them', async (t) => {
  const [ada, staff, nas] = [aPerson(), aGroup(), aNas()]
  const one = new MemoryDirectory(ada, staff, nas)
  one.join(staff, ada)
  const other = new MemoryDirectory(staff)
  other.join(staff, ada)
  other.put(nas, { ...ada, displayName: 'meanwhile' }, ada)
  t.equal(one.model.digest(), other.model.digest())

  const digests = new Set([one.model.digest()])
  one.change(ada, { displayName: 'Somebody else' })
  digests.add(one.model.digest())
  one.leave(staff, ada)
  digests.add(one.model.digest())
  one.put({ ...nas, secrets: [Buffer.from('another')] })
  digests.add(one.model.digest())
  one.put({ ...ada, lifecycle: 'deleted' })
  digests.add(one.model.digest())
  one.purge(ada)
  digests.add(one.model.digest())
  t.equal(digests.size, 6)
})

t.test('who is denied is shown as held at once, and without a trace afterwards', async (t) => {
  const ada = aPerson({ username: 'ada' })
  const wiki = aService({ name: 'wiki' })
  const staff = aGroup({ name: 'staff' })
  const root = anAdministrator({ username: 'root' })
  const late = aPerson({ username: 'late' })
  const { model } = new MemoryDirectory(ada, wiki, staff, root)
  const digest = model.digest()
  const before = model.entry(ada.no)
  const ids = [ada.id, wiki.id, staff.id, root.id, late.id, 'nobody']
  model.deny(ids, 7)

  const held = [{ reason: 'security', sinceMs: 7, note: null }]
  const entry = model.personByUsername('ada')
  t.same(entry?.value.holds, held)
  t.same([entry?.usn, entry?.value.version], [before?.usn, ada.version], 'nothing has changed')
  t.same([...model.search({ op: 'kind', kind: 'person' })], [entry])
  t.same(model.serviceByName('wiki')?.value.holds, held)
  t.same(model.administratorById(root.id)?.holds, held)
  t.equal(model.entry(staff.no)?.value, staff)
  t.equal(model.digest(), digest, 'the digest is of what was told')
  const usn = model.position.usn + 1
  model.apply([{ kind: 'person', id: late.id, value: late, usn, atMs: 1 }])
  t.same(model.personByUsername('late')?.value.holds, held, 'also who comes after the hint')
  const mine = { ...ada, version: ada.version + 1, holds: [aHold({ note: 'left' })] }
  model.apply([{ kind: 'person', id: ada.id, value: mine, usn: usn + 1, atMs: 1 }])
  t.same(model.entry(ada.no)?.value, mine, 'a hold of her own is enough')

  model.forgetDenials(ids)
  t.same(model.entry(ada.no)?.value, mine)
  t.same(model.entry(late.no)?.value, late)
  t.same(model.serviceByName('wiki')?.value.holds, [])
  t.same(model.administratorByName('root')?.holds, [])
})
