import t from 'tap'
import {
  defaultSettings,
  type JsonObject,
  type ScimResponse,
  ScimService,
} from '../../../../protocols/scim/index.ts'
import { MemoryResourceStore } from '../../../support/scim-memory-store.ts'

const baseUrl = 'https://scim.example/scim/v2'
const none = new MemoryResourceStore([])
const service = new ScimService(defaultSettings, () => 'fault')

function get(path: string, query = ''): Promise<ScimResponse> {
  return service.answer(
    {
      method: 'GET',
      path,
      query,
      ifNoneMatch: null,
      contentType: null,
      body: null,
      baseUrl,
      signal: new AbortController().signal,
    },
    { User: none, Group: none },
  )
}

function resourcesOf({ body }: ScimResponse): readonly JsonObject[] {
  return body?.['Resources'] as readonly JsonObject[]
}

const core = 'urn:ietf:params:scim:schemas:core:2.0:'
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

await t.test('RFC 7644 §4: /ResourceTypes lists what there is, with its extensions', async (t) => {
  const types = resourcesOf(await get('/ResourceTypes'))
  t.match(types, [
    {
      schemas: [`${core}ResourceType`],
      id: 'User',
      endpoint: '/Users',
      schema: `${core}User`,
      schemaExtensions: [{ schema: enterprise, required: false }],
      meta: { resourceType: 'ResourceType', location: `${baseUrl}/ResourceTypes/User` },
    },
    { id: 'Group', endpoint: '/Groups', schema: `${core}Group`, schemaExtensions: [] },
  ])
  t.same((await get('/ResourceTypes/Group')).body, types[1])
  t.equal((await get('/ResourceTypes/Nothing')).status, 404)
})

await t.test('RFC 7644 §4: /Schemas lists every schema, and each can be read alone', async (t) => {
  const schemas = resourcesOf(await get('/Schemas'))
  t.same(
    schemas.map((schema) => schema['id']),
    [
      `${core}User`,
      enterprise,
      `${core}Group`,
      `${core}ServiceProviderConfig`,
      `${core}ResourceType`,
      `${core}Schema`,
    ],
  )
  for (const schema of schemas) {
    const read = await get(`/Schemas/${String(schema['id'])}`)
    t.same([read.status, read.body], [200, schema], String(schema['id']))
  }
  t.equal((await get(`/Schemas/${encodeURIComponent(`${core}User`)}`)).status, 200)
  t.equal((await get(`/Schemas/${core}Nothing`)).status, 404)
})

await t.test('RFC 7643 §8.7.1: characteristics of the attributes that matter most', async (t) => {
  const { body } = await get(`/Schemas/${core}User`)
  const attributes = body?.['attributes'] as readonly JsonObject[]
  const attribute = (name: string) => attributes.find((candidate) => candidate['name'] === name)
  t.match(attribute('userName'), { required: true, caseExact: false, uniqueness: 'server' })
  t.match(attribute('password'), { mutability: 'writeOnly', returned: 'never' })
  t.match(attribute('groups'), { mutability: 'readOnly', multiValued: true })
  t.match(attribute('emails'), { type: 'complex', multiValued: true })
  t.equal(attributes.length, 21)
  const wholeSchema = resourcesOf(await get('/Schemas'))[5]
  t.match(wholeSchema, { name: 'Schema' })
})

await t.test(
  'RFC 7643 §7: each attribute has all its characteristics, spelled as there',
  async (t) => {
    const check = (attribute: JsonObject, where: string): void => {
      const name = `${where}.${String(attribute['name'])}`
      for (const flag of ['multiValued', 'required', 'caseExact']) {
        t.equal(typeof attribute[flag], 'boolean', `${name} ${flag}`)
      }
      t.ok(
        ['readOnly', 'readWrite', 'immutable', 'writeOnly'].includes(
          String(attribute['mutability']),
        ),
      )
      t.ok(['always', 'never', 'default', 'request'].includes(String(attribute['returned'])))
      t.equal(attribute['type'] === 'complex', attribute['subAttributes'] !== undefined, name)
      t.equal(attribute['type'] === 'reference', attribute['referenceTypes'] !== undefined, name)
      for (const part of (attribute['subAttributes'] ?? []) as JsonObject[]) check(part, name)
    }
    for (const schema of resourcesOf(await get('/Schemas'))) {
      for (const attribute of schema['attributes'] as JsonObject[])
        check(attribute, String(schema['name']))
    }
  },
)

await t.test('RFC 7644 §4: a filter on what describes the service is 403', async (t) => {
  for (const path of ['/ServiceProviderConfig', '/ResourceTypes', '/Schemas']) {
    const { status, body } = await get(path, 'filter=name+pr')
    t.same([status, body?.['status']], [403, '403'], path)
    t.equal((await get(path, 'count=1&sortBy=id')).status, 200, 'the rest is ignored')
  }
})
