import {
  type AttributeType,
  assertionText,
  compileFilter,
  type Filter,
  filterAttribute,
  findMatchingRule,
  findObjectClass,
  parseGeneralizedTime,
  readAttributeType,
} from '../../../protocols/ldap/index.ts'
import { foldText } from '../../directory/fold.ts'
import type { Entry, EntryKind, Field, Query } from '../../directory/query.ts'
import { findIndexed, type IndexedAttribute, type IndexedField } from './fields.ts'
import type { ShapeContext } from './shapes/shape.ts'
import { isPresent, shapes, valuesOf } from './shapes/shapes.ts'
import { takesPart } from './viewer.ts'

const KINDS: readonly EntryKind[] = ['person', 'group', 'service']
const SECOND_MS = 999
const MAX_INTEGER_DIGITS = 15

const undefinedQuery: Query = { op: 'undefined' }
const never: Query = { op: 'never' }
const always: Query = { op: 'always' }
const takingPart: Query = { op: 'test', test: takesPart }

const OBJECT_CLASS = readAttributeType('objectClass')
const SURNAME = readAttributeType('sn')
const MEMBER_OF = readAttributeType('memberOf')
const MEMBER = readAttributeType('member')
const MEMBER_UID = readAttributeType('memberUid')
const ENTRY_DN = readAttributeType('entryDN')
const MANAGER = readAttributeType('manager')

const surnameField: IndexedField = { kind: 'person', field: 'surname', isAlways: false }
const displayNameField: IndexedField = { kind: 'person', field: 'displayName', isAlways: true }

type Assertion =
  | { readonly op: 'present' }
  | { readonly op: 'equals' | 'atLeast' | 'atMost'; readonly text: string }
  | {
      readonly op: 'substring'
      readonly initial: string | null
      readonly any: readonly string[]
      readonly final: string | null
    }

/**
 * Turns a filter into a question to the read model, in the same three-valued logic.
 *
 * What an index holds is asked of it; the rest of the schema is tested entry by entry; what the
 * schema does not know, or has no rule for, is Undefined (RFC 4511 §4.5.1.7).
 *
 * @param only the one kind of entry that will be asked, where that is known
 */
export function queryOf(
  filter: Filter,
  context: ShapeContext,
  only: EntryKind | null = null,
): Query {
  switch (filter.kind) {
    case 'and':
      return { op: 'and', of: filter.filters.map((part) => queryOf(part, context, only)) }
    case 'or':
      return { op: 'or', of: filter.filters.map((part) => queryOf(part, context, only)) }
    case 'not':
      return { op: 'not', of: queryOf(filter.filter, context, only) }
    default:
      return itemQuery(filter, context, only)
  }
}

type Item = Exclude<Filter, { readonly kind: 'and' | 'or' | 'not' }>

function itemQuery(given: Item, context: ShapeContext, only: EntryKind | null): Query {
  const type = given.attribute === null ? null : filterAttribute(given.attribute)
  if (type === null) return undefinedQuery
  const item = plainOf(given, type)
  const special = linkQuery(item, type, context)
  if (special !== null) return special
  const indexed = type === SURNAME ? null : findIndexed(type)
  if (item.kind === 'extensible' || (indexed === null && type !== SURNAME)) {
    return testQuery(item, context)
  }
  const assertion = assertionOf(item, type)
  if (assertion === null) return undefinedQuery
  if (indexed !== null) return indexedQuery(indexed, assertion, only)
  return surnameQuery(assertion)
}

/** An extensible match by the attribute's own rule, named or not, is an equality match. */
function plainOf(item: Item, { equality }: AttributeType): Item {
  const { kind, attribute } = item
  if (kind !== 'extensible' || attribute === null || equality === null) return item
  const isOwn = item.rule === null || findMatchingRule(item.rule) === equality
  return isOwn ? { kind: 'equal', attribute, value: item.value } : item
}

