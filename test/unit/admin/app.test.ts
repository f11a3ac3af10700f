import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { type AppOptions, makeApp } from '../../../src/admin/app.ts'
import type { AdminParts } from '../../../src/admin/parts.ts'
import { Guests } from '../../../src/credentials/guests.ts'
import { DirectoryError, type DirectoryErrorCode } from '../../../src/directory/errors.ts'
import { makeId, type PrincipalId } from '../../../src/directory/id.ts'
import type { GuestStore } from '../../../src/directory/ports/guests.ts'
import type { ResourceStore } from '../../../src/directory/ports/resources.ts'
import { checkReplyAttribute } from '../../../src/gateway/radius/reply-attributes.ts'
import { aGroup, aGuest, aNetwork, MemoryDirectory } from '../../support/directory.ts'

const corp = aNetwork({ name: 'corp', priority: 30, vlan: 7 })

type Change = Parameters<ResourceStore['updateNetwork']>[1]

interface Served {
  readonly app: FastifyInstance
  /** What reached the store, in order. */
  readonly stored: readonly Change[]
}

/** The application with one network and a store that keeps what it is given. */
async function serve(
  t: Test,
  parts: Partial<AdminParts> = {},
  options: Partial<AppOptions> = {},
): Promise<Served> {
  const stored: Change[] = []
  const updateNetwork: ResourceStore['updateNetwork'] = async (_id, change) => {
    stored.push(change)
    return { changed: 1, inboxSeq: 1n }
  }
  const some: Partial<AdminParts> = {
    directory: new MemoryDirectory(corp, aGroup({ name: 'staff' })).model,
    resources: { updateNetwork } as ResourceStore,
    sessions: {
      outlook: async () => ({ open: 0, ended: 0, moved: 0 }),
    } as unknown as AdminParts['sessions'],
    reached: async () => undefined,
    checkReplyAttribute,
    ...parts,
  }
  const app = await makeApp(some as AdminParts, {
    trustedProxies: [],
    version: '1',
    isLocalSocket: () => true,
    isPlain: () => false,
    onFault: () => undefined,
    ...options,
  })
  t.teardown(() => app.close())
  return { app, stored }
}

function patchCorp(app: FastifyInstance, body: unknown) {
  const headers = { 'content-type': 'application/json' }
  return app.inject({
    method: 'PATCH',
    url: '/api/v1/networks/corp',
    headers,
    body: JSON.stringify(body),
  })
}

t.test('a 503 says whether the change is stored', async (t) => {
  const away = await serve(t, {
    reached: () => Promise.reject(new DirectoryError('DIRECTORY_UNAVAILABLE', 'of 10.0.0.5')),
  })
  const refused = await patchCorp(away.app, { priority: 40 })
  t.equal(refused.statusCode, 503)
  t.ok(refused.headers['retry-after'])
  t.match(refused.json(), { error: { code: 'unavailable', message: /nothing was changed/ } })

  const slow = await serve(t, {
    reached: () => Promise.reject(new DirectoryError('DIRECTORY_STORED_UNSEEN', 'it is stored')),
  })
  const unseen = await patchCorp(slow.app, { priority: 40 })
  t.equal(unseen.statusCode, 503)
  t.notOk(unseen.headers['retry-after'], 'sending it again is of no use')
  t.same(unseen.json(), { error: { code: 'stored-unseen', message: 'it is stored' } })
})

t.test('passwords of guests are told though their guests are not seen here yet', async (t) => {
  const { model } = new MemoryDirectory()
  const createGuests: GuestStore['createGuests'] = async (guests) => ({
    changed: guests.length,
    inboxSeq: 1n,
    ids: guests.map(() => makeId<PrincipalId>()),
  })
  const add = async (code: DirectoryErrorCode) => {
    const { app } = await serve(t, {
      directory: model,
      guests: new Guests({ store: { createGuests } as GuestStore, directory: model }),
      reached: () => Promise.reject(new DirectoryError(code, 'why')),
    })
    const body = { name: 'guest-expo', count: 2, label: 'a seat' }
    return app.inject({ method: 'POST', url: '/api/v1/guests', payload: body })
  }
  const made = await add('DIRECTORY_STORED_UNSEEN')
  t.equal(made.statusCode, 201)
  const one = { label: 'a seat', state: 'active', removedAt: null, password: /^(\w{4}-){3}\w{4}$/ }
  t.match(made.json().guests, [
    { name: 'guest-expo-1', ...one },
    { name: 'guest-expo-2', ...one },
  ])
  t.equal((await add('DIRECTORY_UNAVAILABLE')).statusCode, 503)
})

