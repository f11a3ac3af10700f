import t from 'tap'
import { VirtualClock } from '../../../simulators/microsoft365/clock.ts'
import { dumpTruth } from '../../../simulators/microsoft365/control/truth.ts'
import { applyRandomChanges } from '../../../simulators/microsoft365/tenant/change.ts'
import { NAMED_GROUPS, NAMED_PEOPLE } from '../../../simulators/microsoft365/tenant/contoso.ts'
import type { Properties } from '../../../simulators/microsoft365/tenant/record.ts'
import {
  current,
  RECYCLE_MS,
  type Tenant,
  TenantError,
} from '../../../simulators/microsoft365/tenant/tenant.ts'
import { foundTestTenant } from '../../support/microsoft365-tenant.ts'

function people(tenant: Tenant): Properties[] {
  return tenant.all('user').map((user) => current(user).properties)
}

await t.test('the named people come first, whatever the size and the seed', async (t) => {
  for (const count of [15, 24, 300]) {
    const upns = people(foundTestTenant({ people: count, groups: 0, seed: String(count) }))
      .slice(0, 15)
      .map((person) => person['userPrincipalName'])
    t.equal(upns[0], 'adele.vance@contoso.example')
    t.same(
      upns,
      NAMED_PEOPLE.map(({ given, surname }) => `${given}.${surname}@contoso.example`.toLowerCase()),
    )
  }
})

await t.test('the same seed founds the same tenant, another seed another one', async (t) => {
  const dump = (seed: string): object =>
    dumpTruth(foundTestTenant({ people: 80, groups: 30, seed }), null)
  t.same(dump('a'), dump('a'))
  t.not(JSON.stringify(dump('a')), JSON.stringify(dump('b')))
})

await t.test(
  'even the demo tenant of 24 has a guest, a disabled account, namesakes and a mail address that is not the UPN',
  async (t) => {
    const all = people(foundTestTenant({ people: 24, groups: 18 }))
    const names = all.map((person) => person['displayName'])
    t.equal(all.length, 24)
    t.ok(all.some((person) => person['userType'] === 'Guest'))
    t.ok(all.some((person) => person['accountEnabled'] === false))
    t.ok(all.some((person) => person['onPremisesSyncEnabled'] === true))
    t.ok(names.some((name, at) => names.indexOf(name) !== at))
    t.ok(all.some((person) => person['mail'] && person['mail'] !== person['userPrincipalName']))
    t.ok(all.some((person) => person['mail'] === undefined))
  },
)

await t.test(
  'a larger tenant has names outside ASCII and no UPN twice, none outside its characters',
  async (t) => {
    const all = people(foundTestTenant({ people: 5_000, groups: 0 }))
    const upns = all.map((person) => String(person['userPrincipalName']))
    t.ok(all.filter((person) => /[^ -~]/.test(String(person['displayName']))).length > 500)
    t.equal(new Set(upns.map((upn) => upn.toLowerCase())).size, upns.length)
    t.same(
      upns.filter((upn) => !/^[A-Za-z0-9'.\-_!#^~]+@[a-z.]+$/.test(upn)),
      [],
    )
    const limits = {
      displayName: 256,
      givenName: 64,
      surname: 64,
      mailNickname: 64,
      employeeId: 16,
    }
    for (const [name, limit] of Object.entries(limits))
      t.ok(
        all.every((person) => String(person[name] ?? '').length <= limit),
        name,
      )
  },
)

await t.test('managers form a forest: nobody is above themselves', async (t) => {
  const tenant = foundTestTenant({ people: 2_000, groups: 0 })
  let managed = 0
  let circling = 0
  for (const user of tenant.all('user')) {
    const seen = new Set<string>()
    let at: string | null = user.id
    while (at !== null && !seen.has(at)) {
      seen.add(at)
      at = current(tenant.read(at)).managerId
    }
    if (current(user).managerId !== null) managed++
    if (at !== null) circling++
  }
  t.equal(circling, 0)
  t.ok(managed > 1_800)
})

await t.test(
  'the named groups are there, nested, in a cycle, hidden, and with members that are no people',
  async (t) => {
    const tenant = foundTestTenant({ people: 200, groups: 60 })
    const members = (name: string): ReadonlySet<string> =>
      tenant.findGroup(name)?.members ?? new Set()
    const id = (name: string): string => tenant.findGroup(name)?.id ?? ''
    for (const { name } of NAMED_GROUPS) t.ok(members(name).size > 0, name)
    t.ok(members('Wi-Fi Corp').has(id('Engineering')))
    t.ok(members('Wi-Fi Corp').has(id('Sales')))
    t.ok(members('Project Northwind').has(id('Project Tailspin')))
    t.ok(members('Project Tailspin').has(id('Project Northwind')))
    t.equal(
      members('All Employees').size,
      people(tenant).filter((person) => person['userType'] === 'Member').length,
    )
    const kinds = new Set(
      tenant
        .all('group')
        .flatMap((group) => [...(group.members ?? [])].map((m) => tenant.read(m).kind)),
    )
    for (const kind of ['device', 'group', 'orgContact', 'servicePrincipal', 'user'] as const)
      t.ok(kinds.has(kind), kind)
  },
)

await t.test(
  'deleting keeps memberships, restoring brings the object back, 30 days purge it',
  async (t) => {
    const clock = new VirtualClock(() => Date.UTC(2025, 0, 1))
    const tenant = foundTestTenant({ people: 24, groups: 18, clock })
    const adele = tenant.findUser('adele.vance@contoso.example')?.id ?? ''
    const sales = tenant.findGroup('Sales')
    tenant.delete(adele)
    t.equal(sales?.members?.has(adele), true)
    t.equal(sales?.edges.length, 0)
    t.throws(() => tenant.update(adele, { jobTitle: 'x' }), TenantError)
    tenant.restore(adele)
    t.equal(current(tenant.read(adele)).properties['deletedDateTime'], undefined)
    tenant.delete(adele)
    clock.advance(RECYCLE_MS - 1)
    t.equal(tenant.purgeExpired(), 0)
    clock.advance(1)
    t.equal(tenant.purgeExpired(), 1)
    t.throws(() => tenant.restore(adele), TenantError)
    t.equal(tenant.findUser('adele.vance@contoso.example'), null)
  },
)

await t.test('a userPrincipalName belongs to one user at a time', async (t) => {
  const tenant = foundTestTenant({ people: 24, groups: 18 })
  const upn = 'ADELE.vance@contoso.example'
  t.throws(() => tenant.create('user', { userPrincipalName: upn }), TenantError)
  const adele = tenant.findUser(upn)
  tenant.update(adele?.id ?? '', { userPrincipalName: 'adele.new@contoso.example' })
  t.equal(tenant.findUser('adele.new@contoso.example'), adele)
  t.not(tenant.create('user', { userPrincipalName: upn }).id, adele?.id)
})

await t.test(
  'random changes repeat from their seed and leave nothing impossible behind',
  async (t) => {
    const run = (): object => {
      const tenant = foundTestTenant({ people: 200, groups: 40 })
      const made = applyRandomChanges(tenant, { count: 2_000, seed: '7' })
      t.ok(made > 1_900)
      t.ok(tenant.head >= made)
      return dumpTruth(tenant, null)
    }
    t.same(run(), run())
  },
)
