import t from 'tap'
import { loadContract } from '../../../simulators/microsoft365/contract/contract.ts'
import { PERMISSIONS } from '../../../simulators/microsoft365/contract/permissions.ts'
import { PROPERTIES } from '../../../simulators/microsoft365/contract/properties.ts'
import { makeRoutes } from '../../../simulators/microsoft365/graph/routes.ts'
import {
  DEFAULT_GROUP_SELECT,
  DEFAULT_USER_SELECT,
} from '../../../simulators/microsoft365/graph/select.ts'
import { current } from '../../../simulators/microsoft365/tenant/tenant.ts'
import { contractDir } from '../../support/microsoft365.ts'
import { foundTestTenant } from '../../support/microsoft365-tenant.ts'

const builtIn = loadContract(null)
const sorted = (names: readonly string[]): string[] => names.toSorted((a, b) => (a < b ? -1 : 1))

await t.test(
  'every call the simulator answers is allowed by some published permission',
  async (t) => {
    for (const { method, permissionTemplate, permissions } of makeRoutes()) {
      const allowed = permissions ?? builtIn.permissionsFor(method, permissionTemplate)
      t.ok(allowed.length > 0, `${method} ${permissionTemplate}`)
    }
  },
)

await t.test('the built-in tables are what Microsoft publishes', async (t) => {
  // Away from the published files the built-in tables stand alone, which is all that can be shown.
  const published = contractDir === null ? builtIn : loadContract(contractDir)
  for (const call of Object.keys(PERMISSIONS)) {
    const [method = '', template = ''] = call.split(' ')
    t.same(
      sorted(builtIn.permissionsFor(method, template)),
      sorted(published.permissionsFor(method, template)),
      call,
    )
  }
  for (const entity of Object.keys(PROPERTIES)) {
    t.same(sorted(builtIn.properties(entity)), sorted(published.properties(entity)), entity)
    for (const name of builtIn.properties(entity))
      t.equal(builtIn.isCollection(entity, name), published.isCollection(entity, name), name)
  }
})

await t.test(
  'generated objects have no property Microsoft does not publish, nor one of another shape',
  async (t) => {
    const tenant = foundTestTenant({ people: 200, groups: 60 })
    for (const kind of ['user', 'group', 'device', 'servicePrincipal', 'orgContact'] as const) {
      t.ok(tenant.all(kind).length > 0, kind)
      const faults = tenant.all(kind).flatMap((record) =>
        Object.entries(current(record).properties)
          .filter(
            ([name, value]) =>
              !builtIn.hasProperty(kind, name) ||
              builtIn.isCollection(kind, name) !== Array.isArray(value),
          )
          .map(([name]) => name),
      )
      t.same(faults, [], kind)
    }
  },
)

await t.test('what is returned by default exists', async (t) => {
  t.same(
    DEFAULT_USER_SELECT.filter((name) => !builtIn.hasProperty('user', name)),
    [],
  )
  t.same(
    DEFAULT_GROUP_SELECT.filter((name) => !builtIn.hasProperty('group', name)),
    [],
  )
})