/** objectClass and the attributes whose values are links to other entries. */
function linkQuery(item: Item, type: AttributeType, context: ShapeContext): Query | null {
  if (item.kind === 'present') return presenceQuery(type, context)
  if (item.kind !== 'equal' && item.kind !== 'approx' && item.kind !== 'extensible') return null
  const isInChain = item.kind === 'extensible' && isChainRule(item.rule)
  if (item.kind === 'extensible' && !isInChain) {
    // No other rule is made for names of entries, of which a group may hold very many.
    return type.definition.syntax === 'dn' ? undefinedQuery : null
  }
  const text = assertionText(item.value)
  if (text === null) return undefinedQuery
  switch (type) {
    case OBJECT_CLASS:
      return classQuery(text)
    case MEMBER_OF:
      return memberOfQuery(text, context)
    case MEMBER:
      return memberQuery(text, context, { isDirect: !isInChain })
    case MEMBER_UID:
      return memberUidQuery(text, context)
    case ENTRY_DN:
      return linkedQuery(text, context, ({ value }) => ({
        op: 'equals',
        field: 'id',
        value: value.id,
      }))
    case MANAGER:
      return linkedQuery(text, context, ({ value }) => {
        return ofKind('person', { op: 'equals', field: 'managerId', value: value.id })
      })
    default:
      return null
  }
}

function isChainRule(rule: string | null): boolean {
  return findMatchingRule(rule)?.kind === 'inChain'
}

function presenceQuery(type: AttributeType, context: ShapeContext): Query | null {
  // What is linked may be out of sight: a filter must not tell of what the entry does not show.
  const isShowing: Query = { op: 'test', test: (entry) => isPresent(entry, type, context) }
  switch (type) {
    case OBJECT_CLASS:
    case ENTRY_DN:
      return always
    case SURNAME:
      return { op: 'kind', kind: 'person' }
    case MEMBER_OF:
      return and({ op: 'inAnyGroup' }, context.viewer.seesAll ? takingPart : isShowing)
    case MEMBER:
    case MEMBER_UID:
      return and({ op: 'hasAnyMember' }, isShowing)
    default:
      return null
  }
}

function classQuery(text: string): Query {
  const name = findObjectClass(text.trim())?.name
  const kinds = KINDS.filter((kind) => shapes[kind].objectClasses.includes(name ?? ''))
  return or(kinds.map((kind): Query => ({ op: 'kind', kind })))
}

/** memberOf holds nested groups too, so the rule for chains adds nothing to it. */
function memberOfQuery(text: string, context: ShapeContext): Query {
  return linkedQuery(text, context, (group) => {
    if (group.value.kind !== 'group') return never
    return and({ op: 'memberOf', groupNo: group.no, direct: false }, takingPart)
  })
}

function memberQuery(
  text: string,
  context: ShapeContext,
  { isDirect }: { readonly isDirect: boolean },
): Query {
  return linkedQuery(text, context, (member) => {
    if (!takesPart(member)) return never
    return ofKind('group', { op: 'hasMember', memberNo: member.no, direct: isDirect })
  })
}

/** memberUid is compared exactly (RFC 2307), and lists nested members as well. */
function memberUidQuery(text: string, context: ShapeContext): Query {
  const member = context.directory.personByUsername(foldText(text))
  if (member === null || member.value.username !== text) return never
  if (!takesPart(member) || !context.viewer.names(member)) return never
  return ofKind('group', { op: 'hasMember', memberNo: member.no, direct: false })
}

/** A DN that names nothing the viewer may know of is the value of no entry. */
function linkedQuery(text: string, context: ShapeContext, query: (entry: Entry) => Query): Query {
  const target = context.tree.resolve(text, context.directory)
  if (target.is === 'malformed') return undefinedQuery
  return target.is === 'entry' && context.viewer.names(target.entry) ? query(target.entry) : never
}

function testQuery(item: Item, context: ShapeContext): Query {
  const predicate = compileFilter(item)
  return { op: 'test', test: (entry) => predicate(valuesOf(entry, context)) }
}

/** Null when the assertion is not of the attribute's syntax, or it has no such rule: Undefined. */
function assertionOf(
  item: Exclude<Item, { kind: 'extensible' }>,
  type: AttributeType,
): Assertion | null {
  switch (item.kind) {
    case 'present':
      return { op: 'present' }
    case 'substrings':
      return type.substrings === null ? null : substringOf(item)
    case 'greaterOrEqual':
    case 'lessOrEqual': {
      const text = type.ordering === null ? null : assertionText(item.value)
      return text === null
        ? null
        : { op: item.kind === 'greaterOrEqual' ? 'atLeast' : 'atMost', text }
    }
    default: {
      const text = assertionText(item.value)
      return text === null ? null : { op: 'equals', text }
    }
  }
}