t.test('a guest that expired is described, one that was removed is not', async (t) => {
  const past = { startsAtMs: 1_000, expiresAtMs: 2_000 }
  const expired = aGuest({ name: 'guest-expired', ...past })
  const removed = aGuest({ name: 'guest-removed', ...past, revokedAtMs: 1_500 })
  const { model } = new MemoryDirectory(expired, removed)
  const changes: unknown[] = []
  const updateGuest: GuestStore['updateGuest'] = async (id, change) => {
    changes.push([id, change])
    return { changed: 1, inboxSeq: 1n }
  }
  const { app } = await serve(t, {
    directory: model,
    guests: new Guests({ store: { updateGuest } as GuestStore, directory: model }),
  })
  const patch = (name: string, payload: object) =>
    app.inject({ method: 'PATCH', url: `/api/v1/guests/${name}`, payload })
  t.equal((await patch(expired.name, { note: 'left a bag' })).statusCode, 200)
  t.same(changes, [[expired.id, { note: 'left a bag' }]])
  const over = { expiresAt: '2020-01-01T00:00:00Z' }
  t.match((await patch(expired.name, over)).json().error.message, /never be let in/)
  t.match((await patch(removed.name, over)).json().error.message, /was removed/)
  t.equal((await patch(removed.name, { note: 'x' })).statusCode, 422)
  t.equal(changes.length, 1)
})

t.test('a body is taken only when its values have the type they are asked for', async (t) => {
  const { app, stored } = await serve(t)
  const wrong: [unknown, RegExp][] = [
    [{ priority: null }, /body\/priority must be integer/],
    [{ priority: '10' }, /body\/priority must be integer/],
    [{ everyone: 'true' }, /body\/everyone must be boolean/],
    [{ ssids: 'corp' }, /body\/ssids must be array/],
    [{ ssids: [7] }, /body\/ssids\/0 must be string/],
    [{ sessionTimeoutSeconds: '60' }, /body\/sessionTimeoutSeconds must be integer/],
    [{ attributes: [{ name: 'Framed-MTU', value: 60 }] }, /value must be string/],
  ]
  for (const [body, words] of wrong) {
    const answer = await patchCorp(app, body)
    t.equal(answer.statusCode, 400, JSON.stringify(body))
    t.match(answer.json().error.message, words)
  }
  t.same(stored, [], 'nothing reached the store')
  for (const vlan of [null, 20, 'guests']) {
    t.equal((await patchCorp(app, { vlan })).statusCode, 200)
    t.same(stored.at(-1), { vlan })
  }
})

t.test('what stands in an address is text, and is read as the number it says', async (t) => {
  const { app } = await serve(t)
  const list = (query: string) => app.inject({ url: `/api/v1/groups?${query}` })
  t.equal((await list('limit=10')).statusCode, 200)
  t.equal((await list('limit=ten')).statusCode, 400)
})

t.test('an attribute that no reply can carry is refused when it is to be stored', async (t) => {
  const { app, stored } = await serve(t)
  const cases: [string, string, RegExp][] = [
    ['Sesion-Timeout', '60', /unknown attribute Sesion-Timeout/],
    ['Framed-MTU', 'soon', /not an integer/],
    ['State', '0x00', /State is set by the server/],
    ['message-authenticator', '0x00', /set by the server/],
    ['EAP-Message', '0x00', /set by the server/],
    ['Tunnel-Password', 'hunter2', /Tunnel-Password is a secret/],
  ]
  const good = { name: 'Filter-Id', value: 'staff' }
  for (const [name, value, words] of cases) {
    const attributes = [good, { name, value }]
    const bodies = [
      { attributes },
      { groups: [{ group: 'staff' }, { group: 'staff', attributes }] },
    ]
    for (const body of bodies) {
      const answer = await patchCorp(app, body)
      t.equal(answer.statusCode, 422, answer.body)
      t.match(answer.json(), { error: { code: 'bad-attribute', message: words } })
    }
  }
  t.same(stored, [], 'nothing reached the store')
  t.equal((await patchCorp(app, { attributes: [good] })).statusCode, 200)
  t.match(stored, [{ attributes: [good] }])
})
