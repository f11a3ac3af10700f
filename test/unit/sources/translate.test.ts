import t from 'tap'
import {
  toGroupItem,
  toPersonItem,
  USER_SELECT,
} from '../../../src/sources/microsoft365/translate.ts'
import { readStream } from '../../../src/sources/read-stream.ts'
import { FakeSource } from '../../support/fake-source.ts'

const signal = new AbortController().signal

t.test('users: absent stays absent, null clears, empty is null', async (t) => {
  const item = toPersonItem({
    id: 'a',
    mail: null,
    city: '',
    state: 'WA',
    businessPhones: ['1', '2'],
  })
  t.same(item, {
    kind: 'person',
    externalId: 'a',
    values: { mail: null, city: null, region: 'WA', businessPhone: '1' },
  })
  t.same(toPersonItem({ id: 'a', businessPhones: [] }), {
    kind: 'person',
    externalId: 'a',
    values: { businessPhone: null },
  })
  t.match(toPersonItem({ id: 'a', displayName: 'a\u0000b\ud800' }), {
    values: { displayName: 'ab\ufffd' },
  })
  t.ok(USER_SELECT.includes('accountEnabled'), 'returned only when it is asked for')
})

t.test(
  'users: removed in both ways, guests by type or by name, managers now and then',
  async (t) => {
    for (const reason of ['changed', 'deleted']) {
      t.same(toPersonItem({ id: 'a', '@removed': { reason } }), { kind: 'gone', externalId: 'a' })
    }
    const guest = (entity: object) => {
      const item = toPersonItem({ id: 'a', ...entity })
      return item.kind === 'person' ? item.values.isGuest : null
    }
    t.equal(guest({ userType: 'Guest' }), true)
    t.equal(guest({ userType: 'Member', userPrincipalName: 'a_b#EXT#@c' }), false)
    t.equal(guest({ userType: null, userPrincipalName: 'a_b#EXT#@c' }), true)
    t.equal(guest({}), undefined)
    const removed = { '@removed': { reason: 'deleted' } }
    const manager = (list: object[]) => {
      const item = toPersonItem({ id: 'a', 'manager@delta': list })
      return item.kind === 'person' ? item.values.managerExternalId : undefined
    }
    t.equal(manager([{ id: 'm' }]), 'm')
    t.equal(manager([{ id: 'old', ...removed }, { id: 'm' }]), 'm')
    t.equal(manager([{ id: 'old', ...removed }]), null)
  },
)

t.test('groups: members with their type; any @removed is no member', async (t) => {
  const item = toGroupItem({
    id: 'g',
    'members@delta': [
      { '@odata.type': '#microsoft.graph.user', id: 'u' },
      { '@odata.type': '#microsoft.graph.group', id: 'n', '@removed': { reason: 'changed' } },
      { '@odata.type': '#microsoft.graph.device', id: 'd' },
    ],
  })
  t.match(item, {
    members: [
      { externalId: 'u', type: 'person', isMember: true },
      { externalId: 'n', type: 'group', isMember: false },
      { externalId: 'd', type: 'other', isMember: true },
    ],
  })
})

t.test('objects of another shape are a fault', async (t) => {
  const bad = [
    null,
    'a',
    [],
    {},
    { id: 7 },
    { id: '' },
    { id: 'a', mail: 7 },
    { id: 'a', accountEnabled: 'no' },
    { id: 'a', 'manager@delta': {} },
    { id: 'a', businessPhones: 'x' },
  ]
  for (const value of bad) {
    t.throws(() => toPersonItem(value), { code: 'SOURCE_NONSENSE' }, JSON.stringify(value))
  }
  t.throws(() => toGroupItem({ id: 'g', 'members@delta': [{}] }), { code: 'SOURCE_NONSENSE' })
})

async function drain(source: FakeSource, options: object = {}): Promise<number> {
  let steps = 0
  for await (const _ of readStream(source, 'people', null, { signal, ...options })) steps += 1
  return steps
}

t.test(
  'pages: a link that comes twice, too many, and none that bring anything end the round',
  async (t) => {
    const looping = new FakeSource()
    const page = { kind: 'page', items: [], nextLink: 'again' } as const
    looping.script.people.push(page, page)
    await t.rejects(drain(looping), { code: 'SOURCE_NONSENSE', message: /same page link twice/ })
    const endless = new FakeSource()
    for (let at = 0; at < 500; at++) endless.script.people.push(endless.page([]))
    await t.rejects(drain(endless), { code: 'SOURCE_NONSENSE', message: /empty pages/ })
    const many = new FakeSource()
    for (let at = 0; at < 9; at++) many.script.people.push(many.page([]))
    await t.rejects(drain(many, { maxPages: 5 }), { message: /more than 5 pages/ })
    let nowMs = 0
    const slow = new FakeSource()
    for (let at = 0; at < 9; at++) slow.script.people.push(slow.page([]))
    const late = drain(slow, { maxDurationMs: 10, nowMs: () => (nowMs += 4) })
    await t.rejects(late, { message: /in time/ })
    const fine = new FakeSource()
    fine.script.people.push(fine.page([]), fine.page([]), fine.end([]))
    t.equal(await drain(fine), 3, 'an empty page that leads on is no end')
  },
)
