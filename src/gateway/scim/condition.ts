import {
  type Attribute,
  type BoundFilter,
  type BoundOp,
  comparesWith,
  type Folding,
  isAssigned,
  ScimError,
} from '../../../protocols/scim/index.ts'
import { foldText } from '../../directory/fold.ts'
import type { Condition, OrderTest, TextTest } from '../../directory/ports/listing.ts'
import type { Slot, Term, Terms } from './terms.ts'

const always: Condition = { op: 'always' }
const never: Condition = { op: 'never' }

/** The directory's way to compare text without case. */
export const folding: Folding = {
  whole: foldText,
  // A bar on each side keeps the spaces at the ends, which fold away at the ends of a whole text.
  part: (text) => foldText(`|${text}|`).slice(1, -1),
}

type Compare = Extract<BoundFilter, { kind: 'compare' }>

/**
 * A SCIM filter as a question to the directory, which must select what `matches` would.
 *
 * @throws {ScimError} `SCIM_INVALID_FILTER` for attributes that can't be searched
 */
export function toCondition(filter: BoundFilter, terms: Terms): Condition {
  return translate(filter, (attribute) => terms.single[attribute.key], terms)
}

/** Terms of the scope we are in: of the resource, or of one value of a list. */
type Find = (attribute: Attribute) => Term | undefined

function translate(filter: BoundFilter, find: Find, terms: Terms): Condition {
  switch (filter.kind) {
    case 'never':
      return never
    case 'not':
      return { op: 'not', of: translate(filter.operand, find, terms) }
    case 'and':
    case 'or':
      return {
        op: filter.kind === 'and' ? 'all' : 'any',
        of: filter.operands.map((operand) => translate(operand, find, terms)),
      }
    case 'present':
      return translatePresent(filter.attribute, find, terms)
    case 'some':
      return anySlot(filter.attribute, terms, (slot) =>
        translate(filter.where, ({ definition }) => slot.parts[definition.name], terms),
      )
    case 'compare':
      return translateCompare(filter, find(filter.attribute))
  }
}

function anySlot(attribute: Attribute, terms: Terms, where: (slot: Slot) => Condition): Condition {
  const slots = terms.multiple[attribute.key] ?? []
  return {
    op: 'any',
    of: slots.map((slot) =>
      'relation' in slot
        ? { op: 'related', relation: slot.relation, where: where(slot) }
        : { op: 'all', of: [slot.exists, where(slot)] },
    ),
  }
}

function translatePresent(attribute: Attribute, find: Find, terms: Terms): Condition {
  const { definition, key } = attribute
  if (definition.multiValued) return anySlot(attribute, terms, () => always)
  if (definition.type !== 'complex') return isPresent(find(attribute))
  const parts = (definition.subAttributes ?? []).map(({ name }) => terms.single[`${key}.${name}`])
  return { op: 'any', of: parts.map(isPresent) }
}

function isPresent(term: Term | undefined): Condition {
  switch (term?.kind) {
    case undefined:
      return never
    case 'text':
      return { op: 'present', field: term.field }
    case 'related':
      return {
        op: 'related',
        relation: term.relation,
        where: { op: 'present', field: term.field },
      }
    case 'constant':
      return isAssigned(term.value) ? always : never
    case 'opaque':
      return term.exists
    default:
      return always
  }
}

function translateCompare(filter: Compare, term: Term | undefined): Condition {
  switch (term?.kind) {
    case undefined:
      return never
    case 'constant':
      return comparesWith(term.value, filter, folding) ? always : never
    case 'active':
      return filter.value === true ? { op: 'not', of: { op: 'held' } } : { op: 'held' }
    case 'time':
      return {
        op: 'time',
        field: term.field,
        test: orderTest(filter.op),
        valueMs: Number(filter.value),
      }
    case 'text':
      return compareText(filter, term.field)
    case 'related':
      return {
        op: 'related',
        relation: term.relation,
        where: compareText(filter, term.field),
      }
    case 'opaque':
      throw new ScimError(
        'SCIM_INVALID_FILTER',
        `"${filter.attribute.key}" can't be searched for a value`,
      )
  }
}

const textTests = {
  eq: 'equals',
  gt: 'above',
  ge: 'atLeast',
  lt: 'below',
  le: 'atMost',
  co: 'contains',
  sw: 'startsWith',
  ew: 'endsWith',
} as const satisfies Record<BoundOp, TextTest>

const partial: ReadonlySet<TextTest> = new Set(['contains', 'startsWith', 'endsWith'])

function compareText(
  { attribute, op, value }: Compare,
  field: Extract<Term, { kind: 'text' }>['field'],
): Condition {
  const test = textTests[op]
  const given = String(value)
  const folded = partial.has(test) ? folding.part(given) : folding.whole(given)
  return { op: 'text', field, test, value: attribute.definition.caseExact ? given : folded }
}

/** Times know no substrings; the filter was refused if it asked for one. */
function orderTest(op: BoundOp): OrderTest {
  const test = textTests[op]
  if (test === 'contains' || test === 'startsWith' || test === 'endsWith') {
    throw new TypeError(`a time can't be compared by ${op}`)
  }
  return test
}
