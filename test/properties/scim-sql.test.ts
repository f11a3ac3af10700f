import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  bindFilter,
  type CompareOp,
  defaultSettings,
  type Filter,
  formatFilter,
  groupType,
  type JsonObject,
  matches,
  parseFilter,
  type ResourceStores,
  type ResourceType,
  ScimError,
  Selection,
  userType,
} from '../../protocols/scim/index.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import { folding } from '../../src/gateway/scim/condition.ts'
import { makeStores } from '../../src/gateway/scim/stores.ts'
import { PostgresListing } from '../../src/storage/listing.ts'
import { eachEngine, type TestDatabase } from '../support/database.ts'
import { combine } from '../support/scim-arbitraries.ts'
import { DirectoryRows } from '../support/scim-directory.ts'
import { readVectors } from '../support/scim-filters.ts'

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

// Little of each, so that filters often hit: case, accents, ligatures, wildcards of SQL, long runs.
const words = fc.constantFrom(
  'Anna',
  'anna',
  'ANNA',
  'Änna',
  'Ann%',
  'A_na',
  'a\\nna',
  'ﬁnn',
  'Finn',
  "O'Hara",
  'Straße',
  'Van  Dyk',
  'van dyk',
  'ΣΑΣ',
  'İstanbul',
  '\u{1f600}',
  '\u{ffee}',
  '漢字',
  'a"b',
  '42',
  'true',
  '$1',
)

const maybe = fc.option(words, { freq: 2 })

const aPerson = fc.record({
  displayName: words,
  givenName: maybe,
  surname: maybe,
  mail: fc.option(
    words.map((word) => `${word}@x.example`),
    { freq: 2 },
  ),
  jobTitle: maybe,
  department: maybe,
  companyName: maybe,
  employeeId: maybe,
  employeeType: maybe,
  mobilePhone: maybe,
  businessPhone: maybe,
  city: maybe,
  country: maybe,
  preferredLanguage: maybe,
  isHeld: fc.boolean(),
  createdAt: fc.constantFrom(
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.123456Z',
    '2025-06-01T12:00:00Z',
  ),
  hasManager: fc.boolean(),
  hasExternalId: fc.boolean(),
  groups: fc.subarray(['staff', 'admins', 'guests']),
})

const people = fc.sample(aPerson, { numRuns: 30, seed: 20_260_101 })

async function fill(database: TestDatabase): Promise<PrincipalId> {
  const rows = new DirectoryRows(database)
  const connection = await rows.addConnection('app')
  for (const [n, { hasManager, hasExternalId, groups: _, ...spec }] of people.entries()) {
    const manager = hasManager && n > 0 ? { manager: `p${n - 1}` } : {}
    await rows.addPerson({ ...spec, ...manager, username: `p${n}` })
    if (hasExternalId) await rows.setExternalId(connection, `p${n}`, `Ext${n % 5}`)
  }
  await rows.addPerson({ username: 'waiting', displayName: 'Anna', lifecycle: 'staged' })
  await rows.addPerson({ username: 'gone', displayName: 'Anna', lifecycle: 'deleted' })
  for (const name of ['staff', 'admins', 'guests'] as const) {
    const members = people.flatMap(({ groups }, n) => (groups.includes(name) ? [`p${n}`] : []))
    await rows.addGroup({
      name,
      displayName: `${name} Änna`,
      members: [...members, 'waiting', 'gone'],
    })
  }
  await rows.addGroup({ name: 'empty' })
  await rows.addGroup({ name: 'all', members: ['staff', 'admins', 'p0'] })
  return connection as PrincipalId
}

interface Paths {
  /** Compared with text, in the main. */
  readonly text: readonly string[]
  readonly other: readonly string[]
  /** What stands in brackets behind which list. */
  readonly lists: Readonly<Record<string, readonly string[]>>
}

const userPaths: Paths = {
  text: [
    'id',
    'externalId',
    'userName',
    'displayName',
    'name.formatted',
    'name.familyName',
    'name.givenName',
    'title',
    'userType',
    'preferredLanguage',
    'nickName',
    'emails',
    'emails.value',
    'emails.type',
    'emails.display',
    'phoneNumbers.value',
    'phoneNumbers.type',
    'addresses.locality',
    'addresses.country',
    'addresses.type',
    'groups',
    'groups.display',
    'groups.type',
    'schemas',
    'manager',
    'manager.displayName',
    'photos.value',
    'employeeNumber',
    'department',
    `${enterprise}:organization`,
    'meta.resourceType',
  ],
  other: [
    'active',
    'meta.created',
    'meta.lastModified',
    'emails.primary',
    'name',
    'meta',
    'meta.version',
    'password',
    'phoneNumbers',
    'addresses',
    'manager.$ref',
    'groups.$ref',
  ],
  lists: {
    emails: ['value', 'type', 'primary', 'display'],
    phoneNumbers: ['value', 'type', 'primary'],
    addresses: ['locality', 'country', 'type', 'formatted'],
    groups: ['value', 'display', 'type'],
    schemas: ['value'],
  },
}

const groupPaths: Paths = {
  text: [
    'id',
    'externalId',
    'displayName',
    'members.value',
    'members.display',
    'members.type',
    'members',
    'schemas',
    'meta.resourceType',
  ],
  other: ['members', 'members.$ref', 'meta.created', 'meta.version'],
  lists: { members: ['value', 'display', 'type', '$ref'] },
}

