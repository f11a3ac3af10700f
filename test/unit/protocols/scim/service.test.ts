import t from 'tap'
import {
  defaultSettings,
  type JsonObject,
  type ScimRequest,
  type ScimResponse,
  ScimService,
} from '../../../../protocols/scim/index.ts'
import { MemoryResourceStore } from '../../../support/scim-memory-store.ts'

const userSchema = 'urn:ietf:params:scim:schemas:core:2.0:User'
const groupSchema = 'urn:ietf:params:scim:schemas:core:2.0:Group'
const errorSchema = 'urn:ietf:params:scim:api:messages:2.0:Error'
const searchRequest = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest'
const baseUrl = 'https://scim.example/scim/v2'

function aUser(n: number): JsonObject {
  return {
    schemas: [userSchema],
    id: `u${n}`,
    userName: `user${n}`,
    title: n % 2 === 0 ? 'Even' : 'Odd',
    meta: { resourceType: 'User', version: `W/"${n}"` },
  }
}

const users = new MemoryResourceStore(Array.from({ length: 7 }, (_, n) => aUser(n + 1)))
const groups = new MemoryResourceStore([
  {
    schemas: [groupSchema],
    id: 'g1',
    displayName: 'user group',
    members: [{ value: 'u1', type: 'User' }],
    meta: { resourceType: 'Group', version: 'W/"1.0"' },
  },
])
const faults: unknown[] = []
const service = new ScimService(
  { ...defaultSettings, defaultPageSize: 5, maxPageSize: 6 },
  (error) => {
    faults.push(error)
    return 'fault-1'
  },
)

function ask(
  target: string,
  more: Partial<Omit<ScimRequest, 'body'>> & { readonly body?: unknown } = {},
): Promise<ScimResponse> {
  const [path = '', query = ''] = target.split('?', 2)
  const { body, ...rest } = more
  const request: ScimRequest = {
    method: 'GET',
    path,
    query,
    ifNoneMatch: null,
    contentType: body === undefined ? null : 'application/scim+json; charset=utf-8',
    baseUrl,
    signal: new AbortController().signal,
    ...rest,
    body:
      body === undefined
        ? null
        : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  }
  return service.answer(request, { User: users, Group: groups })
}

async function ids(target: string): Promise<readonly unknown[]> {
  const { body } = await ask(target)
  const resources = (body?.['Resources'] ?? []) as JsonObject[]
  return resources.map((resource) => resource['id'])
}

await t.test(
  'RFC 7644 §3.4.2: a list has totals as integers and its page of resources',
  async (t) => {
    const { status, headers, body } = await ask('/Users?filter=title+eq+%22odd%22&count=2')
    t.equal(status, 200)
    t.equal(headers['content-type'], 'application/scim+json')
    t.same(body, {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
      totalResults: 4,
      startIndex: 1,
      itemsPerPage: 2,
      Resources: [aUser(1), aUser(3)],
    })
  },
)

await t.test('RFC 7644 §3.4.2.4: index pagination with its odd numbers', async (t) => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['/Users', ['u1', 'u2', 'u3', 'u4', 'u5']],
    ['/Users?startIndex=6', ['u6', 'u7']],
    ['/Users?startIndex=0&count=1', ['u1']],
    ['/Users?startIndex=-5&count=1', ['u1']],
    ['/Users?count=0', []],
    ['/Users?count=-1', []],
    ['/Users?count=100', ['u1', 'u2', 'u3', 'u4', 'u5', 'u6']],
    ['/Users?startIndex=999999999999&count=1', []],
    ['/Users?startIndex=&count=&filter=', ['u1', 'u2', 'u3', 'u4', 'u5']],
  ]
  for (const [target, expected] of table) t.same(await ids(target), expected, target)
  const { body } = await ask('/Users?count=0')
  t.same([body?.['totalResults'], body?.['itemsPerPage']], [7, 0])
})

