import fc from 'fast-check'
import t from 'tap'
import type { Change, Entity } from '../../src/directory/change.ts'
import type { Entry, EntryValue, Field, Query } from '../../src/directory/query.ts'
import { ReadModel } from '../../src/directory/read-model.ts'
import { aGroup, aPerson, aService, idFor } from '../support/directory.ts'
import { NaiveDirectory } from '../support/naive-directory.ts'

const RUNS = { numRuns: 200 }
const PEOPLE = [1, 2, 3, 4, 5, 70]
const GROUPS = [11, 12, 13, 14, 90]
const SERVICES = [21, 22]
const NUMBERS = [...PEOPLE, ...GROUPS, ...SERVICES]

const words = fc.constantFrom('ada', 'Ada  Byron', 'adabyron', 'Bob', 'Straße', 'x', 'R&D', 'ada b')
const maybeWords = fc.option(words, { nil: null })
const numbers = fc.integer({ min: 1, max: 4 })
const someNo = fc.constantFrom(...NUMBERS)
const someGroup = fc.constantFrom(...GROUPS)

/** What happens, before it has a version and a journal number. */
type Event =
  | { readonly what: 'put'; readonly value: EntryValue }
  | { readonly what: 'purge'; readonly no: number }
  | {
      readonly what: 'edge'
      readonly groupNo: number
      readonly memberNo: number
      readonly is: boolean
    }
  | { readonly what: 'list'; readonly groupNo: number; readonly memberNos: readonly number[] }

const lifecycle = fc.constantFrom('active', 'active', 'active', 'staged', 'deleted')

const person = fc
  .record({
    no: fc.constantFrom(...PEOPLE),
    username: words,
    displayName: words,
    mail: maybeWords,
    department: maybeWords,
    mobilePhone: maybeWords,
    uidNumber: numbers,
    gidNumber: numbers,
    createdAtMs: numbers,
    lifecycle: lifecycle as fc.Arbitrary<'active' | 'staged' | 'deleted'>,
  })
  .map((some): EntryValue => aPerson(some))

const group = fc
  .record({
    no: someGroup,
    name: words,
    displayName: words,
    description: maybeWords,
    gidNumber: numbers,
    lifecycle: fc.constantFrom('active' as const, 'active' as const, 'deleted' as const),
  })
  .map((some): EntryValue => aGroup(some))

const service = fc
  .record({ no: fc.constantFrom(...SERVICES), name: words })
  .map((some): EntryValue => aService(some))

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: person.map((value): Event => ({ what: 'put', value })) },
  { weight: 6, arbitrary: group.map((value): Event => ({ what: 'put', value })) },
  { weight: 1, arbitrary: service.map((value): Event => ({ what: 'put', value })) },
  { weight: 1, arbitrary: someNo.map((no): Event => ({ what: 'purge', no })) },
  {
    weight: 12,
    arbitrary: fc
      .record({
        groupNo: someGroup,
        memberNo: fc.oneof(fc.constantFrom(...GROUPS), fc.constantFrom(...PEOPLE)),
        is: fc.constantFrom(true, true, false),
      })
      .map((edge): Event => ({ what: 'edge', ...edge })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({
        groupNo: someGroup,
        memberNos: fc.uniqueArray(fc.constantFrom(...PEOPLE, ...GROUPS)),
      })
      .map((list): Event => ({ what: 'list', ...list })),
  },
)

/** Gives the events versions and numbers. What was purged stays away, as no id is used twice. */
function journal(events: readonly Event[]): Change[] {
  const purged = new Set<number>()
  const changes: Change[] = []
  for (const event of events) {
    const usn = changes.length + 1
    const change = changeFor(event, { usn, atMs: usn * 10 }, purged)
    if (change !== null) changes.push(change)
    if (event.what === 'purge') purged.add(event.no)
  }
  return changes
}

