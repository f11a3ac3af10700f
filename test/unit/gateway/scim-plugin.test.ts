import Fastify, { type InjectOptions, type LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import type { TokenVerifier } from '../../../src/credentials/authenticate.ts'
import { DirectoryError } from '../../../src/directory/errors.ts'
import type {
  Listed,
  ListedPerson,
  Listing,
  Question,
} from '../../../src/directory/ports/listing.ts'
import { type ScimParts, scimPlugin } from '../../../src/gateway/scim/plugin.ts'
import type { AuthEvent } from '../../../src/observe/auth-event.ts'
import { anAdministrator, aService, MemoryDirectory } from '../../support/directory.ts'

const connection = aService({ purpose: 'scim-connection', name: 'payroll' })
const ldapClient = aService({ purpose: 'ldap-client', name: 'nextcloud' })
const administrator = anAdministrator()
const directory = new MemoryDirectory(connection, ldapClient, administrator)
const errorSchema = 'urn:ietf:params:scim:api:messages:2.0:Error'

const tokens: TokenVerifier = {
  verifyToken: (token) => {
    if (token === 'right') return directory.entryOf(connection)
    if (token === 'of-ldap') return directory.entryOf(ldapClient)
    return token === 'of-admin' ? administrator : null
  },
}

const noPeople: Listed<ListedPerson> = { total: 0, entries: [] }

class FakeListing implements Listing {
  asked: Question | null = null
  answer: () => Promise<Listed<ListedPerson> | null> = async () => noPeople

  people(question: Question): Promise<Listed<ListedPerson> | null> {
    this.asked = question
    return this.answer()
  }

  async groups(): Promise<{ readonly total: number; readonly entries: readonly never[] }> {
    return { total: 0, entries: [] }
  }
}

interface Served {
  readonly listing: FakeListing
  readonly events: readonly AuthEvent[]
  readonly faults: readonly (readonly [string, unknown])[]
  ask(url: string, more?: Omit<InjectOptions, 'url'>): Promise<LightMyRequestResponse>
}

async function serve(t: Test, overrides: Partial<ScimParts> = {}): Promise<Served> {
  const listing = new FakeListing()
  const events: AuthEvent[] = []
  const faults: (readonly [string, unknown])[] = []
  const app = Fastify({ genReqId: () => 'request-1' })
  t.teardown(() => app.close())
  await app.register(
    scimPlugin({
      directory: directory.model,
      tokens,
      events: { record: (event) => events.push(event) },
      freshness: () => 'fresh',
      listing,
      onFault: (id, error) => faults.push([id, error]),
      publicUrl: 'https://id.example',
      ...overrides,
    }),
  )
  const ask: Served['ask'] = (url, more = {}) =>
    app.inject({ url, headers: { authorization: 'Bearer right' }, ...more })
  return { listing, events, faults, ask }
}

await t.test('every answer is application/scim+json, refusals of all kinds too', async (t) => {
  const { ask } = await serve(t)
  const anonymous = { headers: {} }
  const table: readonly (readonly [number, string, Omit<InjectOptions, 'url'>])[] = [
    [200, '/scim/v2/Users', {}],
    [200, '/scim/v2/Users?', {}],
    [200, '/scim/v2', {}],
    [200, '/scim/v2/', {}],
    [200, '/scim/v2/scim/v2/Users', {}],
    [200, '/scim/v2//Users/', {}],
    [400, '/scim/v2/Users?filter=x', {}],
    [401, '/scim/v2/Users', anonymous],
    [401, '/scim/v2/nothing', anonymous],
    [404, '/scim/v2/nothing', {}],
    [404, '/scim/v2/Users/none', {}],
    [405, '/scim/v2/Schemas', { method: 'DELETE' }],
    [405, '/scim/v2/Users', { method: 'OPTIONS' }],
    [501, '/scim/v2/Users', { method: 'POST', payload: { userName: 'x' } }],
    [501, '/scim/v2/Users/1', { method: 'DELETE' }],
    [
      415,
      '/scim/v2/.search',
      {
        method: 'POST',
        payload: 'a=b',
        headers: {
          authorization: 'Bearer right',
          'content-type': 'application/x-www-form-urlencoded',
        },
      },
    ],
    [413, '/scim/v2/.search', { method: 'POST', payload: { filter: 'x'.repeat(300_000) } }],
  ]
  for (const [status, url, options] of table) {
    const answer = await ask(url, options)
    const name = `${options.method ?? 'GET'} ${url}`
    t.equal(answer.statusCode, status, name)
    t.equal(answer.headers['content-type'], 'application/scim+json', name)
    if (status >= 400) {
      t.same([answer.json().schemas, answer.json().status], [[errorSchema], String(status)], name)
    }
  }
})

await t.test(
  'RFC 6750 §3: without a token, or with a wrong one, 401 and how to do better',
  async (t) => {
    const { ask, events } = await serve(t)
    const table: readonly (readonly [string | undefined, string])[] = [
      [undefined, 'Bearer realm="gatehouse"'],
      ['Basic cmlnaHQ6', 'Bearer realm="gatehouse"'],
      ['Bearer', 'Bearer realm="gatehouse"'],
      ['Bearer a b', 'Bearer realm="gatehouse"'],
      ['Bearer wrong', 'Bearer realm="gatehouse", error="invalid_token"'],
    ]
    for (const [authorization, challenge] of table) {
      const headers = authorization === undefined ? {} : { authorization }
      const { statusCode, headers: answered } = await ask('/scim/v2/Users', { headers })
      t.same([statusCode, answered['www-authenticate']], [401, challenge], `${authorization}`)
    }
    t.equal(
      (await ask('/scim/v2/Users', { headers: { authorization: 'bearer right' } })).statusCode,
      200,
    )
    t.same(
      events.map(({ outcome, reason, resourceName }) => [outcome, reason, resourceName]),
      [
        ['denied', 'unknown-name', null],
        ['success', null, 'payroll'],
      ],
    )
  },
)

await t.test('a token that is good for something else is 403', async (t) => {
  const { ask } = await serve(t)
  for (const token of ['of-ldap', 'of-admin']) {
    const answer = await ask('/scim/v2/Users', { headers: { authorization: `Bearer ${token}` } })
    t.same([answer.statusCode, answer.json().status], [403, '403'], token)
  }
})

await t.test(
  'RFC 7643 §5: what the service can do is open; a wrong token there is still wrong',
  async (t) => {
    const { ask } = await serve(t)
    const open = await ask('/scim/v2/ServiceProviderConfig', { headers: {} })
    t.equal(open.statusCode, 200)
    t.equal(open.json().authenticationSchemes[0].type, 'oauthbearertoken')
    const wrong = { headers: { authorization: 'Bearer wrong' } }
    t.equal((await ask('/scim/v2/ServiceProviderConfig', wrong)).statusCode, 401)
    for (const path of ['/Schemas', '/ResourceTypes', '/ServiceProviderConfig/Users', '/']) {
      t.equal((await ask(`/scim/v2${path}`, { headers: {} })).statusCode, 401, path)
    }
  },
)

await t.test('above its rate a connection waits whole seconds, and comes in again', async (t) => {
  let nowMs = 1_000
  const { ask } = await serve(t, { rate: { perSecond: 0.5, burst: 3 }, nowMs: () => nowMs })
  const statuses: number[] = []
  for (let n = 0; n < 4; n++) statuses.push((await ask('/scim/v2/Users')).statusCode)
  t.same(statuses, [200, 200, 200, 429])
  const refused = await ask('/scim/v2/Users')
  t.equal(refused.headers['retry-after'], '2')
  t.equal(
    (await ask('/scim/v2/Users', { headers: { authorization: 'Bearer wrong' } })).statusCode,
    401,
  )
  nowMs += 2_000
  t.equal((await ask('/scim/v2/Users')).statusCode, 200)
})

await t.test('by default 25 requests a second go on for ever', async (t) => {
  let nowMs = 0
  const { ask } = await serve(t, { nowMs: () => nowMs })
  for (let n = 0; n < 1_000; n++) {
    nowMs += 40
    if ((await ask('/scim/v2/ResourceTypes')).statusCode !== 200) t.fail(`request ${n} was refused`)
  }
  t.equal(nowMs, 40_000)
})

await t.test('too stale to believe a token: 503, and when to come again', async (t) => {
  const { ask } = await serve(t, { freshness: () => 'too-stale' })
  const { statusCode, headers } = await ask('/scim/v2/Users')
  t.same([statusCode, headers['retry-after']], [503, '5'])
})

await t.test('a database that does not answer is 503, a fault is 500 with its id', async (t) => {
  const { ask, listing, faults } = await serve(t)
  const secret = 'host=db password=x'
  listing.answer = () => Promise.reject(new DirectoryError('DIRECTORY_UNAVAILABLE', secret))
  const unavailable = await ask('/scim/v2/Users')
  t.same([unavailable.statusCode, unavailable.headers['retry-after']], [503, '5'])
  t.same(faults, [])
  listing.answer = () => Promise.reject(new TypeError(secret))
  const fault = await ask('/scim/v2/Users')
  t.same([fault.statusCode, fault.json().detail], [500, 'internal error request-1'])
  t.match(faults, [['request-1', TypeError]])
  t.notOk(`${unavailable.body}${fault.body}`.includes('password'))
})

await t.test('what takes too long or is too large is 400 tooMany', async (t) => {
  const { ask, listing } = await serve(t)
  listing.answer = async () => null
  for (const url of ['/scim/v2/Users', '/scim/v2/Users/1']) {
    const answer = await ask(url)
    t.same([answer.statusCode, answer.json().scimType], [400, 'tooMany'], url)
  }
})

await t.test('the directory is asked in its own words, for this connection', async (t) => {
  const { ask, listing } = await serve(t)
  await ask(
    '/scim/v2/Users?filter=userName+eq+%22Anna%22&startIndex=11&count=5&excludedAttributes=groups&sortBy=emails&sortOrder=descending',
  )
  t.match(listing.asked, {
    audience: { connectionId: connection.id, view: connection.view },
    where: { op: 'text', field: 'username', test: 'equals', value: 'anna' },
    order: { by: 'mail', isDescending: true },
    offset: 10,
    limit: 5,
    wants: { total: true, memberships: false },
  })
  await ask('/scim/v2/Users/ABC')
  t.match(listing.asked, {
    where: { op: 'text', field: 'id', test: 'equals', value: 'ABC' },
    wants: { total: false, memberships: true },
  })
  const sorts = { name: 'displayName', 'meta.created': 'createdAt', department: 'department' }
  for (const [sortBy, by] of Object.entries(sorts)) {
    await ask(`/scim/v2/Users?sortBy=${sortBy}`)
    t.match(listing.asked, { order: { by } }, sortBy)
  }
  for (const sortBy of ['groups', 'active', 'addresses', 'nickName']) {
    t.equal((await ask(`/scim/v2/Users?sortBy=${sortBy}`)).statusCode, 400, sortBy)
  }
})

await t.test('locations begin with the public URL, else with what the client called', async (t) => {
  const location = async (served: Served): Promise<unknown> => {
    const answer = await served.ask('/scim/v2/ResourceTypes/User')
    return answer.json().meta.location
  }
  const path = '/scim/v2/ResourceTypes/User'
  t.equal(await location(await serve(t)), `https://id.example${path}`)
  t.equal(await location(await serve(t, { publicUrl: null })), `http://localhost:80${path}`)
})
