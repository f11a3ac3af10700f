/**
 * The read model at 10,000 and 100,000 people: memory, and processor time of changes and searches.
 *
 * Run with `npx tsx --expose-gc bench/read-model.bench.ts [people …]`; each size is a process of its
 * own, so that memory figures do not mix.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { compileView } from '../src/access/view.ts'
import type { Change } from '../src/directory/change.ts'
import { foldText } from '../src/directory/fold.ts'
import type { Query } from '../src/directory/query.ts'
import { ReadModel } from '../src/directory/read-model.ts'
import { aGroup, aPerson } from '../test/support/directory.ts'
import { Random } from '../test/support/mutate.ts'

const SLICE = 100
const GROUPS_PER_PERSON = 10

type Row = readonly [what: string, value: string]

const given = ['Adele', 'Grady', 'Isaiah', 'Lidia', 'Lynne', 'Megan', 'Nestor', 'Patti', 'Pradeep']
const letters = 'abcdefghijklmnoprstuvwz'

function name(random: Random): string {
  let text = ''
  for (let length = 4 + random.below(6); length > 0; length--) text += random.pick([...letters])
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A string of its own, as a database driver makes one for each value of each row. */
function own(text: string): string {
  return Buffer.from(text).toString()
}

function* personChanges(people: number, random: Random): Generator<Change, void, void> {
  const surnames = Array.from({ length: 20_000 }, () => name(random))
  const givens = [...given, ...Array.from({ length: 500 }, () => name(random))]
  const departments = Array.from({ length: 60 }, () => `${name(random)} ${name(random)}`)
  for (let no = 1; no <= people; no++) {
    const [first, last] = [random.pick(givens), random.pick(surnames)]
    const username = `${first}.${last}${no}`.toLowerCase()
    const value = aPerson({
      no,
      username: own(username),
      displayName: own(`${first} ${last}`),
      givenName: own(first),
      surname: own(last),
      mail: own(`${first}.${last}${no}@contoso.example`),
      userPrincipalName: own(`${username}@contoso.example`),
      jobTitle: own(`Engineer ${random.below(40)}`),
      department: own(random.pick(departments)),
      companyName: own('Contoso'),
      officeLocation: own(`Building ${random.below(80)}`),
      employeeId: own(`${100_000 + no}`),
      employeeType: own('employee'),
      mobilePhone: own(`+49 170 ${1_000_000 + random.below(9_000_000)}`),
      businessPhone: own(`+49 30 ${1_000_000 + random.below(9_000_000)}`),
      city: own('Berlin'),
      country: own('DE'),
    })
    const loginNames = value.loginNames.map(({ folded, kind }) => ({ folded: own(folded), kind }))
    const id = own(value.id) as typeof value.id
    yield { kind: 'person', id, value: { ...value, id, loginNames }, usn: no, atMs: no }
  }
}

function* groupChanges(people: number, random: Random): Generator<Change, void, void> {
  const groups = Math.max(50, people / 20)
  for (let at = 0; at < groups; at++) {
    const no = people + 1 + at
    const usn = people + 2 * at
    const value = aGroup({ no, name: `group ${name(random)} ${at}` })
    yield { kind: 'group', id: value.id, value, usn, atMs: usn }
    const memberNos = membersOf(at, people, { random, groups })
    yield { kind: 'members', groupNo: no, memberNos, usn: usn + 1, atMs: usn }
  }
}

/** One group of all, one of half, a thousandth nested, the rest of equal size. */
function membersOf(
  at: number,
  people: number,
  { random, groups }: { readonly random: Random; readonly groups: number },
): number[] {
  if (at === 0) return Array.from({ length: people }, (_, index) => index + 1)
  if (at === 1) return Array.from({ length: people / 2 }, (_, index) => 2 * index + 2)
  if (at < 2 + groups / 100) return Array.from({ length: 5 }, (_, i) => people + 10 + at * 5 + i)
  const size = Math.round((people * (GROUPS_PER_PERSON - 1.5)) / groups)
  return [...new Set(Array.from({ length: size }, () => 1 + random.below(people)))]
}