function changeFor(
  event: Event,
  stamp: { readonly usn: number; readonly atMs: number },
  purged: ReadonlySet<number>,
): Change | null {
  switch (event.what) {
    case 'purge': {
      const kind = PEOPLE.includes(event.no) ? 'person' : 'group'
      if (SERVICES.includes(event.no)) return null
      return { kind, id: idFor(event.no), value: null, ...stamp }
    }
    case 'put': {
      const value = { ...event.value, version: stamp.usn } as Entity
      return purged.has(event.value.no) ? null : { kind: value.kind, id: value.id, value, ...stamp }
    }
    case 'edge': {
      const { groupNo, memberNo, is } = event
      if (purged.has(groupNo) || purged.has(memberNo)) return null
      return { kind: 'membership', groupNo, memberNo, isMember: is, ...stamp }
    }
    case 'list': {
      const { groupNo } = event
      const memberNos = event.memberNos.filter((no) => !purged.has(no))
      return purged.has(groupNo) ? null : { kind: 'members', groupNo, memberNos, ...stamp }
    }
  }
}

/** Half of the histories begin with everybody there, so that much of what follows is visible. */
const everybody: readonly Event[] = [
  ...PEOPLE.map((no) => aPerson({ no, username: `p${no}` })),
  ...GROUPS.map((no) => aGroup({ no, name: `g${no}` })),
].map((value): Event => ({ what: 'put', value }))

const history = fc
  .record({ isFull: fc.boolean(), events: fc.array(event, { maxLength: 60, size: 'max' }) })
  .map(({ isFull, events }) => journal(isFull ? [...everybody, ...events] : events))

const textField = fc.constantFrom<Field[]>(
  'id',
  'name',
  'loginName',
  'displayName',
  'mail',
  'department',
  'mobilePhone',
  'description',
)
const numberField = fc.constantFrom<Field[]>('uidNumber', 'gidNumber', 'createdAtMs')
const folded = fc.constantFrom(
  'ada',
  'ada byron',
  'adabyron',
  'bob',
  'strasse',
  'straße',
  'r&d',
  'x',
)
const part = fc.constantFrom('a', 'ad', 'ada', 'byr', 'yron', 'straß', 'on', 'bob', 'z', 'contoso')

const { query } = fc.letrec<{ query: Query }>((tie) => {
  const op = <T extends Query>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<Query> => arbitrary
  const compare = fc.constantFrom('equals' as const, 'atLeast' as const, 'atMost' as const)
  const leaves: fc.Arbitrary<Query>[] = [
    fc.constantFrom<Query[]>(
      { op: 'always' },
      { op: 'never' },
      { op: 'undefined' },
      { op: 'inAnyGroup' },
      { op: 'hasAnyMember' },
      { op: 'test', test: ({ no }) => (no % 3 === 0 ? undefined : no % 3 === 1) },
    ),
    fc
      .constantFrom('person' as const, 'group' as const, 'service' as const)
      .map((kind): Query => ({ op: 'kind', kind })),
    fc.oneof(textField, numberField).map((field): Query => ({ op: 'present', field })),
    op(fc.record({ op: compare, field: textField, value: folded })),
    op(fc.record({ op: compare, field: numberField, value: numbers })),
    op(
      fc.record({
        op: fc.constant('equals' as const),
        field: fc.constant<Field>('mail'),
        value: numbers,
      }),
    ),
    op(
      fc.record({
        op: fc.constant('substring' as const),
        field: textField,
        initial: fc.option(part, { nil: null }),
        any: fc.array(part, { maxLength: 2 }),
        final: fc.option(part, { nil: null }),
      }),
    ),
    op(fc.record({ op: fc.constant('memberOf' as const), groupNo: someNo, direct: fc.boolean() })),
    op(
      fc.record({ op: fc.constant('hasMember' as const), memberNo: someNo, direct: fc.boolean() }),
    ),
  ]
  const some = fc.array(tie('query'), { maxLength: 3 })
  return {
    query: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      ...leaves,
      some.map((of): Query => ({ op: 'and', of })),
      some.map((of): Query => ({ op: 'or', of })),
      tie('query').map((of): Query => ({ op: 'not', of })),
    ),
  }
})

