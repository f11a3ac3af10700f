import t from 'tap'
import {
  processGroup,
  SKU_ARCHIVE,
  SKU_E3,
  SKU_F3,
  SKU_FLOW,
} from '../../simulators/microsoft365/tenant/licences.ts'
import type {
  AccountLicences,
  BoughtLicence,
  PersonLicence,
} from '../../src/admin/licence-control.ts'
import type { DriftStatus } from '../../src/admin/parts.ts'
import { cliOf } from '../support/cli.ts'
import { control } from '../support/control.ts'
import { callsSeen } from '../support/graph-calls.ts'
import { permissionsUpTo, startPushBench, until } from '../support/push-bench.ts'

const bench = await startPushBench(t, 'licences', { people: 24, seed: 1 })
const { api, idOf, settled, simulator, sync } = bench
const { tenant } = simulator
await bench.connect()
await bench.grant(permissionsUpTo('write-back'))
await bench.setTier('write-back')
const cli = cliOf(bench.dataDir)

/** Whoever has E3, and no other licence, so that each case begins with somebody of its own. */
const people = tenant
  .all('user')
  .map(({ versions }) => versions.at(-1)?.properties ?? {})
  .filter(({ onPremisesSyncEnabled }) => onPremisesSyncEnabled !== true)
  .filter(({ assignedLicenses }) => JSON.stringify(assignedLicenses).includes(SKU_E3))
  .map(({ userPrincipalName }) => String(userPrincipalName).split('@')[0] ?? '')
const [ann = '', bob = '', cleo = '', dora = '', eve = '', finn = ''] = people

const has = (person: string, sku: string) => () => {
  const { assignedLicenses } = bench.user(person)?.properties ?? {}
  return ((assignedLicenses ?? []) as { skuId: string }[]).some(({ skuId }) => skuId === sku)
}
const hasNot = (person: string, sku: string) => () => !has(person, sku)()
const change = (verb: string, person: string, licences: readonly string[], more: object = {}) =>
  api.send<{ changed: number; losses: readonly string[] }>(
    'POST',
    `/people/${person}/licences/${verb}`,
    { licences, ...more },
  )
const extra = (on: boolean) => api.send('PUT', '/sources/contoso/extras/licences', { on })
const shown = async (person: string, name: string): Promise<PersonLicence | undefined> => {
  const { accounts } = await api.get<{ accounts: AccountLicences[] }>(`/people/${person}/licences`)
  return accounts[0]?.licences.find((one) => one.name === name)
}
const refusal = (person: string, name: string, words: RegExp) => async () => {
  const one = await shown(person, name)
  return one?.state === 'refused' && words.test(one.reason ?? '')
}
const writes = () =>
  callsSeen(simulator).filter(({ template }) => /assignlicense/.test(template ?? ''))
const retry = () => api.send('POST', '/sources/contoso/retry-pushes', {})

await t.test('licences need a permission of their own, which is proven', async (t) => {
  await t.rejects(api.get('/sources/contoso/licences'), { message: /set-extra contoso licences/ })
  await t.rejects(extra(true), { message: /lacks LicenseAssignment\.Read\.All/ })
  await bench.grant([...permissionsUpTo('write-back'), 'LicenseAssignment.Read.All'])
  await extra(true)
  t.same((await bench.source()).extras, ['licences'])
})

await t.test('what was bought, used and free is shown', async (t) => {
  tenant.setUnits(SKU_FLOW, 2)
  const { licences } = await api.get<{ licences: BoughtLicence[] }>('/sources/contoso/licences')
  t.match(
    licences.find(({ name }) => name === 'FLOW_FREE'),
    { sku: SKU_FLOW, bought: 2, used: 0, free: 2, state: 'Enabled' },
  )
  t.match(await cli('source', 'licences', 'contoso'), /FLOW_FREE\s+2\s+0\s+0\s+2\s+Enabled/)
  t.match(await shown(ann, 'SPE_E3'), { has: true, by: ['herself'], decided: null, state: null })
})

await t.test('one is assigned and removed, and no other is touched', async (t) => {
  t.match(await change('assign', ann, ['flow_free']), { changed: 1, losses: [] })
  await until('assigned', has(ann, SKU_FLOW))
  await until('recorded', settled(ann, 'licence:FLOW_FREE', 'written', true))
  t.match(await change('assign', ann, [SKU_FLOW]), { changed: 0 }, 'by its id, and again')
  t.match(await shown(ann, 'FLOW_FREE'), { has: true, decided: 'assigned', state: 'written' })
  t.match(await cli('person', 'licences', 'show', ann), /contoso\s+FLOW_FREE\s+yes\s+herself/)
  t.match(await cli('person', 'licences', 'remove', ann, 'FLOW_FREE'), /to be removed/)
  await until('removed', hasNot(ann, SKU_FLOW))
  t.ok(has(ann, SKU_E3)())
  await t.rejects(change('assign', ann, ['NO_SUCH']), { message: /contoso has no subscription/ })
  const log = JSON.stringify(await api.get('/journal?limit=20'))
  t.match(log, /admin\.licences-removed.*admin\.licences-assigned/s, 'the last first')
})

