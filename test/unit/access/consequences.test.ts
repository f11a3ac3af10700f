import t from 'tap'
import { type Act, consequencesOf } from '../../../src/access/consequences.ts'
import { decide } from '../../../src/access/decide.ts'
import type { Person } from '../../../src/directory/person.ts'
import type { Entry } from '../../../src/directory/query.ts'
import {
  aGroup,
  aHold,
  aNetwork,
  aPerson,
  aService,
  MemoryDirectory,
} from '../../support/directory.ts'

const ada = aPerson()
const [staff, other] = [aGroup({ name: 'staff' }), aGroup({ name: 'other' })]
const onlyOthers = { sees: 'groups' as const, groupIds: [other.id] }
const directory = new MemoryDirectory(
  ada,
  staff,
  other,
  aService({ name: 'jira' }),
  aService({ name: 'blind', view: onlyOthers }),
  aService({ name: 'chat', purpose: 'scim-connection' }),
  aNetwork({
    name: 'hq',
    everyone: false,
    groups: [{ groupId: staff.id, vlan: null, attributes: [] }],
  }),
  aNetwork({
    name: 'lab',
    everyone: false,
    groups: [{ groupId: other.id, vlan: null, attributes: [] }],
  }),
)
directory.join(staff, ada)
const { model } = directory
const entry = () => directory.entryOf(ada) as Entry<Person>
const of = (act: Act) => consequencesOf(model, entry(), act)

const all = { networks: ['hq'], ldapClients: ['jira'], scimConnections: ['chat'] }
const none = { networks: [], ldapClients: [], scimConnections: [] }

t.test('what she loses is what she may use now, by name', async (t) => {
  t.same(of('suspend'), { loses: all, gains: none, leaves: [], stillHeld: ['admin'] })
  t.same(of('delete'), { loses: all, gains: none, leaves: ['staff'], stillHeld: [] })
  t.same(of('rename'), { loses: none, gains: none, leaves: [], stillHeld: [] })
  t.ok(decide(model, entry(), { kind: 'ldap', client: null }).ok, 'and nothing has changed')
})

t.test('whom another hold keeps out gains nothing by being resumed', async (t) => {
  directory.change(ada, { holds: [aHold({ reason: 'admin' })] })
  t.same(of('suspend'), { loses: none, gains: none, leaves: [], stillHeld: ['admin'] })
  t.same(of('resume'), { loses: none, gains: all, leaves: [], stillHeld: [] })
  directory.change(ada, { holds: [aHold({ reason: 'admin' }), aHold({ reason: 'security' })] })
  t.same(of('resume'), { loses: none, gains: none, leaves: [], stillHeld: ['security'] })
  directory.change(ada, { lifecycle: 'staged', holds: [] })
  t.same(of('activate').gains, all)
})