function build(changes: readonly Change[]): { model: ReadModel; naive: NaiveDirectory } {
  const model = new ReadModel()
  const naive = new NaiveDirectory()
  for (const change of changes) {
    model.apply([change])
    naive.apply(change)
  }
  return { model, naive }
}

/** Everything the model says about who there is and who belongs to what. */
function facts(model: ReadModel): unknown {
  return NUMBERS.map((no) => ({
    value: model.entry(no)?.value ?? null,
    members: [...model.directMembers(no)],
    count: model.directMemberCount(no),
    groups: [...model.directGroups(no)],
    allMembers: [...model.allMembers(no)],
    allGroups: [...model.allGroups(no)],
    belongs: NUMBERS.filter((groupNo) => model.isMember(groupNo, no)),
  }))
}

function naiveFacts(naive: NaiveDirectory): unknown {
  return NUMBERS.map((no) => ({
    value: naive.living().find((value) => value.no === no) ?? null,
    members: naive.directMembers(no),
    count: naive.directMembers(no).length,
    groups: naive.directGroups(no),
    allMembers: naive.allMembers(no),
    allGroups: naive.allGroups(no),
    belongs: NUMBERS.filter((groupNo) => naive.allMembers(groupNo).includes(no)),
  }))
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function isAlike(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(plain(a))) === JSON.stringify(sorted(plain(b)))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  )
}

function numbersOf(entries: Iterable<Entry>): number[] {
  return [...entries].map((entry) => entry.no)
}

t.test('any history: entries and memberships are as if looked up one by one', async (t) => {
  fc.assert(
    fc.property(history, (changes) => {
      const { model, naive } = build(changes)
      return isAlike(facts(model), naiveFacts(naive))
    }),
    RUNS,
  )
  t.ok(true, 'no counterexample')
})

t.test('any history, any query: a search finds what going through everything finds', async (t) => {
  fc.assert(
    fc.property(
      history,
      fc.array(query, { minLength: 1, maxLength: 8 }),
      someNo,
      (changes, queries, afterNo) => {
        const { model, naive } = build(changes)
        return queries.every((one) => {
          const expected = naive.search(one)
          const rest = expected.filter((no) => no > afterNo)
          return (
            isAlike(numbersOf(model.search(one)), expected) &&
            isAlike(numbersOf(model.search(one, { afterNo })), rest)
          )
        })
      },
    ),
    RUNS,
  )
  t.ok(true, 'no counterexample')
})

t.test('any history: applying slices of it again changes nothing', async (t) => {
  const slice = fc.tuple(fc.nat(60), fc.nat(20))
  fc.assert(
    fc.property(history, fc.array(slice, { maxLength: 4 }), (changes, slices) => {
      const { model } = build(changes)
      const before = plain(facts(model))
      const digest = model.digest()
      for (const [from, length] of slices) model.apply(changes.slice(from, from + length))
      return isAlike(facts(model), before) && model.digest() === digest
    }),
    RUNS,
  )
  t.ok(true, 'no counterexample')
})

t.test('any history: each thing told once, as it is in the end, ends the same', async (t) => {
  fc.assert(
    fc.property(history, (changes) => {
      const edgesOnly = changes.filter((change) => change.kind !== 'members')
      const coalesced = new Map<string, Change>()
      for (const change of edgesOnly) {
        const key = 'id' in change ? change.id : `${change.groupNo} ${memberOf(change)}`
        coalesced.set(key, change)
      }
      const { model } = build(edgesOnly)
      const followed = new ReadModel()
      for (const change of coalesced.values()) followed.apply([change])
      return isAlike(facts(followed), facts(model))
    }),
    RUNS,
  )
  t.ok(true, 'no counterexample')
})

