import t from 'tap'
import { evaluate, type Truth } from '../../../src/directory/evaluate.ts'
import type { Query } from '../../../src/directory/query.ts'
import { aGroup, aPerson, aService, MemoryDirectory } from '../../support/directory.ts'

const noFacts = {
  isMember: () => false,
  isDirectMember: () => false,
  hasGroups: () => false,
  hasMembers: () => false,
}

const ada = aPerson({
  username: 'ada',
  displayName: 'Ada  BYRON',
  jobTitle: null,
  uidNumber: 300_007,
})
const staff = aGroup({ name: 'Staff' })
const wiki = aService({ name: 'wiki' })
const directory = new MemoryDirectory(ada, staff, wiki)
const [adaEntry, staffEntry, wikiEntry] = [ada, staff, wiki].map((one) => directory.entryOf(one))

function truthFor(entry: typeof adaEntry, query: Query): Truth {
  if (entry === undefined) throw new Error('no entry')
  return evaluate(query, entry, noFacts)
}

const yes: Query = { op: 'always' }
const no: Query = { op: 'never' }
const unknown: Query = { op: 'undefined' }

t.test('RFC 4511 §4.5.1.7: and, or and not in three values', async (t) => {
  const cases: [Query, Truth][] = [
    [{ op: 'and', of: [] }, true],
    [{ op: 'or', of: [] }, false],
    [{ op: 'and', of: [yes, unknown] }, undefined],
    [{ op: 'and', of: [unknown, no] }, false],
    [{ op: 'or', of: [unknown, yes] }, true],
    [{ op: 'or', of: [no, unknown] }, undefined],
    [{ op: 'not', of: unknown }, undefined],
    [{ op: 'not', of: no }, true],
  ]
  for (const [query, truth] of cases)
    t.equal(truthFor(adaEntry, query), truth, JSON.stringify(query))
})

t.test('a field the kind lacks is undefined, one without a value is false', async (t) => {
  const title: Query = { op: 'equals', field: 'jobTitle', value: 'x' }
  t.equal(truthFor(adaEntry, title), false)
  t.equal(truthFor(staffEntry, title), undefined)
  t.equal(
    truthFor(staffEntry, { op: 'present', field: 'jobTitle' }),
    false,
    'presence is told of all',
  )
  t.equal(truthFor(wikiEntry, { op: 'equals', field: 'gidNumber', value: 1 }), undefined)
  t.equal(truthFor(wikiEntry, { op: 'memberOf', groupNo: 1, direct: true }), undefined)
  t.equal(truthFor(adaEntry, { op: 'hasMember', memberNo: 1, direct: true }), undefined)
  t.equal(truthFor(staffEntry, { op: 'equals', field: 'loginName', value: 'ada' }), undefined)
})

t.test('text compares folded, numbers as numbers, and neither as the other', async (t) => {
  const cases: [Query, Truth][] = [
    [{ op: 'equals', field: 'displayName', value: 'ada byron' }, true],
    [{ op: 'equals', field: 'loginName', value: `ada@contoso.example` }, true],
    [{ op: 'atLeast', field: 'displayName', value: 'ada' }, true],
    [{ op: 'atMost', field: 'displayName', value: 'ada' }, false],
    [{ op: 'equals', field: 'uidNumber', value: 300_007 }, true],
    [{ op: 'atLeast', field: 'uidNumber', value: 300_008 }, false],
    [{ op: 'atMost', field: 'uidNumber', value: 300_007 }, true],
    [{ op: 'equals', field: 'uidNumber', value: '300007' }, undefined],
    [{ op: 'equals', field: 'displayName', value: 7 }, undefined],
    [{ op: 'substring', field: 'uidNumber', initial: '3', any: [], final: null }, undefined],
  ]
  for (const [query, truth] of cases)
    t.equal(truthFor(adaEntry, query), truth, JSON.stringify(query))
})

t.test('RFC 4511 §4.5.1.7.2: parts of a substring come in order and do not overlap', async (t) => {
  const cases: [string | null, string[], string | null, boolean][] = [
    ['ada', [], 'byron', true],
    [null, ['a', 'a', 'n'], null, true],
    [null, ['a', 'a', 'a'], null, false],
    [null, ['byr', 'ada'], null, false],
    ['ada byr', [], 'yron', false],
    [null, ['n'], 'n', false],
    ['ada byron', [], 'ada byron', false],
    [null, [], null, true],
  ]
  for (const [initial, any, final, truth] of cases) {
    const query: Query = { op: 'substring', field: 'displayName', initial, any, final }
    t.equal(truthFor(adaEntry, query), truth, JSON.stringify(query))
  }
})