await t.test('parameters that make no sense are refused', async (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['/Users?count=ten', 'invalidValue'],
    ['/Users?startIndex=1.5', 'invalidValue'],
    ['/Users?count=1&count=2', 'invalidValue'],
    ['/Users?sortOrder=upwards', 'invalidValue'],
    ['/Users?sortBy=nothing', 'invalidValue'],
    ['/Users?sortBy=password', 'invalidValue'],
    ['/Users?attributes=id&excludedAttributes=name', 'invalidValue'],
    ['/Users?filter=userName', 'invalidFilter'],
    ['/Users?filter=nothing+pr', 'invalidFilter'],
    ['/Users?filter=password+pr', 'invalidFilter'],
  ]
  for (const [target, scimType] of table) {
    const { status, body } = await ask(target)
    t.same([status, body?.['scimType']], [400, scimType], target)
  }
})

await t.test('the store gets a looked-up sort order and the selection', async (t) => {
  await ask('/Users?sortBy=NAME.familyname&sortOrder=Descending&excludedAttributes=groups')
  const asked = users.lastList
  t.same([asked?.sort?.attribute.key, asked?.sort?.isDescending], ['name.familyName', true])
  t.equal(asked?.selection.wants('groups'), false)
})

await t.test(
  'RFC 7644 §3.4.1 and §3.14: a resource, its tag, and 304 for who knows it',
  async (t) => {
    const read = await ask('/Users/u1?attributes=title')
    t.equal(read.status, 200)
    t.equal(read.headers['etag'], 'W/"1"')
    t.equal(read.headers['location'], `${baseUrl}/Users/u1`)
    t.same(read.body, { schemas: [userSchema], id: 'u1', title: 'Odd' })
    for (const ifNoneMatch of ['W/"1"', '"1"', '*', '"0", W/"1"']) {
      const known = await ask('/Users/u1', { ifNoneMatch })
      t.same([known.status, known.body, known.headers['etag']], [304, null, 'W/"1"'], ifNoneMatch)
    }
    t.equal((await ask('/Users/u1', { ifNoneMatch: 'W/"2"' })).status, 200)
  },
)

await t.test('RFC 7644 §3.12: no such thing is 404, and the id is not said again', async (t) => {
  for (const target of ['/Users/secret-id', '/secret-id', '/Users/u1/secret-id', '/users']) {
    const { status, headers, body } = await ask(target)
    t.equal(status, 404, target)
    t.equal(headers['content-type'], 'application/scim+json', target)
    t.same([body?.['schemas'], body?.['status']], [[errorSchema], '404'], target)
    t.notOk(JSON.stringify(body).includes('secret-id'), target)
  }
  t.equal((await ask('/Users/%zz')).status, 400)
})

await t.test('slashes doubled or at the end do no harm', async (t) => {
  t.equal((await ask('//Users//u1/')).status, 200)
})

await t.test('RFC 7644 §3.4.3: POST /.search asks what a GET would', async (t) => {
  const body = { schemas: [searchRequest], filter: 'title eq "even"', startIndex: 2, count: 1 }
  const answer = await ask('/Users/.search', { method: 'POST', body })
  t.equal(answer.status, 200)
  t.same(answer.body?.['totalResults'], 3)
  t.same(answer.body?.['Resources'], [aUser(4)])
  const selected = { schemas: [searchRequest], attributes: ['userName'], count: 1 }
  const { body: list } = await ask('/Users/.search', { method: 'POST', body: selected })
  t.same(list?.['Resources'], [{ schemas: [userSchema], id: 'u1', userName: 'user1' }])
})

