import t from 'tap'
import { type Json, parsePatchPath, parsePatchRequest } from '../../../../protocols/scim/index.ts'
import { refusalOf, showFilter } from '../../../support/scim-filters.ts'

const patchOp = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

await t.test('RFC 7644 §3.5.2 figure 7: paths are read', async (t) => {
  const path = (name: string, sub: string | null = null, schema: string | null = null) => ({
    kind: 'attribute',
    path: { schema, name, sub },
  })
  t.same(parsePatchPath('members'), path('members'))
  t.same(parsePatchPath('name.familyName'), path('name', 'familyName'))
  t.same(parsePatchPath(`${enterprise}:manager.value`), path('manager', 'value', enterprise))
  t.same(parsePatchPath(enterprise.toUpperCase()), { kind: 'extension', schema: enterprise })
  for (const [text, shown, sub] of [
    ['addresses[type eq "work"]', '(eq type "work")', null],
    ['addresses[type eq "work"].streetAddress', '(eq type "work")', 'streetAddress'],
    ['members[value eq "a].b"]', '(eq value "a].b")', null],
    [
      'emails[type eq "work" or not (primary eq true)].value',
      '(or (eq type "work") (not (eq primary true)))',
      'value',
    ],
    [`${enterprise}:x[a pr].b`, '(pr a)', 'b'],
  ] as const) {
    const read = parsePatchPath(text)
    if (read.kind !== 'values') throw new Error(`${text} is ${read.kind}`)
    t.same([showFilter(read.filter), read.sub], [shown, sub], text)
  }
})

await t.test('RFC 7644 §3.12: what is no path is invalidPath', async (t) => {
  const refused = [
    '',
    'a b',
    'a.b.c',
    'members[',
    'members]',
    'members[]',
    'members[value eq]',
    'members[value eq "a"].',
    'members[value eq "a"].b.c',
    'members[value eq "a"]b',
    'members[a[b pr]]',
    'name.x[type pr]',
    'urn:example:unknown:attribute',
    `a${'x'.repeat(9_000)}`,
  ]
  for (const text of refused) {
    t.match(
      refusalOf(() => parsePatchPath(text)),
      { status: 400, scimType: 'invalidPath' },
      text.slice(0, 40),
    )
  }
})

await t.test(
  'RFC 7644 §3.5.2: operations, with the capital letters Entra gives them',
  async (t) => {
    const body: Json = {
      schemas: [patchOp.toLowerCase()],
      Operations: [
        { op: 'Replace', path: 'active', value: 'False' },
        { op: 'ADD', value: { title: 'x' } },
        { op: 'remove', path: 'members', value: [{ value: '1' }] },
        { op: 'remove', path: 'title' },
      ],
    }
    t.match(parsePatchRequest(body), [
      { op: 'replace', path: { kind: 'attribute' }, value: 'False' },
      { op: 'add', path: null, value: { title: 'x' } },
      { op: 'remove', value: [{ value: '1' }] },
      { op: 'remove', value: undefined },
    ])
  },
)

await t.test('RFC 7644 §3.12: a message that is no PatchOp is refused by its fault', async (t) => {
  const one = (operation: Json): Json => ({ schemas: [patchOp], Operations: [operation] })
  const many = Array.from({ length: 1_001 }, () => ({ op: 'remove', path: 'title' }))
  const table: readonly (readonly [Json, string])[] = [
    [null, 'invalidSyntax'],
    [{ Operations: [] }, 'invalidSyntax'],
    [{ schemas: [patchOp] }, 'invalidSyntax'],
    [{ schemas: [patchOp], Operations: [] }, 'invalidSyntax'],
    [one('x'), 'invalidSyntax'],
    [one({ op: 'move', path: 'a', value: 1 }), 'invalidSyntax'],
    [one({ op: 'remove' }), 'noTarget'],
    [one({ op: 'add', path: 'title' }), 'invalidValue'],
    [one({ op: 'add', value: 'x' }), 'invalidValue'],
    [one({ op: 'add', path: 5, value: 'x' }), 'invalidPath'],
    [one({ op: 'add', path: 'a b', value: 'x' }), 'invalidPath'],
    [{ schemas: [patchOp], Operations: many }, 'tooMany'],
  ]
  for (const [body, scimType] of table) {
    t.match(
      refusalOf(() => parsePatchRequest(body)),
      { scimType },
      JSON.stringify(body).slice(0, 80),
    )
  }
})