const ops = fc.constantFrom<CompareOp>('eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le')

/** Values that are there, parts of them, in other case, and some of the wrong type. */
function values(resources: readonly JsonObject[]) {
  const ids = resources.map((resource) => String(resource['id']))
  const text = fc
    .tuple(
      fc.oneof(
        words,
        fc.constantFrom('work', 'mobile', 'User', 'Group', 'direct', 'Ext1', 'p1'),
        fc.constantFrom(...ids),
      ),
      fc.nat(3),
      fc.nat(12),
      fc.nat(2),
    )
    .map(([word, start, length, change]) => {
      const part = [...word]
        .slice(start % 2 === 0 ? 0 : start, length > 8 ? undefined : length)
        .join('')
      return change === 0 ? part : change === 1 ? part.toUpperCase() : part.toLowerCase()
    })
  return fc.oneof(
    { arbitrary: text, weight: 16 },
    { arbitrary: fc.constantFrom(null, '', ' ', true, false, 7), weight: 2 },
    {
      arbitrary: fc.constantFrom(
        '2026-01-01T00:00:00Z',
        '2026-01-01T00:00:00.123Z',
        '0001-01-01T00:00:00+14:00',
      ),
      weight: 2,
    },
    { arbitrary: fc.constantFrom(enterprise, userType.schema.id), weight: 1 },
  )
}

function filtersOver(resources: readonly JsonObject[], paths: Paths): fc.Arbitrary<Filter> {
  const aValue = values(resources)
  const test = (path: string): fc.Arbitrary<string> =>
    fc.oneof(
      { arbitrary: fc.constant(`${path} pr`), weight: 1 },
      {
        arbitrary: fc
          .tuple(ops, aValue)
          .map(([op, value]) => `${path} ${op} ${JSON.stringify(value)}`),
        weight: 4,
      },
    )
  const leaf = fc
    .oneof(
      { arbitrary: fc.constantFrom(...paths.text).chain(test), weight: 6 },
      { arbitrary: fc.constantFrom(...paths.other).chain(test), weight: 1 },
    )
    .map((text) => parseFilter(text))
  const bracketed = fc.constantFrom(...Object.keys(paths.lists)).chain((list) => {
    const inner = combine(
      fc
        .constantFrom(...(paths.lists[list] ?? []))
        .chain(test)
        .map((text) => parseFilter(text)),
      1,
    )
    const rest = fc.oneof(fc.constant(''), test(restOf(list)))
    return fc
      .tuple(inner, rest)
      .map(([filter, after]) => parseFilter(`${list}[${formatFilter(filter)}]${after}`))
  })
  return combine(fc.oneof({ arbitrary: leaf, weight: 3 }, { arbitrary: bracketed, weight: 1 }), 2)
}

/** Something that may follow a list's brackets. */
function restOf(list: string): string {
  return list === 'addresses' ? '.locality' : list === 'schemas' ? '.value' : '.type'
}

const locate = (type: string, id: string) => `https://scim.example/${type}/${id}`

async function listIds(
  stores: ResourceStores,
  type: ResourceType,
  text: string | null,
): Promise<readonly JsonObject[]> {
  const page = await stores[type.name].list({
    filter: text === null ? null : bindFilter(parseFilter(text), type),
    sort: null,
    startIndex: 1,
    count: defaultSettings.maxPageSize,
    selection: new Selection(type, { attributes: null, excludedAttributes: null }),
    locate,
    signal: new AbortController().signal,
  })
  deepStrictEqual(page.totalResults, page.resources.length)
  return page.resources
}

const cases = [
  { type: userType, paths: userPaths, count: people.length, numRuns: 200 },
  { type: groupType, paths: groupPaths, count: 5, numRuns: 120 },
]

await eachEngine(t, 'SQL selects what the filter says of each resource', async (t, database) => {
  const connectionId = await fill(database)
  const audience = { connectionId, view: { sees: 'all' } } as const
  const stores = makeStores(new PostgresListing(database), audience)
  for (const { type, paths, count, numRuns } of cases) {
    const resources = await listIds(stores, type, null)
    t.equal(resources.length, count)
    const check = async (filter: Filter): Promise<readonly JsonObject[]> => {
      const bound = bindFilter(filter, type)
      const expected = resources.filter((resource) => matches(bound, resource, folding))
      const text = formatFilter(filter)
      deepStrictEqual(await listIds(stores, type, text), expected, text)
      return expected
    }
    for (const { word, text } of readVectors('sql-filters.txt')) {
      if (word === type.name) await check(parseFilter(text))
    }
    let compared = 0
    let some = 0
    const property = fc.asyncProperty(filtersOver(resources, paths), async (filter) => {
      try {
        const expected = await check(filter)
        compared += 1
        if (expected.length > 0 && expected.length < resources.length) some += 1
      } catch (error) {
        // Wrong types and unknown names are refused, as other tests say; anything else is a fault.
        if (!(error instanceof ScimError && error.scimType === 'invalidFilter')) throw error
      }
    })
    await fc.assert(property, { numRuns })
    t.ok(compared > numRuns / 6, `${compared} of ${numRuns} filters were compared`)
    t.ok(some > numRuns / 30, `${some} of them selected some and not all`)
  }
})
