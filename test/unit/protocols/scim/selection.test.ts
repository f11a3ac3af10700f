import t from 'tap'
import { type JsonObject, Selection, userType } from '../../../../protocols/scim/index.ts'
import { refusalOf } from '../../../support/scim-filters.ts'

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

const resource: JsonObject = {
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User', enterprise],
  id: '1',
  userName: 'anna',
  password: 'secret',
  internal: 'not in any schema',
  title: null,
  name: { givenName: 'Anna', familyName: 'Berg', secret: 1 },
  emails: [
    { value: 'a@x.example', type: 'work' },
    { value: 'b@x.example', type: 'home' },
  ],
  [enterprise]: { department: 'IT', manager: { value: '2', displayName: 'Bo' }, other: 1 },
  meta: { resourceType: 'User', version: 'W/"1"' },
}

function select(lists: { readonly attributes?: string; readonly excludedAttributes?: string }) {
  return new Selection(userType, {
    attributes: lists.attributes?.split(',') ?? null,
    excludedAttributes: lists.excludedAttributes?.split(',') ?? null,
  })
}

const always = { schemas: resource['schemas'], id: '1' }

await t.test(
  'RFC 7643 §7 returned: by default everything the schemas know is sent, save secrets',
  async (t) => {
    t.same(select({}).apply(resource), {
      ...always,
      userName: 'anna',
      name: { givenName: 'Anna', familyName: 'Berg' },
      emails: resource['emails'],
      [enterprise]: { department: 'IT', manager: { value: '2', displayName: 'Bo' } },
      meta: resource['meta'],
    })
  },
)

await t.test('RFC 7644 §3.9 attributes: what is named, and what is always sent', async (t) => {
  const table: readonly (readonly [string, JsonObject])[] = [
    ['userName', { userName: 'anna' }],
    ['USERNAME,nothing', { userName: 'anna' }],
    ['nothing', {}],
    ['password', {}],
    ['name.givenName', { name: { givenName: 'Anna' } }],
    ['name.givenName,name', { name: { givenName: 'Anna', familyName: 'Berg' } }],
    ['emails.value', { emails: [{ value: 'a@x.example' }, { value: 'b@x.example' }] }],
    ['urn:ietf:params:scim:schemas:core:2.0:User:userName', { userName: 'anna' }],
    ['emails[type eq "work"]', { emails: resource['emails'] }],
    [
      enterprise,
      { [enterprise]: { department: 'IT', manager: { value: '2', displayName: 'Bo' } } },
    ],
    [`${enterprise}:manager.value`, { [enterprise]: { manager: { value: '2' } } }],
    ['department', { [enterprise]: { department: 'IT' } }],
  ]
  for (const [attributes, expected] of table) {
    t.same(select({ attributes }).apply(resource), { ...always, ...expected }, attributes)
  }
})

await t.test(
  'RFC 7644 §3.9 excludedAttributes: what is named is left out, unless always sent',
  async (t) => {
    const whole = select({}).apply(resource)
    const without = (...names: string[]) =>
      Object.fromEntries(Object.entries(whole).filter(([name]) => !names.includes(name)))
    t.same(select({ excludedAttributes: 'emails,id,schemas' }).apply(resource), without('emails'))
    t.same(select({ excludedAttributes: enterprise }).apply(resource), without(enterprise))
    t.same(select({ excludedAttributes: 'name.familyName' }).apply(resource), {
      ...whole,
      name: { givenName: 'Anna' },
    })
  },
)

await t.test('RFC 7644 §3.4.2.5: both lists together are refused', async (t) => {
  const both = { attributes: 'userName', excludedAttributes: 'emails' }
  t.match(
    refusalOf(() => select(both)),
    { scimType: 'invalidValue' },
  )
  const many = Array.from({ length: 201 }, () => 'userName').join(',')
  t.match(
    refusalOf(() => select({ attributes: many })),
    { scimType: 'invalidValue' },
  )
})

await t.test('a store is told what need not be fetched', async (t) => {
  t.equal(select({}).wants('groups'), true)
  t.equal(select({}).wants('password'), false)
  t.equal(select({ excludedAttributes: 'groups' }).wants('groups'), false)
  t.equal(select({ excludedAttributes: 'groups.display' }).wants('groups'), true)
  t.equal(select({ attributes: 'userName' }).wants('groups'), false)
  t.equal(select({ attributes: 'groups.value' }).wants('groups'), true)
  t.equal(select({ attributes: 'userName' }).wants('id'), true)
})