/** Times the applying alone, not the making of the changes. */
function applyAll(
  model: ReadModel,
  changes: Iterable<Change>,
): { readonly count: number; readonly ms: number; readonly longestMs: number } {
  let slice: Change[] = []
  let count = 0
  let ms = 0
  let longestMs = 0
  const flush = (): void => {
    const start = cpuMs()
    model.apply(slice)
    const tookMs = cpuMs() - start
    ms += tookMs
    longestMs = Math.max(longestMs, tookMs)
    count += slice.length
    slice = []
  }
  for (const change of changes) {
    slice.push(change)
    if (slice.length === SLICE || change.kind === 'members') flush()
  }
  flush()
  return { count, ms, longestMs }
}

/** Processor time, collection of garbage included: other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function microseconds(rounds: number, work: (round: number) => void): number {
  for (let round = 0; round < Math.min(rounds, 2000); round++) work(round)
  const start = cpuMs()
  for (let round = 0; round < rounds; round++) work(round)
  return ((cpuMs() - start) * 1000) / rounds
}

function heapBytes(): { heap: number; total: number } {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers, external } = process.memoryUsage()
  return { heap: heapUsed, total: heapUsed + Math.max(arrayBuffers, external) }
}

function measure(people: number): Row[] {
  const rows: Row[] = []
  const random = new Random(1)
  const model = new ReadModel()
  const before = heapBytes()
  const timed = (what: string, changes: Iterable<Change>): void => {
    const { count, ms, longestMs } = applyAll(model, changes)
    rows.push([what, `${ms.toFixed(0)} ms, ${((count / ms) * 1000).toFixed(0)}/s`])
    rows.push([`${what}: longest slice`, `${longestMs.toFixed(1)} ms`])
  }
  timed('load people', personChanges(people, random))
  const withPeople = heapBytes()
  rows.push(['bytes a person', ((withPeople.total - before.total) / people).toFixed(0)])
  timed('load groups, members', groupChanges(people, random))
  const withGroups = heapBytes()
  rows.push(['bytes a person, groups', ((withGroups.total - withPeople.total) / people).toFixed(0)])
  rows.push(['read model', `${((withGroups.total - before.total) / 2 ** 20).toFixed(0)} MiB`])
  rows.push(['RSS', `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`])
  rows.push(...measureSearches(model, people), ...measureChanges(model, people))
  return rows
}

function measureSearches(model: ReadModel, people: number): Row[] {
  const usernames: string[] = []
  for (let no = 1; no <= people; no += 7) {
    const value = model.entry(no)?.value
    if (value?.kind === 'person') usernames.push(value.username)
  }
  const usernameAt = (round: number): string => usernames[(round * 7919) % usernames.length] ?? ''
  const drain = (query: Query, limit = Number.POSITIVE_INFINITY): number => {
    let found = 0
    for (const _ of model.search(query)) if (++found >= limit) break
    return found
  }
  const half = people + 2
  const halfId = model.entry(half)?.value.id
  const view = compileView(model, { sees: 'groups', groupIds: halfId ? [halfId as never] : [] })
  const cases: [string, number, (round: number) => unknown][] = [
    ['and(kind, uid=x, uidNumber=*)', 100_000, (round) => drain(posixQuery(usernameAt(round)))],
    ['or(name, mail, loginName = x)', 100_000, (round) => drain(anyNameQuery(usernameAt(round)))],
    [
      'uidNumber=n',
      100_000,
      (round) => drain({ op: 'equals', field: 'uidNumber', value: 300_001 + (round % people) }),
    ],
    ['personByLoginName', 100_000, (round) => model.personByLoginName(usernameAt(round))],
    [
      'prefix of 5, all fields of a person picker',
      300,
      (round) => drain(pickerQuery(usernameAt(round).slice(0, 5))),
    ],
    ['substring of 6 within', 300, (round) => drain(withinQuery(usernameAt(round).slice(3, 9)))],
    ['substring nobody has', 10_000, () => drain(withinQuery('qqxxyyy'))],
    [
      'modifiedAtMs>= the last',
      300,
      () => drain({ op: 'atLeast', field: 'modifiedAtMs', value: 1e15 }),
    ],
    [
      'department=x, first 500',
      100,
      (round) =>
        drain({ op: 'equals', field: 'department', value: departmentOf(model, round) }, 500),
    ],
    [
      'displayName>=m (scan), first 500',
      20,
      () => drain({ op: 'atLeast', field: 'displayName', value: 'm' }, 500),
    ],
    ['everybody, first 1,000', 100, () => drain({ op: 'kind', kind: 'person' }, 1000)],
    ['isMember of a group of half', 100_000, (round) => model.isMember(half, 1 + (round % people))],
    [
      'isMember through nesting',
      100_000,
      (round) => model.isMember(people + 3, 1 + (round % people)),
    ],
    ['allGroups of a person', 10_000, (round) => [...model.allGroups(1 + (round % people))]],
    [
      'a view of half: sees',
      100_000,
      (round) => {
        const entry = model.entry(1 + (round % people))
        return entry && view.sees(entry)
      },
    ],
  ]
  return cases.map(([what, rounds, work]) => [what, `${microseconds(rounds, work).toFixed(2)} µs`])
}

function departmentOf(model: ReadModel, round: number): string {
  const value = model.entry(1 + round)?.value
  return value?.kind === 'person' ? foldText(value.department ?? '') : ''
}

function posixQuery(username: string): Query {
  return {
    op: 'and',
    of: [
      { op: 'kind', kind: 'person' },
      { op: 'equals', field: 'name', value: username },
      { op: 'present', field: 'uidNumber' },
    ],
  }
}

function anyNameQuery(value: string): Query {
  const of = (['name', 'mail', 'loginName'] as const).map(
    (field): Query => ({ op: 'equals', field, value }),
  )
  return {
    op: 'and',
    of: [
      { op: 'kind', kind: 'person' },
      { op: 'or', of },
    ],
  }
}

function pickerQuery(initial: string): Query {
  const fields = ['name', 'displayName', 'givenName', 'surname', 'mail'] as const
  const of = fields.map(
    (field): Query => ({ op: 'substring', field, initial, any: [], final: null }),
  )
  return {
    op: 'and',
    of: [
      { op: 'kind', kind: 'person' },
      { op: 'or', of },
    ],
  }
}

function withinQuery(part: string): Query {
  return { op: 'substring', field: 'name', initial: null, any: [part], final: null }
}

function measureChanges(model: ReadModel, people: number): Row[] {
  let usn = 1e9
  const change = microseconds(2000, (round) => {
    const value = model.entry(1 + (round % people))?.value
    if (value?.kind !== 'person') return
    usn++
    const next = { ...value, version: value.version + 1, displayName: `New Name ${usn}` }
    model.apply([{ kind: 'person', id: value.id, value: next, usn, atMs: usn }])
  })
  const add = microseconds(2000, () => {
    usn++
    const value = aPerson({ no: 1_000_000 + usn - 1e9 })
    model.apply([{ kind: 'person', id: value.id, value, usn, atMs: usn }])
  })
  const edge = microseconds(2000, (round) => {
    usn++
    const memberNo = 1 + (round % people)
    const isMember = round % 2 === 0
    model.apply([{ kind: 'membership', groupNo: people + 1, memberNo, isMember, usn, atMs: usn }])
  })
  const nest = microseconds(6, (round) => {
    usn++
    const edge = { groupNo: people + 20, memberNo: people + 1, isMember: round % 2 === 0 }
    model.apply([{ kind: 'membership', ...edge, usn, atMs: usn }])
  })
  return [
    ['change a display name', `${change.toFixed(1)} µs`],
    ['add a person', `${add.toFixed(1)} µs`],
    ['set an edge of the group of all', `${edge.toFixed(1)} µs`],
    ['nest the group of all', `${(nest / 1000).toFixed(2)} ms`],
  ]
}

function main(sizes: readonly number[]): void {
  const [only] = sizes
  if (sizes.length === 1 && only !== undefined) {
    process.stdout.write(`${JSON.stringify(measure(only))}\n`)
    return
  }
  const columns = sizes.map((size) => {
    const args = ['--import', 'tsx', '--expose-gc', fileURLToPath(import.meta.url), `${size}`]
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout) as Row[]
  })
  process.stdout.write(
    `| people | ${sizes.join(' | ')} |\n|---|${sizes.map(() => '--:|').join('')}\n`,
  )
  for (const [at, [what]] of (columns[0] ?? []).entries()) {
    const values = columns.map((rows) => rows[at]?.[1] ?? '')
    process.stdout.write(`| ${what} | ${values.join(' | ')} |\n`)
  }
}

const asked = process.argv.slice(2).map(Number)
main(asked.length === 0 ? [10_000, 100_000] : asked)
