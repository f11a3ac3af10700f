import Fastify, { type LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import type { GroupId, PrincipalId } from '../../src/directory/id.ts'
import type { View } from '../../src/directory/service.ts'
import { scimPlugin } from '../../src/gateway/scim/plugin.ts'
import { stamp } from '../../src/storage/journal.ts'
import { PostgresListing } from '../../src/storage/listing.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { eachEngine, type TestDatabase, testDatabase } from '../support/database.ts'
import { aService, MemoryDirectory } from '../support/directory.ts'
import { DirectoryRows } from '../support/scim-directory.ts'

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

interface Client {
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<LightMyRequestResponse>
  /** A page's resources by one attribute. */
  names(path: string, attribute?: string): Promise<readonly unknown[]>
}

/** One connection's client, over HTTP to the database. */
async function connect(
  t: Test,
  database: TestDatabase,
  connection: { readonly id: string; readonly view: View },
): Promise<Client> {
  const service = aService({
    purpose: 'scim-connection',
    id: connection.id as PrincipalId,
    view: connection.view,
  })
  const directory = new MemoryDirectory(service)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(
    scimPlugin({
      directory: directory.model,
      tokens: { verifyToken: () => directory.entryOf(service) },
      events: { record: () => {} },
      freshness: () => 'fresh',
      listing: new PostgresListing(database, { searchLimitMs: 400 }),
      onFault: (_id, error) => {
        throw error
      },
      publicUrl: 'https://id.example',
    }),
  )
  const get: Client['get'] = (path, headers = {}) =>
    app.inject({
      url: `/scim/v2${path}`,
      headers: { authorization: 'Bearer any', ...headers },
    })
  return {
    get,
    names: async (path, attribute = 'userName') => {
      const answer = await get(path)
      if (answer.statusCode !== 200) throw new Error(answer.body)
      const list = answer.json<{ readonly Resources: readonly Record<string, unknown>[] }>()
      return list.Resources.map((resource) => resource[attribute])
    },
  }
}

const filter = (text: string) => `filter=${encodeURIComponent(text)}`
const seesAll: View = { sees: 'all' }

await t.test('a person and a group, with all they have', async (t) => {
  const database = await testDatabase(t)
  const rows = new DirectoryRows(database)
  const connection = { id: await rows.addConnection('app'), view: seesAll }
  const client = await connect(t, database, connection)
  await rows.addPerson({ username: 'boss', displayName: 'Bo Boss' })
  await rows.addPerson({
    username: 'anna',
    displayName: 'Anna Berg',
    givenName: 'Anna',
    surname: 'Berg',
    mail: 'Anna@x.example',
    jobTitle: 'Engineer',
    department: 'R&D',
    companyName: 'Contoso',
    employeeId: '007',
    employeeType: 'Employee',
    mobilePhone: '+1 2',
    city: 'Oslo',
    preferredLanguage: 'nb',
    manager: 'boss',
    createdAt: '2026-01-02T03:04:05.678Z',
  })
  await rows.setExternalId(connection.id, 'anna', 'Ext-1')
  await rows.addGroup({ name: 'staff', displayName: 'All Staff', members: ['anna'] })
  await rows.addGroup({ name: 'nest', members: ['staff', 'boss'] })

  const location = (path: string, name: string) =>
    `https://id.example/scim/v2/${path}/${rows.idOf(name)}`
  const answer = await client.get(`/Users/${rows.idOf('anna')}`)
  const { meta, ...anna } = answer.json()
  t.same(anna, {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:User', enterprise],
    id: rows.idOf('anna'),
    externalId: 'Ext-1',
    userName: 'anna',
    name: { formatted: 'Anna Berg', familyName: 'Berg', givenName: 'Anna' },
    displayName: 'Anna Berg',
    title: 'Engineer',
    userType: 'Employee',
    preferredLanguage: 'nb',
    active: true,
    emails: [{ value: 'Anna@x.example', type: 'work', primary: true }],
    phoneNumbers: [{ value: '+1 2', type: 'mobile' }],
    addresses: [{ locality: 'Oslo', type: 'work' }],
    groups: [
      {
        value: rows.idOf('staff'),
        $ref: location('Groups', 'staff'),
        display: 'All Staff',
        type: 'direct',
      },
    ],
    [enterprise]: {
      employeeNumber: '007',
      organization: 'Contoso',
      department: 'R&D',
      manager: {
        value: rows.idOf('boss'),
        $ref: location('Users', 'boss'),
        displayName: 'Bo Boss',
      },
    },
  })
  t.match(meta, {
    resourceType: 'User',
    created: '2026-01-02T03:04:05.678Z',
    location: location('Users', 'anna'),
    version: answer.headers['etag'],
  })
  const { meta: _, ...nest } = (await client.get(`/Groups/${rows.idOf('nest')}`)).json()
  t.same(nest, {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
    id: rows.idOf('nest'),
    displayName: 'nest',
    members: [
      {
        value: rows.idOf('boss'),
        $ref: location('Users', 'boss'),
        display: 'Bo Boss',
        type: 'User',
      },
      {
        value: rows.idOf('staff'),
        $ref: location('Groups', 'staff'),
        display: 'All Staff',
        type: 'Group',
      },
    ],
  })
  t.same((await client.get('/Users?count=1')).json().totalResults, 2)
})

await t.test('externalId belongs to the connection, and compares by case', async (t) => {
  const database = await testDatabase(t)
  const rows = new DirectoryRows(database)
  const first = { id: await rows.addConnection('first'), view: seesAll }
  const second = { id: await rows.addConnection('second'), view: seesAll }
  await rows.addPerson({ username: 'anna' })
  await rows.setExternalId(first.id, 'anna', 'AbC')
  const one = await connect(t, database, first)
  const two = await connect(t, database, second)
  t.same(await one.names(`/Users?${filter('externalId eq "AbC"')}`), ['anna'])
  t.same(await one.names(`/Users?${filter('externalId eq "abc"')}`), [])
  t.same(await two.names(`/Users?${filter('externalId eq "AbC"')}`), [])
  t.same(await two.names(`/Users?${filter('externalId pr')}`), [])
})

await t.test('a hold makes itself known by lastModified too', async (t) => {
  const database = await testDatabase(t)
  const rows = new DirectoryRows(database)
  const client = await connect(t, database, { id: await rows.addConnection('app'), view: seesAll })
  await rows.addPerson({ username: 'anna' })
  await rows.addPerson({ username: 'bo' })
  const lastModified = async () =>
    (await client.get(`/Users/${rows.idOf('anna')}`)).json().meta.lastModified as string
  const before = await lastModified()
  await new Promise((resolve) => setTimeout(resolve, 20))
  const people = new PostgresPeopleStore(database)
  const actor = { name: 'test', reason: null }
  await people.hold([rows.idOf('anna') as PrincipalId], 'admin', { actor, note: null })
  await stamp(database.kysely)
  t.ok((await lastModified()) > before)
  t.same(
    await client.names(`/Users?${filter(`meta.lastModified gt "${before}" and active eq false`)}`),
    ['anna'],
  )
  t.same(await client.names('/Users?sortBy=meta.lastModified&sortOrder=descending'), ['anna', 'bo'])

  const held = await lastModified()
  await people.noteUnlock(rows.idOf('anna') as PrincipalId, 5, actor)
  await stamp(database.kysely)
  t.equal(await lastModified(), held, 'an unlocking changes nothing that is shown')
})

await t.test('pages are stable, totals right, and sorting puts the absent last', async (t) => {
  const database = await testDatabase(t)
  const rows = new DirectoryRows(database)
  const client = await connect(t, database, {
    id: await rows.addConnection('app'),
    view: seesAll,
  })
  const titles = ['b', null, 'A', 'c', null, 'B']
  for (const [n, jobTitle] of titles.entries())
    await rows.addPerson({ username: `p${n}`, jobTitle })
  const page = async (query: string) => {
    const list = (await client.get(`/Users?${query}`)).json()
    const names = list.Resources.map(({ userName }: { readonly userName: string }) => userName)
    return [list.totalResults, list.startIndex, list.itemsPerPage, names.join(' ')]
  }
  t.same(await page('count=4'), [6, 1, 4, 'p0 p1 p2 p3'])
  t.same(await page('count=4&startIndex=5'), [6, 5, 2, 'p4 p5'])
  t.same(await page('count=6'), [6, 1, 6, 'p0 p1 p2 p3 p4 p5'])
  t.same(await page('count=3&startIndex=7'), [6, 7, 0, ''])
  t.same(await page('count=3&startIndex=2000000000'), [6, 2_000_000_000, 0, ''])
  t.same(await page('count=0'), [6, 1, 0, ''])
  t.same(await page('sortBy=title'), [6, 1, 6, 'p2 p0 p5 p3 p1 p4'])
  t.same(await page('sortBy=title&sortOrder=descending'), [6, 1, 6, 'p1 p4 p3 p0 p5 p2'])
  t.same(await page('sortBy=userName&sortOrder=descending&count=2'), [6, 1, 2, 'p5 p4'])
  t.same(await page(`count=1&${filter('title pr')}`), [4, 1, 1, 'p0'])
})

await t.test('a tag holds until what is shown has changed', async (t) => {
  const database = await testDatabase(t)
  const rows = new DirectoryRows(database)
  const client = await connect(t, database, { id: await rows.addConnection('app'), view: seesAll })
  await rows.addPerson({ username: 'anna' })
  await rows.addPerson({ username: 'waiting', lifecycle: 'staged' })
  await rows.addGroup({ name: 'staff', members: ['anna', 'waiting'] })
  const changes = [
    `update principal set lifecycle = 'active' where id = '${rows.idOf('waiting')}'`,
    "update directory_group set display_name = 'Renamed' where name = 'staff'",
    'delete from membership',
  ]
  const paths = [`/Users/${rows.idOf('anna')}`, `/Groups/${rows.idOf('staff')}`]
  const isKnown = async (path: string, tag: unknown) =>
    (await client.get(path, { 'if-none-match': String(tag) })).statusCode === 304
  const seen: boolean[][] = []
  for (const change of changes) {
    const tags = await Promise.all(
      paths.map(async (path) => (await client.get(path)).headers['etag']),
    )
    t.same(await Promise.all(paths.map((path, n) => isKnown(path, tags[n]))), [true, true])
    await database.pool.query(change)
    seen.push(await Promise.all(paths.map((path, n) => isKnown(path, tags[n]))))
  }
  // Who joins a group changes the group; its name and its edges show on both sides.
  t.same(seen, [
    [true, false],
    [false, false],
    [false, false],
  ])
})

/** A database, and the rows written to it. */
interface Ground {
  readonly database: TestDatabase
  readonly rows: DirectoryRows
}

async function lifecycle(t: Test, { database, rows }: Ground): Promise<void> {
  const client = await connect(t, database, {
    id: await rows.addConnection('app'),
    view: seesAll,
  })
  await rows.addPerson({ username: 'active' })
  await rows.addPerson({ username: 'held', isHeld: true, manager: 'active' })
  await rows.addPerson({ username: 'staged', lifecycle: 'staged' })
  await rows.addPerson({ username: 'deleted', lifecycle: 'deleted' })
  await rows.addPerson({ username: 'orphan', manager: 'deleted' })
  const everybody = ['active', 'held', 'staged', 'deleted']
  await rows.addGroup({ name: 'mixed', members: everybody })
  await rows.addGroup({ name: 'dissolved', lifecycle: 'deleted', members: ['active'] })

  t.same(await client.names('/Users'), ['active', 'held', 'orphan'])
  t.same(await client.names(`/Users?${filter('active eq false')}`), ['held'])
  t.same(await client.names(`/Users?${filter('active eq true')}`), ['active', 'orphan'])
  t.same(await client.names(`/Users?${filter('userName eq "staged"')}`), [])
  for (const [username, status] of [
    ['held', 200],
    ['staged', 404],
    ['deleted', 404],
  ] as const) {
    t.equal((await client.get(`/Users/${rows.idOf(username)}`)).statusCode, status, username)
  }
  const held = (await client.get(`/Users/${rows.idOf('held')}`)).json()
  t.equal(held.active, false)
  t.equal(held.groups[0].value, rows.idOf('mixed'), 'memberships are kept')
  const orphan = (await client.get(`/Users/${rows.idOf('orphan')}`)).json()
  t.equal(orphan[enterprise], undefined, 'a deleted manager is nobody')

  t.same(await client.names('/Groups', 'displayName'), ['mixed'])
  t.equal((await client.get(`/Groups/${rows.idOf('dissolved')}`)).statusCode, 404)
  const { members } = (await client.get(`/Groups/${rows.idOf('mixed')}`)).json()
  t.same(
    members.map(({ value }: { readonly value: string }) => value),
    [rows.idOf('active'), rows.idOf('held')],
  )
  t.same(
    await client.names(`/Groups?${filter(`members.value eq "${rows.idOf('staged')}"`)}`),
    [],
    'nor does a filter tell of them',
  )
}

async function views(t: Test, { database, rows }: Ground): Promise<void> {
  await rows.addPerson({ username: 'chief', displayName: 'Secret Chief' })
  await rows.addPerson({ username: 'inside', manager: 'chief' })
  await rows.addPerson({ username: 'nested' })
  await rows.addPerson({ username: 'outside' })
  await rows.addGroup({ name: 'inner', members: ['nested'] })
  await rows.addGroup({ name: 'app-users', members: ['inside', 'inner'] })
  // A circle must not be followed for ever.
  await rows.addMember('inner', 'app-users')
  await rows.addGroup({ name: 'secret', members: ['inside', 'outside', 'chief'] })
  const id = await rows.addConnection('narrow')
  const groupIds = [rows.idOf('app-users') as GroupId]
  const client = await connect(t, database, { id, view: { sees: 'groups', groupIds } })

  t.same(await client.names('/Users'), ['inside', 'nested'])
  t.same(await client.names('/Groups', 'displayName'), ['inner', 'app-users'])
  t.equal((await client.get('/Users?count=1')).json().totalResults, 2)
  for (const path of [`/Users/${rows.idOf('outside')}`, `/Groups/${rows.idOf('secret')}`]) {
    t.equal((await client.get(path)).statusCode, 404, path)
  }
  const inside = await client.get(`/Users/${rows.idOf('inside')}`)
  t.same(
    inside.json().groups.map(({ display }: { readonly display: string }) => display),
    ['app-users'],
  )
  t.notOk(inside.body.includes('Chief'))
  for (const text of [
    'groups.display eq "secret"',
    'manager.displayName sw "Secret"',
    'manager pr',
  ]) {
    t.same(await client.names(`/Users?${filter(text)}`), [], text)
  }
  t.same(await client.names(`/Users?${filter('groups.display eq "INNER"')}`), ['nested'])

  const blind = await connect(t, database, { id, view: { sees: 'groups', groupIds: [] } })
  t.same(await blind.names('/Users'), [])
  t.same(await blind.names('/Groups'), [])
}

await eachEngine(t, 'who is there', async (t, database) => {
  const ground = { database, rows: new DirectoryRows(database) }
  await t.test('staged people are absent, held ones inactive, deleted ones gone', (t) =>
    lifecycle(t, ground),
  )
  await t.test('a connection sees its view, and nothing tells of what is outside', (t) =>
    views(t, ground),
  )
})
