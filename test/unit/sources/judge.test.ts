import t from 'tap'
import {
  Allowance,
  isFullAnswerSound,
  isShort,
  remainingAllowance,
} from '../../../src/sources/guard.ts'
import { judgeGroups } from '../../../src/sources/judge-groups.ts'
import { DEFAULT_SCOPE, judgePeople, type KnownPerson } from '../../../src/sources/judge-people.ts'
import { changedNames, mergeValues } from '../../../src/sources/merge.ts'
import type { PersonValues, SourceItem } from '../../../src/sources/source.ts'
import { aGroup, aPerson, gone, without } from '../../support/fake-source.ts'

function known(overrides: Partial<KnownPerson> = {}): KnownPerson {
  return {
    values: aPerson('a').values,
    isRemoved: false,
    isHeld: false,
    isRemovalWaiting: false,
    isSuspensionWaiting: false,
    isDisabledByUs: false,
    isChosen: false,
    isDeletedHere: false,
    isForgotten: false,
    isProtected: false,
    ...overrides,
  }
}

function judge(item: SourceItem, before: KnownPerson | null, left = 10, scope = DEFAULT_SCOPE) {
  const people = new Map(before === null ? [] : [[item.externalId, before]])
  const known = { people, candidates: new Map() }
  const [verdict] = judgePeople([item], known, { scope, allowance: new Allowance(left) })
  return verdict
}

t.test('merge: absent leaves alone, null clears, and names that differ commute', async (t) => {
  const before: PersonValues = { displayName: 'A', mail: 'a@x', city: 'Rome' }
  t.same(mergeValues(before, { mail: null }), { displayName: 'A', mail: null, city: 'Rome' })
  const one: PersonValues = { mail: 'b@x' }
  const other: PersonValues = { city: null }
  t.same(
    mergeValues(mergeValues(before, one), other),
    mergeValues(mergeValues(before, other as object), one),
  )
  t.same(
    mergeValues(mergeValues(before, one), one),
    mergeValues(before, one),
    'a replay changes nothing',
  )
  t.same(changedNames({ a: null, b: 1 }, { b: 1 }), [], 'never told and cleared are the same')
  t.same(changedNames({ a: 1 }, { a: 2, c: 3 }), ['a', 'c'])
})

t.test('judge: what each answer about a person means', async (t) => {
  const held = known({ isHeld: true, values: { ...aPerson('a').values, isEnabled: false } })
  const table: [string, SourceItem, KnownPerson | null, object][] = [
    ['somebody new is created', aPerson('a'), null, { act: 'create', hold: 'keep' }],
    [
      'new and disabled comes held',
      aPerson('a', { isEnabled: false }),
      null,
      { act: 'create', hold: 'set' },
    ],
    ['a guest stays outside', aPerson('a', { isGuest: true }), null, { act: 'propose' }],
    ['the same again is kept', aPerson('a'), known(), { act: 'keep', changed: [] }],
    [
      'a change is an update',
      aPerson('a', { city: 'Rome' }),
      known(),
      { act: 'update', changed: ['city'] },
    ],
    [
      'disabled is held',
      aPerson('a', { isEnabled: false }),
      known(),
      { act: 'update', hold: 'set' },
    ],
    ['enabled lifts the hold', aPerson('a'), held, { act: 'update', hold: 'lift' }],
    ['a deletion removes', gone('a'), known(), { act: 'remove' }],
    ['one told twice removes once', gone('a'), known({ isRemoved: true }), { act: 'ignore' }],
    ['an unknown one is remembered', gone('a'), null, { act: 'ignore', isUnknownGone: true }],
    ['back again is restored', aPerson('a'), known({ isRemoved: true }), { act: 'restore' }],
    [
      'a member who becomes a guest goes',
      aPerson('a', { isGuest: true }),
      known(),
      { act: 'remove' },
    ],
    [
      'what waits is not asked twice',
      gone('a'),
      known({ isRemovalWaiting: true }),
      { act: 'keep' },
    ],
    [
      'alive ends the waiting',
      aPerson('a'),
      known({ isRemovalWaiting: true }),
      { isWaitingOver: true },
    ],
  ]
  for (const [name, item, before, expected] of table) t.match(judge(item, before), expected, name)
  t.match(judge(gone('a'), known(), 0), { act: 'wait' }, 'beyond the window it waits')
  t.match(judge(aPerson('a', { isEnabled: false }), known(), 0), { hold: 'wait' })
  t.match(judge(aPerson('a', { isEnabled: false }), null, 0), { act: 'create', hold: 'set' })
  const everybody = { ...DEFAULT_SCOPE, includesGuests: true, includesDisabled: false }
  t.match(judge(aPerson('a', { isGuest: true }), null, 1, everybody), { act: 'create' })
  t.match(judge(aPerson('a', { isEnabled: false }), null, 1, everybody), { act: 'propose' })
  const chosen = { ...DEFAULT_SCOPE, policy: 'chosen' } as const
  t.match(judge(aPerson('a'), null, 1, chosen), { act: 'propose', hold: 'keep' })
  t.match(judge(aPerson('a'), known({ isRemoved: true }), 1, chosen), { act: 'restore' })
  const guest = aPerson('a', { isGuest: true })
  t.match(judge(guest, known({ isChosen: true })), { act: 'update' }, 'a chosen guest stays')
  t.match(judge(guest, known({ isChosen: true, isRemoved: true })), { act: 'restore' })
})

