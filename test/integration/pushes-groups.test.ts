import t from 'tap'
import type { DriftStatus } from '../../src/admin/parts.ts'
import type { GroupPushes } from '../../src/directory/ports/people.ts'
import { control } from '../support/control.ts'
import { callsSeen } from '../support/graph-calls.ts'
import { permissionsUpTo, startPushBench, until } from '../support/push-bench.ts'

const bench = await startPushBench(t, 'pushgroups', { people: 60, seed: 1 })
const { api, idOf, settled, simulator, sync } = bench
const { tenant } = simulator
await bench.connect()
await bench.grant(permissionsUpTo('write-back'))
await bench.setTier('write-back')

interface Shown {
  readonly master: string
  readonly source: string | null
  readonly members: readonly { readonly name: string }[]
}
const sorted = (names: readonly string[]) => names.toSorted((a, b) => a.localeCompare(b))
const show = (group: string) => api.get<Shown>(`/groups/${group}`)
const here = async (group: string) => sorted((await show(group)).members.map(({ name }) => name))
const groupId = (name: string) => tenant.findGroup(name)?.id ?? 'none'
function there(name: string): readonly string[] {
  const names = [...(tenant.findGroup(name)?.members ?? [])].map((id) => {
    const upn = tenant.read(id).versions.at(-1)?.properties['userPrincipalName']
    return String(upn).split('@')[0] ?? ''
  })
  return sorted(names)
}
const change = (verb: 'add' | 'remove', group: string, ...people: string[]) =>
  api.send('POST', `/groups/${group}/members/${verb}`, { people })
const master = (group: string, who: string) =>
  api.send('PUT', `/groups/${group}/master`, { master: who })
const extra = (on: boolean) => api.send('PUT', '/sources/contoso/extras/groups', { on })
const pushes = async (group: string) =>
  (await api.get<GroupPushes>(`/groups/${group}/pushes`)).pushes
const fault = (rule: object) => control(simulator.controlUrl, 'POST', '/faults', rule)
const isIn = (person: string, group: string) => () => there(group).includes(person)
const isOut = (person: string, group: string) => () => !there(group).includes(person)

await t.test('members are written by a permission of their own, which is proven', async (t) => {
  await t.rejects(master('legal', 'here'), { message: /contoso is not written: .*set-extra/ })
  await t.rejects(extra(true), { message: /lacks GroupMember\.ReadWrite\.All/ })
  await bench.grant([...permissionsUpTo('write-back'), 'GroupMember.ReadWrite.All'])
  await extra(true)
  t.same((await bench.source()).extras, ['groups'])
  await t.rejects(change('add', 'legal', 'alex.wilber'), { message: /gatehouse group master/ })
  await master('legal', 'here')
  t.match(await show('legal'), { source: 'contoso', master: 'here' })
})

await t.test(
  'groups that Graph does not write stay their source’s, and it is said why',
  async (t) => {
    await t.rejects(master('all-employees', 'here'), { message: /a rule in the tenant makes/ })
    await t.rejects(master('press', 'here'), { message: /Exchange/ })
    tenant.update(groupId('Works Council'), { onPremisesSyncEnabled: true })
    tenant.update(groupId('Finance'), { isAssignableToRole: true })
    await sync()
    await t.rejects(master('works-council', 'here'), { message: /Active Directory on premises/ })
    await t.rejects(master('finance', 'here'), { message: /gives roles/ })
    await api.send('POST', '/groups', { name: 'ours' })
    await t.rejects(master('ours', 'here'), { message: /no source has this group/ })
  },
)

await t.test('whoever is added or dropped here is so there', async (t) => {
  const before = there('Legal')
  await change('add', 'legal', 'alex.wilber', 'megan.bowen')
  await until('added', isIn('alex.wilber', 'Legal'))
  await until('added', isIn('megan.bowen', 'Legal'))
  await until('recorded', settled('alex.wilber', 'member:legal', 'written', true))
  await sync()
  t.same(await here('legal'), sorted([...before, 'alex.wilber', 'megan.bowen']))
  t.same(there('Legal'), await here('legal'))
  await change('remove', 'legal', 'megan.bowen')
  await until('dropped', isOut('megan.bowen', 'Legal'))
  await t.rejects(api.send('POST', '/groups/legal/members/add', { groups: ['sales'] }), {
    message: /groups within this group/,
  })
  await api.send('POST', '/people/suspend', { people: ['alex.wilber'] })
  await until('disabled', settled('alex.wilber', 'enabled', 'written', false))
  t.ok(isIn('alex.wilber', 'Legal')(), 'a suspension takes nobody out of a group')
  await api.send('POST', '/people/resume', { people: ['alex.wilber'] })
})

await t.test('what others change there is corrected, and comes to rest', async (t) => {
  const [first = ''] = there('Legal').filter((name) => name !== 'alex.wilber')
  tenant.addMembers(groupId('Legal'), [idOf('isaiah.langer')])
  tenant.removeMembers(groupId('Legal'), [idOf(first)])
  await sync()
  t.notOk((await here('legal')).includes('isaiah.langer'), 'their word does not count here')
  t.ok((await here('legal')).includes(first))
  await until('out again', isOut('isaiah.langer', 'Legal'))
  await until('in again', isIn(first, 'Legal'))
  tenant.removeMembers(groupId('Legal'), [idOf('alex.wilber')])
  await sync()
  const { drift } = await api.get<{ drift: DriftStatus[] }>('/sources/contoso/drift')
  t.match(
    drift.filter(({ person }) => person === 'alex.wilber'),
    [{ attribute: 'member:legal', here: true, there: false, state: 'lagging' }],
    'what was written a short while ago may only lag',
  )
})