await t.test('RFC 7644 §3.4.3: a body that is no SearchRequest is refused', async (t) => {
  const bodies: readonly (readonly [unknown, string])[] = [
    ['{', 'invalidSyntax'],
    ['', 'invalidSyntax'],
    ['\ud800', 'invalidSyntax'],
    [[], 'invalidSyntax'],
    [null, 'invalidSyntax'],
    [{ filter: 'title pr' }, 'invalidSyntax'],
    [{ schemas: [searchRequest], count: '5' }, 'invalidValue'],
    [{ schemas: [searchRequest], count: 1.5 }, 'invalidValue'],
    [{ schemas: [searchRequest], filter: 5 }, 'invalidValue'],
    [{ schemas: [searchRequest], attributes: [5] }, 'invalidValue'],
  ]
  for (const [body, scimType] of bodies) {
    const answer = await ask('/Users/.search', { method: 'POST', body })
    const name = JSON.stringify(body)
    if (typeof body === 'string' && body === '\ud800') {
      t.equal(answer.status, 400, 'bytes that are no UTF-8')
    } else t.same([answer.status, answer.body?.['scimType']], [400, scimType], name)
  }
  const xml = { method: 'POST', body: '<a/>', contentType: 'text/xml' }
  t.equal((await ask('/.search', xml)).status, 415)
})

await t.test('RFC 7644 §3.4.2.1: the root lists all types as one list', async (t) => {
  t.same(await ids('/?filter=meta.resourceType+eq+%22Group%22'), ['g1'])
  t.same(await ids('/?filter=displayName+co+%22user%22+or+userName+eq+%22user3%22'), ['u3', 'g1'])
  t.same(await ids('/?startIndex=7&count=5'), ['u7', 'g1'])
  t.same(await ids('/?filter=members+pr'), ['g1'])
  const { body } = await ask('/?count=2')
  t.same([body?.['totalResults'], body?.['itemsPerPage']], [8, 2])
  t.equal((await ask('/?filter=nothing+pr')).status, 400)
})

await t.test('what is not served yet says so: 501, and the configuration agrees', async (t) => {
  const body = { schemas: [userSchema], userName: 'new' }
  const requests: readonly (readonly [string, string])[] = [
    ['POST', '/Users'],
    ['PUT', '/Users/u1'],
    ['PATCH', '/Users/u1'],
    ['DELETE', '/Users/u1'],
    ['POST', '/Groups'],
    ['PATCH', '/Groups/g1'],
    ['POST', '/Bulk'],
    ['GET', '/Me'],
  ]
  for (const [method, path] of requests) {
    const answer = await ask(path, method === 'GET' ? { method } : { method, body })
    t.same([answer.status, answer.body?.['status']], [501, '501'], `${method} ${path}`)
  }
  const { body: config } = await ask('/ServiceProviderConfig')
  t.match(config, {
    patch: { supported: false },
    bulk: { supported: false },
    changePassword: { supported: false },
    filter: { supported: true, maxResults: 6 },
    etag: { supported: true },
    pagination: { cursor: false, index: true, defaultPageSize: 5, maxPageSize: 6 },
  })
})

await t.test(
  'RFC 7644 §3.12: a method that does not work here is 405 and told which do',
  async (t) => {
    for (const path of ['/ServiceProviderConfig', '/ResourceTypes', '/Schemas', '/Schemas/x']) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        const { status, headers, body } = await ask(path, { method, body: {} })
        t.same(
          [status, headers['allow'], body?.['status']],
          [405, 'GET', '405'],
          `${method} ${path}`,
        )
      }
    }
    t.equal((await ask('/Users', { method: 'DELETE' })).headers['allow'], 'GET, POST')
    t.equal((await ask('/Users', { method: 'constructor' })).status, 405)
  },
)

await t.test('HEAD answers as GET does, without the body', async (t) => {
  const { status, headers, body } = await ask('/Users/u1', { method: 'HEAD' })
  t.same([status, headers['etag'], body], [200, 'W/"1"', null])
})

await t.test('a fault of ours is 500 with an id, and says nothing else', async (t) => {
  const broken = {
    find: () => Promise.reject(new Error('password of the database')),
    list: () => Promise.reject(new Error('unused')),
  }
  const request: ScimRequest = {
    method: 'GET',
    path: '/Users/u1',
    query: '',
    ifNoneMatch: null,
    contentType: null,
    body: null,
    baseUrl,
    signal: new AbortController().signal,
  }
  const { status, body } = await service.answer(request, { User: broken, Group: broken })
  t.equal(status, 500)
  t.same(body, { schemas: [errorSchema], status: '500', detail: 'internal error fault-1' })
  t.equal(faults.length, 1)
})
