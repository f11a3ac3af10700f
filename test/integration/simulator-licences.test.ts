import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  processGroup,
  SKU_ARCHIVE,
  SKU_E3,
  SKU_F3,
  SKU_FLOW,
} from '../../simulators/microsoft365/tenant/licences.ts'
import { type Body, contractDir, Microsoft365Bench } from '../support/microsoft365.ts'

const bench = await Microsoft365Bench.startFor(t, { people: 24, seed: 1 })
const { tenant } = bench.simulator
const idOf = (name: string) => tenant.findUser(`${name}@contoso.example`)?.id ?? ''
const adele = idOf('adele.vance')
const assign = (json: unknown, id = adele) =>
  bench.graph(`/users/${id}/assignLicense`, { method: 'POST', json })
const add = (skuId: string, disabledPlans: readonly string[] = []) => ({
  addLicenses: [{ skuId, disabledPlans }],
  removeLicenses: [],
})
const remove = (skuId: string) => ({ addLicenses: [], removeLicenses: [skuId] })
const held = async (id = adele) =>
  (await bench.graph(`/users/${id}?$select=assignedLicenses,licenseAssignmentStates`)).body
const skus = async () => (await bench.graph('/subscribedSkus')).body.value as Body[]
const byName = (a: string, b: string) => a.localeCompare(b)
const usedOf = async (skuId: string) =>
  (await skus()).find((sku) => sku.skuId === skuId)?.consumedUnits

async function grant(...permissions: string[]): Promise<void> {
  const read = ['User.Read.All', 'GroupMember.Read.All']
  await bench.control('PATCH', '/application', { permissions: [...read, ...permissions] })
  await bench.signIn()
}

await t.test('reading and assigning have permissions of their own', async (t) => {
  await grant()
  t.equal((await bench.graph('/subscribedSkus')).status, 403)
  t.equal((await assign(add(SKU_FLOW))).status, 403)
  await grant('LicenseAssignment.ReadWrite.All')
  t.equal((await bench.graph('/subscribedSkus')).status, 403, 'as published')
  t.equal((await assign(add(SKU_FLOW))).status, 200)
  t.equal((await assign(remove(SKU_FLOW))).status, 200)
  await grant('LicenseAssignment.Read.All', 'User.ReadWrite.All')
})

await t.test('what was bought has the properties Microsoft publishes', async (t) => {
  const [first] = await skus()
  t.match(first, { appliesTo: 'User', capabilityStatus: 'Enabled', prepaidUnits: { warning: 0 } })
  if (contractDir === null) return
  const entities = JSON.parse(readFileSync(join(contractDir, 'entities.json'), 'utf8'))
  const published = [...Object.keys(entities.subscribedSku.properties), 'id']
  const ofUnits = Object.keys(entities.licenseUnitsDetail.properties)
  t.same(Object.keys(first).toSorted(byName), published.toSorted(byName))
  t.same(Object.keys(first.prepaidUnits).toSorted(byName), ofUnits.toSorted(byName))
  const [licence] = (await held()).assignedLicenses
  const ofLicence = Object.keys(entities.assignedLicense.properties)
  t.same(Object.keys(licence).toSorted(byName), ofLicence.toSorted(byName))
})

await t.test('a licence is added and removed, counted, and told in delta rounds', async (t) => {
  const { deltaLink } = await bench.round('/users/delta?$select=assignedLicenses')
  const before = await usedOf(SKU_FLOW)
  const reply = await assign(add(SKU_FLOW))
  t.equal(reply.status, 200)
  t.equal(reply.body.id, adele)
  t.equal(await usedOf(SKU_FLOW), before + 1)
  t.match((await held()).licenseAssignmentStates.at(-1), {
    ...{ skuId: SKU_FLOW, assignedByGroup: null, state: 'Active', error: 'None' },
  })
  const { objects } = await bench.round(deltaLink)
  t.match(objects, [{ id: adele, assignedLicenses: [{}, { skuId: SKU_FLOW }] }])
  t.equal((await assign(add(SKU_FLOW))).status, 200, 'again, and nothing more')
  t.equal(await usedOf(SKU_FLOW), before + 1)
  await assign(remove(SKU_FLOW))
  t.equal(await usedOf(SKU_FLOW), before)
})

await t.test('what Microsoft does not take is refused, and nothing has changed', async (t) => {
  tenant.setUnits(SKU_FLOW, 0)
  const nobody = '00000000-0000-4000-8000-000000000000'
  const alex = idOf('alex.wilber')
  tenant.update(alex, { usageLocation: null })
  const [own] = (await held()).assignedLicenses
  const other = own.skuId === SKU_E3 ? SKU_F3 : SKU_E3
  const refused: readonly (readonly [unknown, RegExp, string?])[] = [
    [{ addLicenses: [] }, /not acceptable/],
    [add(nobody), /does not correspond to a valid company License/],
    [remove(SKU_FLOW), /does not have a corresponding license/],
    [add(SKU_FLOW), /does not have any available licenses/],
    [add(other), /mutually exclusive/],
    [{ addLicenses: [{ skuId: SKU_ARCHIVE }], removeLicenses: [own.skuId] }, /depends on/],
    [add(SKU_ARCHIVE), /invalid usage location/, alex],
  ]
  const before = await held()
  for (const [json, message, id] of refused) {
    const reply = await assign(json, id)
    t.equal(reply.status, 400, String(message))
    t.match(reply.body.error, { code: 'Request_BadRequest', message })
  }
  t.same(await held(), before)
  t.equal((await assign(add(SKU_E3), nobody)).status, 404)
})

await t.test('a group gives its licences to its members, who cannot lose them alone', async (t) => {
  tenant.setUnits(SKU_FLOW, 1)
  const group = tenant.findGroup('Legal')?.id ?? ''
  tenant.addMembers(group, [adele, idOf('lee.gu')])
  processGroup(tenant, 'Legal', [SKU_FLOW])
  const errors = tenant
    .all('user')
    .flatMap(({ versions }) => versions.at(-1)?.properties['licenseAssignmentStates'] as Body[])
    .filter((state) => state?.assignedByGroup === group)
  t.ok(errors.length > 1)
  t.equal(errors.filter(({ state }) => state === 'Active').length, 1, 'one unit, one person')
  t.ok(errors.some(({ error }) => error === 'CountViolation'))
  tenant.setUnits(SKU_FLOW, 100)
  processGroup(tenant, 'Legal', [SKU_FLOW])
  t.ok((await held()).assignedLicenses.some((one: Body) => one.skuId === SKU_FLOW))
  t.match((await assign(remove(SKU_FLOW))).body.error, { message: /inherited from a group/ })
  t.equal((await assign(add(SKU_FLOW))).status, 200)
  t.equal((await assign(remove(SKU_FLOW))).status, 200, 'her own one goes')
  t.ok(
    (await held()).assignedLicenses.some((one: Body) => one.skuId === SKU_FLOW),
    'it stays',
  )
  tenant.removeMembers(group, [adele])
  processGroup(tenant, 'Legal', [SKU_FLOW])
  t.notOk((await held()).assignedLicenses.some((one: Body) => one.skuId === SKU_FLOW))
})
