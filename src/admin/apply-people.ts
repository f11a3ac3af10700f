import type { Act } from '../access/consequences.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import type { Actor, CutOffList, DatedAct, NewDate, Ties } from '../directory/ports/people.ts'
import type { Entry } from '../directory/query.ts'
import { ApiError } from './error.ts'
import { readDead, readPerson } from './lookup.ts'
import type { AdminParts } from './parts.ts'
import type { ListedRow } from './people-list.ts'

const LISTED_ACTS = ['restore', 'activate', 'resume', 'suspend', 'delete'] as const
export type ListedAct = (typeof LISTED_ACTS)[number]

/** A row that can be carried out. */
interface Planned {
  readonly id: PrincipalId
  /** Null for one that is to come back. */
  readonly person: Entry<Person> | null
  /** Null for dates alone. */
  readonly act: ListedAct | null
  readonly dates: readonly NewDate[]
  readonly reason: string | null
}

export interface BadLine {
  readonly line: number
  readonly why: string
}

export interface Plan {
  readonly rows: readonly Planned[]
  readonly bad: readonly BadLine[]
}

type Parts = Pick<AdminParts, 'directory' | 'people'>

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/

/** What a list means; nothing is changed. Each line that cannot be carried out is told with why. */
export async function planPeople(parts: Parts, listed: readonly ListedRow[]): Promise<Plan> {
  const rows: Planned[] = []
  const bad: BadLine[] = []
  const seen = new Map<string, number>()
  const ties = await tiesOf(parts, listed)
  for (const row of listed) {
    const planned = await planRow(parts, row, ties)
    if (typeof planned === 'string') {
      bad.push({ line: row.line, why: planned })
      continue
    }
    const earlier = seen.get(planned.id)
    if (earlier === undefined) rows.push(planned)
    else bad.push({ line: row.line, why: `${row.person} is on line ${earlier} already` })
    seen.set(planned.id, earlier ?? row.line)
  }
  return { rows, bad }
}

async function tiesOf({ directory, people }: Parts, listed: readonly ListedRow[]) {
  const ids = listed.flatMap(({ person }) => find(directory, person)?.value.id ?? [])
  return await people.ties([...new Set(ids)])
}