t.test('judge: of several words about one object in a batch the last one counts', async (t) => {
  const parts = { scope: DEFAULT_SCOPE, allowance: new Allowance(1) }
  const people = { people: new Map([['a', known()]]), candidates: new Map() }
  const items = [aPerson('a', { city: 'Rome' }), gone('a'), aPerson('b'), gone('b'), aPerson('b')]
  const verdicts = judgePeople(items, people, parts)
  t.same(
    verdicts.map(({ externalId, act }) => `${externalId} ${act}`),
    ['a remove', 'b create'],
  )
  const slices = [aGroup('g', ['a', 'b']), aGroup('g', ['c']), without(aGroup('g', []), ['b'])]
  const [group] = judgeGroups(slices, new Map(), new Allowance(1))
  t.same(
    group?.members.map(({ externalId, isMember }) => `${externalId} ${isMember}`),
    ['a true', 'b false', 'c true'],
  )
  t.match(judgeGroups([gone('g')], new Map(), new Allowance(1)), [
    { act: 'ignore', isUnknownGone: true },
  ])
})

t.test('guard: the window is twenty, or a twentieth when that is more', async (t) => {
  const table: [number, number, number][] = [
    [10, 0, 20],
    [10, 20, 0],
    [399, 0, 20],
    [400, 0, 20],
    [1_000, 0, 50],
    [960, 40, 10],
    [950, 50, 0],
    [900, 100, 0],
    [0, 0, 20],
  ]
  for (const [living, removed, left] of table) {
    t.equal(remainingAllowance(living, removed), left, `${removed} of ${living + removed} gone`)
  }
})

t.test('guard: which full answers are believed', async (t) => {
  const table: [number, number, boolean][] = [
    [0, 0, true],
    [100, 0, true],
    [1, 1, false],
    [100, 100, false],
    [100, 20, true],
    [100, 21, false],
    [30, 10, true],
    [30, 11, false],
    [1_000, 200, true],
    [1_000, 201, false],
  ]
  for (const [all, missing, sound] of table) {
    t.equal(isFullAnswerSound(all, missing), sound, `${missing} of ${all} missing`)
  }
  t.equal(isShort(10, null), false)
  t.equal(isShort(95, 100), false)
  t.equal(isShort(94, 100), true)
  t.equal(isShort(9_900, 10_000), false)
  t.equal(isShort(9_899, 10_000), true)
})
