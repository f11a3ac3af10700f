import { VirtualClock } from '../../simulators/microsoft365/clock.ts'
import { SeededRandom } from '../../simulators/microsoft365/random.ts'
import { makeOrganization } from '../../simulators/microsoft365/tenant/contoso.ts'
import { generateGroups } from '../../simulators/microsoft365/tenant/generate-groups.ts'
import { generatePeople } from '../../simulators/microsoft365/tenant/generate-people.ts'
import { Tenant } from '../../simulators/microsoft365/tenant/tenant.ts'

/** A tenant without a server around it. */
export function foundTestTenant(options: {
  people: number
  groups: number
  seed?: string
  clock?: VirtualClock
}): Tenant {
  const seed = options.seed ?? '1'
  const tenant = new Tenant({
    organization: makeOrganization('11111111-2222-4333-8444-555555555555'),
    clock: options.clock ?? new VirtualClock(() => Date.UTC(2025, 0, 1)),
    random: new SeededRandom(`objects ${seed}`),
  })
  generatePeople(tenant, { seed, count: options.people })
  generateGroups(tenant, { seed, count: options.groups })
  tenant.seal()
  return tenant
}