function find(directory: AdminParts['directory'], reference: string): Entry<Person> | null {
  try {
    return readPerson(directory, reference)
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
}

/** @returns why not, in words */
async function planRow(
  parts: Parts,
  row: ListedRow,
  ties: ReadonlyMap<PrincipalId, Ties>,
): Promise<Planned | string> {
  const told = readRow(row)
  if (typeof told === 'string') return told
  if (told.act === 'restore') return await planReturn(parts, row, told)
  const person = find(parts.directory, row.person)
  if (person === null) return await planAbsent(parts, row, told)
  const { id } = person.value
  const bound = ties.get(id)
  if (isCutOff(told) && bound?.isProtected === true)
    return `${row.person} is protected: name her alone, with --protected`
  const isThere = ({ act: dated, atMs }: NewDate) =>
    bound?.dates.some((date) => date.act === dated && date.atMs === atMs && date.refused === null)
  return { id, person, ...told, dates: told.dates.filter((date) => !isThere(date)) }
}

type Told = Pick<Planned, 'act' | 'dates' | 'reason'>

/** What a row says, whoever it is about. @returns why it says nothing, in words */
function readRow(row: ListedRow): Told | string {
  const act = actOf(row.action)
  if (act === undefined) {
    const known = LISTED_ACTS.toSorted((a, b) => (a < b ? -1 : 1)).join(', ')
    return `"${row.action}" is no action; actions are ${known}, or none where there are dates`
  }
  const dates = datesOf(row)
  if (typeof dates === 'string') return dates
  if (act === null && dates.length === 0) return 'there is neither an action nor a date'
  if (act === 'delete' && dates.length > 0) return 'whoever is deleted has no dates'
  return { act, dates, reason: row.reason === '' ? null : row.reason }
}

/** Whoever is deleted already is no fault of a list that is sent once more. */
async function planAbsent(parts: Parts, row: ListedRow, told: Told): Promise<Planned | string> {
  const dead = told.act === 'delete' ? await findDead(parts, row.person) : null
  return dead === null || typeof dead === 'string'
    ? `there is no person "${row.person}"`
    : { id: dead.id, person: null, ...told, act: null }
}

async function planReturn(parts: Parts, row: ListedRow, told: Told): Promise<Planned | string> {
  const living = find(parts.directory, row.person)
  // Done already, when a list is sent once more.
  if (living !== null) return { id: living.value.id, person: living, ...told, act: null }
  const dead = await findDead(parts, row.person)
  return typeof dead === 'string' ? dead : { id: dead.id, person: null, ...told }
}

/** @returns why not, in words */
async function findDead(
  parts: Parts,
  reference: string,
): Promise<{ readonly id: PrincipalId } | string> {
  try {
    return { id: await readDead(parts, reference) }
  } catch (error) {
    const isNo =
      (error instanceof ApiError && error.status === 404) ||
      (error instanceof DirectoryError && error.code === 'DIRECTORY_CONFLICT')
    if (isNo) return error.message
    throw error
  }
}

function actOf(action: string): ListedAct | null | undefined {
  return action === '' ? null : LISTED_ACTS.find((act) => act === action)
}

function datesOf({ start, leave }: ListedRow): readonly NewDate[] | string {
  const dates: NewDate[] = []
  for (const [act, told] of [
    ['activate', start],
    ['suspend', leave],
  ] as const satisfies readonly (readonly [DatedAct, string])[]) {
    if (told === '') continue
    const atMs = TIME.test(told) ? Date.parse(told) : Number.NaN
    if (Number.isNaN(atMs))
      return `"${told}" is no time: write it with its time zone, such as 2026-12-31T18:00+01:00`
    if (atMs <= Date.now()) return `${told} is past: use the action ${act}`
    dates.push({ act, atMs })
  }
  return dates
}

/** Whoever is suspended, deleted, or leaves by a date. */
export function isCutOff({ act, dates }: Pick<Planned, 'act' | 'dates'>): boolean {
  return act === 'suspend' || act === 'delete' || dates.some((date) => date.act === 'suspend')
}

export function cutOffsOf({ rows }: Plan): CutOffList {
  const of = (act: ListedAct) => rows.filter((row) => row.act === act).map(({ id }) => id)
  const leaving = rows.filter(({ dates }) => dates.some((date) => date.act === 'suspend'))
  return { suspended: of('suspend'), deleted: of('delete'), leaving: leaving.map(({ id }) => id) }
}

export interface Applied {
  readonly counts: Readonly<Record<string, number>>
  readonly inboxSeq: bigint | null
}

/**
 * Carries a plan out, act by act, in transactions of a bounded size. Each may be repeated: sent once
 * more after a crash, a list does what is left.
 *
 * @throws {DirectoryError} as {@link PeopleStore}; whom nobody can restore is told before all else
 */
export async function applyPlan(
  { people }: Parts,
  { rows }: Plan,
  actor: (reason: string | null) => Actor,
): Promise<Applied> {
  const counts: Record<string, number> = {}
  let inboxSeq: bigint | null = null
  const note = (name: string, written: { changed: number; inboxSeq: bigint | null }) => {
    counts[name] = (counts[name] ?? 0) + written.changed
    inboxSeq = written.inboxSeq ?? inboxSeq
  }
  for (const act of LISTED_ACTS) {
    for (const [reason, ids] of byReason(rows.filter((row) => row.act === act)))
      note(act, await carryOut(people, { act, ids, reason }, actor(reason)))
  }
  for (const { id, dates, reason } of rows)
    for (const date of dates) note('dates', await people.setDate(id, date, actor(reason)))
  return { counts, inboxSeq }
}

function byReason(rows: readonly Planned[]): ReadonlyMap<string | null, readonly PrincipalId[]> {
  const groups = new Map<string | null, PrincipalId[]>()
  for (const { id, reason } of rows) {
    const group = groups.get(reason) ?? []
    group.push(id)
    groups.set(reason, group)
  }
  return groups
}

function carryOut(
  people: AdminParts['people'],
  what: {
    readonly act: ListedAct
    readonly ids: readonly PrincipalId[]
    readonly reason: string | null
  },
  actor: Actor,
) {
  const { act, ids, reason } = what
  switch (act) {
    case 'activate':
      return people.activate(ids, actor)
    case 'suspend':
      return people.hold(ids, 'admin', { actor, note: reason })
    case 'resume':
      return people.release(ids, 'admin', actor)
    case 'delete':
      return people.delete(ids, actor)
    case 'restore':
      return people.restore(ids, actor)
  }
}

/** Rows by what they do, for a look at the consequences of each. */
export function peopleByAct(rows: readonly Planned[]): ReadonlyMap<Act, readonly Entry<Person>[]> {
  const groups = new Map<Act, Entry<Person>[]>()
  for (const { act, person } of rows) {
    if (act === null || act === 'restore' || person === null) continue
    groups.set(act, [...(groups.get(act) ?? []), person])
  }
  return groups
}
