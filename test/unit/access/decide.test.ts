import t from 'tap'
import { decide, type Resource } from '../../../src/access/decide.ts'
import type { Entry } from '../../../src/directory/query.ts'
import {
  aGroup,
  aHold,
  aNetwork,
  aPerson,
  aService,
  MemoryDirectory,
} from '../../support/directory.ts'

const [ada, bob] = [aPerson(), aPerson()]
const [staff, team] = [aGroup({ name: 'staff' }), aGroup({ name: 'team' })]
const directory = new MemoryDirectory(ada, bob, staff, team)
directory.join(staff, team)
directory.join(team, ada)
const { model } = directory

function answer(entry: Entry, resource: Resource): unknown {
  const decision = decide(model, entry, resource)
  return decision.ok ? decision.grant : decision.denial
}

/** No limits of time. */
const session = { timeoutSeconds: null, idleTimeoutSeconds: null, interimSeconds: null }
const everyone = { why: 'everyone', vlan: null, attributes: [] }

t.test('only the active without holds get in anywhere', async (t) => {
  const own: Resource = { kind: 'ldap', client: null }
  const staged = directory.model.entry(directory.change(bob, { lifecycle: 'staged' }).no)
  if (staged === null) throw new Error('bob is gone')
  t.equal(answer(staged, own), 'staged')
  t.equal(answer(directory.change(bob, { lifecycle: 'active', holds: [aHold()] }), own), 'held')
  t.same(answer(directory.change(bob, { holds: [] }), own), everyone)
  t.equal(answer(directory.entryOf(staff), own), 'wrong-kind', 'a group signs in nowhere')
})

t.test('an LDAP client lets in whom it sees and whose group it allows', async (t) => {
  const through = (entry: Entry, overrides: Parameters<typeof aService>[0]) =>
    answer(entry, { kind: 'ldap', client: aService(overrides) })
  const [adaEntry, bobEntry] = [directory.entryOf(ada), directory.entryOf(bob)]
  const view = { sees: 'groups' as const, groupIds: [staff.id] }
  t.same(through(adaEntry, { view }), everyone)
  t.equal(through(bobEntry, { view }), 'not-in-view')
  t.same(through(adaEntry, { allowedGroupIds: [staff.id] }), { ...everyone, why: 'staff' })
  t.equal(through(bobEntry, { allowedGroupIds: [staff.id] }), 'not-in-allowed-group')
  t.equal(through(adaEntry, { allowedGroupIds: [] }), 'not-in-allowed-group', 'none allowed')
})

t.test('a network: the first group that fits decides, then everyone, then no', async (t) => {
  const on = (entry: Entry, overrides: Parameters<typeof aNetwork>[0]) =>
    answer(entry, { kind: 'network', network: aNetwork(overrides) })
  const filter = { name: 'Filter-Id', value: 'all' }
  const special = { name: 'Filter-Id', value: 'team' }
  const groups = [
    { groupId: team.id, vlan: 20, attributes: [special] },
    { groupId: staff.id, vlan: 30, attributes: [] },
  ]
  const [adaEntry, bobEntry] = [directory.entryOf(ada), directory.entryOf(bob)]
  const network = { groups, vlan: 10, attributes: [filter], everyone: false }
  t.same(on(adaEntry, network), {
    why: 'team',
    groupId: team.id,
    vlan: 20,
    attributes: [special],
    session,
  })
  t.same(
    on(adaEntry, { ...network, groups: [{ groupId: staff.id, vlan: null, attributes: [] }] }),
    { why: 'staff', groupId: staff.id, vlan: 10, attributes: [filter], session },
    "the network's VLAN where the group names none, and nesting counts",
  )
  t.equal(on(bobEntry, network), 'not-in-allowed-group')
  t.same(on(bobEntry, { ...network, everyone: true }), {
    why: 'everyone',
    vlan: 10,
    attributes: [filter],
    session,
  })
  t.equal(on(adaEntry, { groups: [], everyone: false }), 'not-in-allowed-group')
})

t.test('a service uses what it is for, and nothing else', async (t) => {
  const purposes = ['ldap-client', 'scim-connection', 'api'] as const
  const resources: Resource[] = [
    { kind: 'ldap', client: null },
    { kind: 'scim' },
    { kind: 'admin' },
    { kind: 'network', network: aNetwork() },
  ]
  const answers = purposes.map((purpose) => {
    const service = aService({ purpose })
    directory.put(service)
    return resources.map((resource) => decide(model, directory.entryOf(service), resource).ok)
  })
  t.same(answers, [
    [true, false, false, false],
    [false, true, false, false],
    [false, false, true, false],
  ])
  t.equal(answer(directory.entryOf(ada), { kind: 'scim' }), 'wrong-kind')
})

t.test(
  "a group's attributes replace the network's of the same name; its time-out wins",
  async (t) => {
    const attributes = [
      { name: 'Filter-Id', value: 'base' },
      { name: 'Class', value: 'x' },
    ]
    const network = aNetwork({
      attributes,
      sessionTimeoutSeconds: 3_600,
      idleTimeoutSeconds: 300,
      groups: [
        {
          groupId: staff.id,
          vlan: null,
          attributes: [{ name: 'filter-id', value: 'staff' }],
          sessionTimeoutSeconds: 600,
        },
      ],
    })
    const adaEntry = directory.entryOf(ada)
    const decision = decide(model, adaEntry, { kind: 'network', network })
    t.match(decision, {
      grant: {
        attributes: [
          { name: 'Class', value: 'x' },
          { name: 'filter-id', value: 'staff' },
        ],
        session: { timeoutSeconds: 600, idleTimeoutSeconds: 300 },
      },
    })
    t.match(answer(directory.entryOf(bob), { kind: 'network', network }), {
      attributes,
      session: { timeoutSeconds: 3_600 },
    })
  },
)

t.test(
  "outside a network's hours nobody gets in, and inside nobody beyond their end",
  async (t) => {
    const hours = {
      timeZone: 'Europe/Berlin',
      windows: [{ days: ['mon' as const], from: '08:00', to: '18:00' }],
    }
    const network = aNetwork({ hours, sessionTimeoutSeconds: 3_600 })
    const at = (time: string, entry = directory.entryOf(bob)) =>
      answer(entry, { kind: 'network', network, atMs: Date.parse(time) })
    t.equal(at('2026-11-30T06:59:59Z'), 'outside-hours')
    t.match(at('2026-11-30T07:00:00Z'), { session: { timeoutSeconds: 3_600 } })
    t.match(at('2026-11-30T16:45:00Z'), { session: { timeoutSeconds: 900 } })
    t.equal(at('2026-11-30T17:00:00Z'), 'outside-hours')
  },
)
