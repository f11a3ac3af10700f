import t from 'tap'
import { control } from '../support/control.ts'
import { callsSeen } from '../support/graph-calls.ts'
import { permissionsUpTo, startPushBench, until } from '../support/push-bench.ts'

const bench = await startPushBench(t, 'pushbatch', { people: 40, seed: 1 })
const { api, act, edit, idOf, settled, simulator } = bench
await bench.connect()
await bench.grant(permissionsUpTo('write-back'))
await bench.setTier('write-back')

const PEOPLE = [
  ...['alex.wilber', 'megan.bowen', 'diego.siciliani', 'grady.archie', 'isaiah.langer'],
  ...['johanna.lorenz', 'joni.sherman', 'lee.gu', 'lidia.holloway', 'lynne.robbins'],
]
const fault = (rule: object) => control(simulator.controlUrl, 'POST', '/faults', rule)
const title = (person: string) => bench.user(person)?.properties['jobTitle']
const patchesOf = (person: string) =>
  callsSeen(simulator).filter(
    ({ method, path }) => method === 'PATCH' && path.endsWith(idOf(person)),
  )
const batches = () => callsSeen(simulator).filter(({ template }) => template === '/$batch')

/** All that wait are due at the same moment. */
async function editAll(jobTitle: string): Promise<void> {
  simulator.requests.clear()
  await api.send('POST', '/sources/contoso/pause', {})
  for (const person of PEOPLE) await edit(person, { jobTitle })
  await api.send('POST', '/sources/contoso/resume', {})
}

async function untilWritten(jobTitle: string): Promise<void> {
  for (const person of PEOPLE) await until(person, settled(person, 'jobTitle', 'written', jobTitle))
}

await t.test('writes that wait together go together, each with its own answer', async (t) => {
  await editAll('Buyer')
  await untilWritten('Buyer')
  t.same([...new Set(PEOPLE.map(title))], ['Buyer'])
  t.ok(batches().length >= 1 && batches().length < PEOPLE.length, `${batches().length} batches`)
  t.same([...new Set(batches().map(({ priority }) => priority))], ['low'])
  for (const person of PEOPLE) t.equal(patchesOf(person).length, 1, person)
})

await t.test('one that is refused, or throttled, keeps the others from nothing', async (t) => {
  const path = idOf('alex.wilber')
  await fault({
    fault: 'status',
    method: 'PATCH',
    path,
    status: 429,
    retryAfterSeconds: 1,
    times: 1,
  })
  simulator.tenant.update(idOf('lynne.robbins'), { onPremisesSyncEnabled: true })
  await editAll('Clerk')
  await until('refused', settled('lynne.robbins', 'jobTitle', 'refused', 'Clerk'))
  const [refused] = (await bench.pushesOf('lynne.robbins')).filter(
    ({ status }) => status === 'refused',
  )
  t.match(refused?.reason, /^on-premises: /)
  simulator.tenant.update(idOf('lynne.robbins'), { onPremisesSyncEnabled: false })
  await bench.sync()
  await api.send('POST', '/sources/contoso/retry-pushes', {})
  await untilWritten('Clerk')
  t.same(
    patchesOf('alex.wilber').map(({ status }) => status),
    [429, 204],
  )
  t.equal(patchesOf('lee.gu').length, 1)
})

await t.test('of a batch whose answer was lost each is read, and none written twice', async (t) => {
  const batch = { path: '[$]batch', status: 504, isAfterWork: true, times: 1 }
  await fault({ fault: 'status', ...batch })
  await editAll('Pilot')
  await untilWritten('Pilot')
  t.ok(batches().some(({ status }) => status === 504))
  for (const person of PEOPLE) t.equal(patchesOf(person).length, 1, person)
})

await t.test('whoever is cut off goes alone, and first', async (t) => {
  simulator.requests.clear()
  await act('suspend', 'megan.bowen')
  await until('disabled', settled('megan.bowen', 'enabled', 'written', false))
  await until('ended', settled('megan.bowen', 'sessions-ended', 'written'))
  t.same(
    callsSeen(simulator)
      .filter(({ method }) => method !== 'GET')
      .map(({ method, priority }) => [method, priority]),
    [
      ['PATCH', 'high'],
      ['POST', 'high'],
    ],
  )
})