await t.test('outcomes that were lost are read, and what is so already is done', async (t) => {
  const before = callsSeen(simulator).length
  await fault({
    fault: 'status',
    method: 'POST',
    path: 'members',
    status: 504,
    isAfterWork: true,
    times: 1,
  })
  await change('add', 'legal', 'diego.siciliani')
  await until('settled', settled('diego.siciliani', 'member:legal', 'written', true))
  const calls = callsSeen(simulator).slice(before)
  t.same(
    calls.filter(({ template }) => /members/.test(template ?? '')).map(({ method }) => method),
    ['POST', 'GET'],
    'it is not written twice',
  )
  tenant.addMembers(groupId('Legal'), [idOf('grady.archie')])
  await change('add', 'legal', 'grady.archie')
  await until('in already', settled('grady.archie', 'member:legal', 'written', true))
  tenant.removeMembers(groupId('Legal'), [idOf('grady.archie')])
  await change('remove', 'legal', 'grady.archie')
  await until('out already', settled('grady.archie', 'member:legal', 'written', false))
})

await t.test('a refusal stands at the member, with its mend', async (t) => {
  tenant.update(groupId('Legal'), { groupTypes: ['DynamicMembership'] })
  await change('add', 'legal', 'lidia.holloway')
  await until('refused', settled('lidia.holloway', 'member:legal', 'refused', true))
  const refused = async () =>
    (await pushes('legal')).find(({ person }) => person === 'lidia.holloway')
  t.match((await refused())?.reason, /^not-allowed: .*groups with a rule/, 'before it is told')
  await sync()
  await api.send('POST', '/sources/contoso/retry-pushes', {})
  await until('told', async () => /^policy: a rule/.test((await refused())?.reason ?? ''))
  tenant.update(groupId('Legal'), { groupTypes: [] })
  await sync()
  await api.send('POST', '/sources/contoso/retry-pushes', {})
  await until('written', isIn('lidia.holloway', 'Legal'))
})

await t.test('many who would leave within a day wait for an admin', async (t) => {
  const ours = await here('legal')
  const before = there('Legal').length
  // Of whom nothing was ever written: what was written just now could be an echo.
  const known = new Set((await pushes('legal')).map(({ person }) => idOf(person)))
  const strangers = tenant
    .all('user')
    .map(({ id, versions }) => ({ id, properties: versions.at(-1)?.properties ?? {} }))
    .filter(({ id, properties }) => properties['userType'] !== 'Guest' && !known.has(id))
    .filter(({ id }) => tenant.findGroup('Legal')?.members?.has(id) === false)
  tenant.addMembers(
    groupId('Legal'),
    strangers.map(({ id }) => id),
  )
  await sync()
  const held = async () =>
    (await pushes('legal')).filter(({ reason }) => reason?.startsWith('held:'))
  const isAtRest = async () => {
    const { length } = await held()
    return length > 0 && there('Legal').length - before === length
  }
  await until('some left, others wait', isAtRest)
  const waiting = (await held()).length
  const first = await api.get<GroupPushes>('/groups/legal/pushes?limit=5')
  t.equal(first.held, waiting)
  t.equal(first.total, (await pushes('legal')).length)
  t.equal(first.pushes.length, 5)
  t.ok(
    first.pushes.every(({ status }) => status !== 'written'),
    'what was not taken comes first',
  )
  t.ok(waiting > 10 && there('Legal').length >= waiting, `${waiting} wait`)
  t.same(await here('legal'), ours, 'nothing has changed here')
  await api.send('POST', '/sources/contoso/retry-pushes', {})
  await until('they go on waiting', isAtRest)
  t.equal((await held()).length, waiting)
  const approve = (count: number) => api.send('POST', '/groups/legal/approve', { count })
  await t.rejects(approve(waiting + 1), { message: /people wait to leave, and not/ })
  await approve(waiting)
  await until('all have left', async () => (await held()).length === 0)
  await until('those who are ours stay', () => there('Legal').length === before)
  await t.rejects(approve(1), { message: /nobody waits to leave/ })
})

await t.test('whoever is deleted there and comes back is still in', async (t) => {
  tenant.delete(idOf('diego.siciliani'))
  await sync()
  tenant.restore(idOf('diego.siciliani'))
  await sync()
  await until('here', async () => (await here('legal')).includes('diego.siciliani'))
  t.ok(isIn('diego.siciliani', 'Legal')())
})

await t.test('given back, the group has whom its source names', async (t) => {
  await extra(false)
  await change('add', 'legal', 'nestor.wilke')
  t.ok((await here('legal')).includes('nestor.wilke'))
  await master('legal', 'source')
  await sync()
  t.same(await here('legal'), there('Legal'))
  await until('forgotten', async () => (await pushes('legal')).length === 0)
  tenant.addMembers(groupId('Legal'), [idOf('isaiah.langer')])
  await sync()
  t.ok((await here('legal')).includes('isaiah.langer'), 'its word counts again')
})
