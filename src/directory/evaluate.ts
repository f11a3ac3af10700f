import { isNumberField, type NumberField, numberOf, type TextField, textOf } from './fields.ts'
import { foldText } from './fold.ts'
import type { Entry, Field, Query } from './query.ts'

/** What a query may ask beyond the entry itself. */
export interface MembershipFacts {
  isMember(groupNo: number, no: number): boolean
  isDirectMember(groupNo: number, no: number): boolean
  hasGroups(no: number): boolean
  hasMembers(groupNo: number): boolean
}

/** True, false, or undefined where the question does not apply (RFC 4511 §4.5.1.7). */
export type Truth = boolean | undefined

export function evaluate(query: Query, entry: Entry, facts: MembershipFacts): Truth {
  switch (query.op) {
    case 'and':
      return evaluateAnd(query.of, entry, facts)
    case 'or':
      return evaluateOr(query.of, entry, facts)
    case 'not': {
      const truth = evaluate(query.of, entry, facts)
      return truth === undefined ? undefined : !truth
    }
    case 'always':
      return true
    case 'never':
      return false
    case 'undefined':
      return undefined
    case 'kind':
      return entry.value.kind === query.kind
    case 'test':
      return query.test(entry)
    case 'memberOf':
    case 'hasMember':
    case 'inAnyGroup':
    case 'hasAnyMember':
      return evaluateMembership(query, entry, facts)
    default:
      return evaluateField(query, entry)
  }
}

function evaluateAnd(of: readonly Query[], entry: Entry, facts: MembershipFacts): Truth {
  let all: Truth = true
  for (const part of of) {
    const truth = evaluate(part, entry, facts)
    if (truth === false) return false
    if (truth === undefined) all = undefined
  }
  return all
}

function evaluateOr(of: readonly Query[], entry: Entry, facts: MembershipFacts): Truth {
  let any: Truth = false
  for (const part of of) {
    const truth = evaluate(part, entry, facts)
    if (truth === true) return true
    if (truth === undefined) any = undefined
  }
  return any
}

type MembershipQuery = Extract<
  Query,
  { op: 'memberOf' | 'hasMember' | 'inAnyGroup' | 'hasAnyMember' }
>

function evaluateMembership(query: MembershipQuery, entry: Entry, facts: MembershipFacts): Truth {
  const { kind } = entry.value
  switch (query.op) {
    case 'inAnyGroup':
      return facts.hasGroups(entry.no)
    case 'hasAnyMember':
      return facts.hasMembers(entry.no)
    case 'memberOf':
      if (kind === 'service') return undefined
      return query.direct
        ? facts.isDirectMember(query.groupNo, entry.no)
        : facts.isMember(query.groupNo, entry.no)
    case 'hasMember':
      if (kind !== 'group') return undefined
      return query.direct
        ? facts.isDirectMember(entry.no, query.memberNo)
        : facts.isMember(entry.no, query.memberNo)
  }
}

type FieldQuery = Extract<Query, { op: 'present' | 'equals' | 'substring' | 'atLeast' | 'atMost' }>

function evaluateField(query: FieldQuery, entry: Entry): Truth {
  if (query.op === 'present') return isPresent(entry, query.field)
  if (query.field === 'loginName') return evaluateLoginName(query, entry)
  if (isNumberField(query.field)) {
    return query.op === 'substring'
      ? undefined
      : compareNumber(query.op, readNumber(entry, query.field), query.value)
  }
  const text = textOf(entry.value, query.field)
  if (text === undefined) return undefined
  if (text === null) return false
  // What is its own folded form need not be folded to be compared with one.
  if (query.op === 'equals' && text === query.value) return true
  return matchText(query, foldText(text))
}

/** Whether it has the value in the field; text is folded by the caller. */
export function hasValue(entry: Entry, field: Field, value: string | number): boolean {
  return evaluateField({ op: 'equals', field, value }, entry) === true
}

function evaluateLoginName(query: Exclude<FieldQuery, { op: 'present' }>, entry: Entry): Truth {
  if (entry.value.kind !== 'person') return undefined
  for (const { folded } of entry.value.loginNames) {
    const truth = matchText(query, folded)
    if (truth !== false) return truth
  }
  return false
}

/** Never undefined: an entry whose kind lacks the field simply has no value of it. */
export function isPresent(entry: Entry, field: Field): boolean {
  const { value } = entry
  if (field === 'loginName') return value.kind === 'person' && value.loginNames.length > 0
  if (isNumberField(field)) return readNumber(entry, field) !== undefined
  const text = textOf(value, field as Exclude<TextField, 'loginName'>)
  return text !== null && text !== undefined
}

export function readNumber(entry: Entry, field: NumberField): number | undefined {
  if (field === 'usn') return entry.usn
  if (field === 'modifiedAtMs') return entry.modifiedAtMs
  return numberOf(entry.value, field)
}

function compareNumber(
  op: 'equals' | 'atLeast' | 'atMost',
  held: number | undefined,
  asked: string | number,
): Truth {
  if (held === undefined || typeof asked !== 'number') return undefined
  if (op === 'equals') return held === asked
  return op === 'atLeast' ? held >= asked : held <= asked
}

function matchText(query: Exclude<FieldQuery, { op: 'present' }>, folded: string): Truth {
  if (query.op === 'substring') return matchSubstring(query, folded)
  if (typeof query.value !== 'string') return undefined
  if (query.op === 'equals') return folded === query.value
  return query.op === 'atLeast' ? folded >= query.value : folded <= query.value
}

/** The parts in their order, none overlapping another (RFC 4511 §4.5.1.7.2). */
function matchSubstring(query: Extract<Query, { op: 'substring' }>, folded: string): boolean {
  const { initial, any, final } = query
  let from = 0
  if (initial !== null) {
    if (!folded.startsWith(initial)) return false
    from = initial.length
  }
  for (const part of any) {
    const at = folded.indexOf(part, from)
    if (at < 0) return false
    from = at + part.length
  }
  return final === null || (folded.length - final.length >= from && folded.endsWith(final))
}