function memberOf(change: Change): number {
  return change.kind === 'membership' ? change.memberNo : 0
}

t.test('any history: a catch-up, in any order, ends where following ended', async (t) => {
  fc.assert(
    fc.property(history, history, fc.infiniteStream(fc.nat()), (changes, earlier, order) => {
      const { model, naive } = build(changes)
      const content = [...naive.content()]
      const shuffled: Change[] = []
      while (content.length > 0) {
        const [one] = content.splice(Number(order.next().value) % content.length, 1)
        if (one !== undefined) shuffled.push(one)
      }
      const fresh = new ReadModel()
      fresh.apply(shuffled)
      const restored = build(earlier).model
      restored.restarted()
      restored.apply([...leftOver(restored, naive), ...shuffled])
      restored.reached({ usn: 99, epoch: 'new' })
      return [fresh, restored].every(
        (one) => isAlike(facts(one), facts(model)) && one.digest() === model.digest(),
      )
    }),
    RUNS,
  )
  t.ok(true, 'no counterexample')
})

/** What a catch-up finds held but not in the directory: gone entities, and lists now empty. */
function leftOver(model: ReadModel, naive: NaiveDirectory): Change[] {
  const stamp = { usn: 0, atMs: 0 }
  const content = naive.content()
  const kept = new Set(content.map((change) => ('id' in change ? change.id : '')))
  const lists = GROUPS.map(
    (groupNo): Change => ({ kind: 'members', groupNo, memberNos: [], ...stamp }),
  )
  const gone = (['person', 'group', 'service'] as const).flatMap((kind) =>
    [...model.versions(kind).keys()]
      .filter((id) => !kept.has(id))
      .map((id): Change => ({ kind, id, value: null, ...stamp })),
  )
  return [...lists, ...gone]
}

t.test('any change: whoever is seen to change becomes another entry', async (t) => {
  const shown = (model: ReadModel, no: number) =>
    JSON.stringify([
      model.entry(no)?.value.version,
      [...model.directGroups(no)],
      [...model.allGroups(no)],
      [...model.directMembers(no)],
    ])
  fc.assert(
    fc.property(history, (changes) => {
      const model = new ReadModel()
      for (const change of changes) {
        const before = NUMBERS.map((no) => ({ entry: model.entry(no), shown: shown(model, no) }))
        model.apply([change])
        for (const [at, no] of NUMBERS.entries()) {
          const entry = model.entry(no)
          if (entry === null || before[at]?.shown === shown(model, no)) continue
          if (entry === before[at]?.entry || entry.usn !== change.usn) return false
        }
      }
      return true
    }),
    RUNS,
  )
  t.ok(true, 'no counterexample')
})

t.test(
  'a search drained while the directory changes misses nobody who matched throughout',
  async (t) => {
    fc.assert(
      fc.property(history, history, query, (before, meanwhile, one) => {
        const { model, naive } = build(before)
        const later = meanwhile.map((change) => ({ ...change, usn: change.usn + 1000 }))
        let throughout = naive.search(one)
        const found: number[] = []
        const running = model.search(one)[Symbol.iterator]()
        for (let step = 0; ; step++) {
          const next = running.next()
          if (next.done === true) break
          found.push(next.value.no)
          const change = later[step]
          if (change === undefined) continue
          const moved = withNewerVersion(change)
          model.apply([moved])
          naive.apply(moved)
          const now = naive.search(one)
          throughout = throughout.filter((no) => now.includes(no))
        }
        const isAscending = found.every((no, at) => at === 0 || no > (found[at - 1] ?? 0))
        return isAscending && throughout.every((no) => found.includes(no))
      }),
      RUNS,
    )
    t.ok(true, 'no counterexample')
  },
)

function withNewerVersion(change: Change): Change {
  if (!('value' in change) || change.value === null) return change
  return { ...change, value: { ...change.value, version: change.value.version + 1000 } }
}
