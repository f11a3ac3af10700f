import t from 'tap'
import type { DriftStatus } from '../../src/admin/parts.ts'
import { control } from '../support/control.ts'
import { permissionsUpTo, startPushBench, until } from '../support/push-bench.ts'

const bench = await startPushBench(t, 'pushmgr', { people: 40, seed: 1 })
const { api, edit, idOf, settled, simulator, sync } = bench
await bench.connect()
await bench.grant(permissionsUpTo('write-back'))
await bench.setTier('write-back')

const choose = (person: string, manager: string | null) => edit(person, { manager })
const here = async (person: string) =>
  (await api.get<{ manager: string | null }>(`/people/${person}`)).manager
function there(person: string): string | null {
  const id = bench.user(person)?.managerId ?? null
  if (id === null) return null
  const name = simulator.tenant.read(id).versions.at(-1)?.properties['userPrincipalName']
  return String(name).split('@')[0] ?? null
}
const fault = (rule: object) => control(simulator.controlUrl, 'POST', '/faults', rule)
const written = (wanted: string | null) => settled('alex.wilber', 'manager', 'written', wanted)

await t.test('a manager chosen here is hers everywhere, and written there', async (t) => {
  await choose('alex.wilber', 'lidia.holloway')
  await until('written', written('lidia.holloway'))
  t.equal(there('alex.wilber'), 'lidia.holloway')
  simulator.tenant.setManager(idOf('alex.wilber'), idOf('adele.vance'))
  await sync()
  t.equal(await here('alex.wilber'), 'lidia.holloway', "the source's word counts no longer")
  const { drift } = await api.get<{ drift: DriftStatus[] }>('/sources/contoso/drift')
  t.match(drift, [
    { person: 'alex.wilber', here: 'lidia.holloway', there: 'adele.vance', state: 'lagging' },
  ])
})

await t.test('nobody manages herself, nor whom she reports to', async (t) => {
  await t.rejects(choose('alex.wilber', 'alex.wilber'), { message: /nobody is her own manager/ })
  await t.rejects(choose('lidia.holloway', 'alex.wilber'), {
    message: /alex\.wilber reports to her, herself or through others/,
  })
  await t.rejects(choose('patti.fernandez', 'alex.wilber'), { message: /reports to her/ })
  await t.rejects(choose('alex.wilber', 'nobody.at-all'), { message: /no person/ })
})

await t.test('a manager that was taken away is read when the answer was lost', async (t) => {
  await fault({ fault: 'status', method: 'DELETE', status: 504, isAfterWork: true, times: 1 })
  await choose('alex.wilber', null)
  await until('read, and found so', written(null))
  t.equal(there('alex.wilber'), null)
  await choose('alex.wilber', 'isaiah.langer')
  await until('written', written('isaiah.langer'))
  simulator.tenant.setManager(idOf('alex.wilber'), null)
  await choose('alex.wilber', null)
  await until('nothing was to be deleted', written(null))
})

await t.test(
  'whoever has no account there is her manager here alone, and that is said',
  async (t) => {
    await choose('alex.wilber', 'omar.winter')
    await until('written', written('omar.winter'))
    const omar = idOf('omar.winter')
    simulator.tenant.delete(omar)
    await sync()
    await until('refused', settled('alex.wilber', 'manager', 'refused', 'omar.winter'))
    const push = (await bench.pushesOf('alex.wilber')).find(({ status }) => status === 'refused')
    t.match(push?.reason, /^not-linked: omar\.winter has no account in this source: import or link/)
    simulator.tenant.restore(omar)
    await sync()
    await until('written once he has one', written('omar.winter'))
    await t.rejects(choose('fatima.roux', null), { message: /on premises/ })
    await choose('alex.wilber', 'zoe.brandt')
    await until('the next one', written('zoe.brandt'))
  },
)

await t.test('given back, she has the manager whom the source names', async (t) => {
  await api.send('POST', '/people/alex.wilber/yield', { attributes: ['manager'] })
  await sync()
  t.equal(await here('alex.wilber'), 'zoe.brandt')
  await until('forgotten', async () => (await bench.pushesOf('alex.wilber')).length === 0)
  simulator.tenant.setManager(idOf('alex.wilber'), idOf('adele.vance'))
  await sync()
  t.equal(await here('alex.wilber'), 'adele.vance')
})