await t.test('who loses her mailbox is told before, and asked', async (t) => {
  const losses = [/it is her last licence/, /loses her mailbox: .* 30 days/]
  t.match(await change('remove', bob, ['SPE_E3'], { dryRun: true }), { changed: 0, losses })
  await t.rejects(change('remove', bob, ['SPE_E3']), { message: /loses her mailbox.*--yes/ })
  await t.rejects(cli('person', 'licences', 'remove', bob, 'SPE_E3'), { message: /--yes/ })
  t.match(
    await cli('person', 'licences', 'remove', bob, 'SPE_E3', '--dry-run'),
    /last licence.*\n.*mailbox/,
  )
  t.ok(has(bob, SKU_E3)(), 'nothing was done')
  await cli('person', 'licences', 'remove', bob, 'SPE_E3', '--yes')
  await until('removed', hasNot(bob, SKU_E3))
  // One plan of Exchange excludes the other: the old one goes first.
  await change('assign', cleo, ['SPE_F1'])
  await until('refused', refusal(cleo, 'SPE_F1', /excludes a licence she has/))
  await change('remove', cleo, ['SPE_E3'], { accept: true })
  await until('exchanged', has(cleo, SKU_F3))
  t.ok(hasNot(cleo, SKU_E3)())
})

await t.test('each refusal stands at her licence, with its mend', async (t) => {
  tenant.update(idOf(dora), { usageLocation: null })
  await change('assign', dora, ['FLOW_FREE'])
  await until('refused', refusal(dora, 'FLOW_FREE', /^policy: no usage location: .*set the usage/))
  t.notOk(has(dora, SKU_FLOW)())
  t.match(await cli('person', 'licences', 'show', dora), /knows no usage location/)
  t.match(
    (await bench.pushesOf(dora)).find(({ attribute }) => attribute === 'licence:FLOW_FREE'),
    { status: 'refused', wanted: true },
  )
  tenant.update(idOf(dora), { usageLocation: 'DE' })
  tenant.setUnits(SKU_FLOW, 0)
  await retry()
  await until('none free', refusal(dora, 'FLOW_FREE', /none is free/))
  tenant.setUnits(SKU_FLOW, 10)
  await change('assign', dora, ['FLOW_FREE'])
  await until('asked for again, it is tried again', has(dora, SKU_FLOW))
  await change('assign', bob, ['EXCHANGEARCHIVE_ADDON'])
  await until('dependent', refusal(bob, 'EXCHANGEARCHIVE_ADDON', /another licence/))
  await change('yield', bob, ['EXCHANGEARCHIVE_ADDON'])
  t.ok(hasNot(bob, SKU_ARCHIVE)())
})

await t.test('what a group gives is not hers to lose, and the group is named', async (t) => {
  const group = tenant.findGroup('Legal')?.id ?? ''
  tenant.addMembers(group, [idOf(eve)])
  processGroup(tenant, 'Legal', [SKU_FLOW])
  t.match(await shown(eve, 'FLOW_FREE'), { has: true, by: ['Legal'] })
  await sync()
  await change('remove', eve, ['FLOW_FREE'])
  await until('refused', refusal(eve, 'FLOW_FREE', /she has it by the group Legal/))
  tenant.removeMembers(group, [idOf(eve)])
  processGroup(tenant, 'Legal', [SKU_FLOW])
  await retry()
  await until('gone', settled(eve, 'licence:FLOW_FREE', 'written', false))
  tenant.addMembers(group, [idOf(finn)])
  processGroup(tenant, 'Legal', [SKU_FLOW])
  const before = writes().length
  await change('assign', finn, ['FLOW_FREE'])
  await until('she has it', settled(finn, 'licence:FLOW_FREE', 'written', true))
  t.equal(writes().length, before, 'and no unit is spent twice')
})

await t.test('an outcome that was lost is read, and written once', async (t) => {
  const before = writes().length
  const rule = { fault: 'status', method: 'POST', path: 'assignLicense', status: 504, times: 1 }
  await control(simulator.controlUrl, 'POST', '/faults', { ...rule, isAfterWork: true })
  await change('assign', eve, ['FLOW_FREE'])
  await until('settled', settled(eve, 'licence:FLOW_FREE', 'written', true))
  t.equal(writes().length, before + 1)
  await control(simulator.controlUrl, 'POST', '/faults', rule)
  await change('remove', eve, ['FLOW_FREE'])
  await until('removed', hasNot(eve, SKU_FLOW))
  await until('settled', settled(eve, 'licence:FLOW_FREE', 'written', false))
})

await t.test('what others change there is seen, and given back it is theirs', async (t) => {
  await sync()
  tenant.update(idOf(eve), {
    assignedLicenses: [
      { skuId: SKU_E3, disabledPlans: [] },
      { skuId: SKU_FLOW, disabledPlans: [] },
    ],
  })
  await sync()
  const { drift } = await api.get<{ drift: DriftStatus[] }>('/sources/contoso/drift')
  t.match(
    drift.filter(({ person }) => person === eve),
    [{ attribute: 'licence:FLOW_FREE', here: false, there: true, state: 'lagging' }],
  )
  t.match(await cli('person', 'licences', 'yield', eve, 'FLOW_FREE'), /given back/)
  await until('forgotten', async () => {
    const pushes = await bench.pushesOf(eve)
    return !pushes.some(({ attribute }) => attribute.startsWith('licence:'))
  })
  t.ok(has(eve, SKU_FLOW)(), 'it stays as it is')
})

await t.test('whoever is suspended or deleted keeps them, and it is said', async (t) => {
  for (const of of ['suspend', 'delete'])
    t.match(await api.get(`/people/${ann}/consequences?of=${of}`), {
      summary: /sessions are ended; it keeps its licences, which go on counting/,
    })
  await api.send('POST', '/people/suspend', { people: [ann] })
  await until('disabled', settled(ann, 'enabled', 'written', false))
  t.ok(has(ann, SKU_E3)())
})

await t.test('switched off, nothing is written, and what was decided stays', async (t) => {
  await extra(false)
  await t.rejects(change('assign', dora, ['SPE_F1']), { message: /set-extra contoso licences/ })
  const before = writes().length
  await sync()
  t.equal(writes().length, before)
  t.ok(has(dora, SKU_FLOW)())
})