function substringOf(item: Extract<Filter, { kind: 'substrings' }>): Assertion | null {
  const pieces = [...item.any, item.initial, item.final].filter((piece) => piece !== null)
  if (pieces.some((piece) => assertionText(piece) === null)) return null
  return {
    op: 'substring',
    initial: item.initial === null ? null : foldPiece(item.initial).trimStart(),
    any: item.any.map(foldPiece),
    final: item.final === null ? null : foldPiece(item.final).trimEnd(),
  }
}

/** As `foldText`, but a space at an edge of a piece stands for one inside the value. */
function foldPiece(piece: Buffer): string {
  const text = piece.toString()
  const words = foldText(text)
  if (words === '') return text === '' ? '' : ' '
  return `${/^\s/u.test(text) ? ' ' : ''}${words}${/\s$/u.test(text) ? ' ' : ''}`
}

function indexedQuery(
  { fields, form }: IndexedAttribute,
  assertion: Assertion,
  only: EntryKind | null,
): Query {
  if (only === null) return or(fields.map((field) => fieldQuery(field, form, assertion)))
  const field = fields.find(({ kind }) => kind === only)
  // Known but not of this kind: false, as for any entry that lacks it.
  return field === undefined ? never : bareFieldQuery(field, form, assertion)
}

function fieldQuery(
  field: IndexedField,
  form: IndexedAttribute['form'],
  assertion: Assertion,
): Query {
  const query = bareFieldQuery(field, form, assertion)
  if (query === always) return { op: 'kind', kind: field.kind }
  return query === undefinedQuery ? query : ofKind(field.kind, query)
}

/** As {@link fieldQuery}, for entries that are known to be of the field's kind. */
function bareFieldQuery(
  { field, isAlways }: IndexedField,
  form: IndexedAttribute['form'],
  assertion: Assertion,
): Query {
  if (assertion.op === 'present') return isAlways ? always : { op: 'present', field }
  if (assertion.op === 'substring') {
    return form === 'text' ? { ...assertion, field } : undefinedQuery
  }
  const { op, text } = assertion
  if (form === 'text') return { op, field, value: foldText(text) }
  if (form === 'time') return timeQuery(field, assertion)
  const value = integerOf(text)
  return value === null ? undefinedQuery : { op, field, value }
}

/** Times are sent in whole seconds, so each stands for all the milliseconds within it. */
function timeQuery(
  field: Field,
  assertion: { readonly op: 'equals' | 'atLeast' | 'atMost'; readonly text: string },
): Query {
  const ms = parseGeneralizedTime(assertion.text)
  if (ms === null) return undefinedQuery
  const first = Math.ceil(ms / 1_000) * 1_000
  const last = Math.floor(ms / 1_000) * 1_000 + SECOND_MS
  const atLeast: Query = { op: 'atLeast', field, value: first }
  const atMost: Query = { op: 'atMost', field, value: last }
  if (assertion.op === 'atLeast') return atLeast
  return assertion.op === 'atMost' ? atMost : and(atLeast, atMost)
}

/** Beyond what a double holds exactly there are no numbers of ours; the sign is kept. */
function integerOf(text: string): number | null {
  if (!/^-?\d+$/.test(text)) return null
  if (text.length <= MAX_INTEGER_DIGITS) return Number(text)
  const value = Number(text)
  return value < 0 ? -Number.MAX_SAFE_INTEGER : Number.MAX_SAFE_INTEGER
}

/** The surname, or for want of one the display name, as the entry shows it. */
function surnameQuery(assertion: Assertion): Query {
  const hasNone: Query = { op: 'not', of: { op: 'present', field: 'surname' } }
  return or([
    fieldQuery(surnameField, 'text', assertion),
    and(fieldQuery(displayNameField, 'text', assertion), hasNone),
  ])
}

/**
 * False, not undefined, for entries of another kind: the attribute is known, they just lack it.
 */
function ofKind(kind: EntryKind, query: Query): Query {
  return { op: 'and', of: [{ op: 'kind', kind }, query] }
}

function and(...of: readonly Query[]): Query {
  return { op: 'and', of }
}

function or(of: readonly Query[]): Query {
  const [only] = of
  return of.length === 1 && only !== undefined ? only : { op: 'or', of }
}
