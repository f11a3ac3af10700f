import { parseDateTime } from '../date-time.ts'
import { isAssigned, isJsonArray, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Attribute } from '../schema/find-attribute.ts'
import type { BoundOp } from './ast.ts'
import type { BoundFilter } from './bind.ts'

/** How text is compared where case does not count. */
export interface Folding {
  readonly whole: (text: string) => string
  /** For what is looked for inside a text: spaces at its ends count. */
  readonly part: (text: string) => string
}

const lowerCase: Folding = {
  whole: (text) => text.toLowerCase(),
  part: (text) => text.toLowerCase(),
}

/**
 * Whether a resource matches, by looking at it. What a store compiled from the same filter must
 * agree with this; a service of a few resources can do with it alone.
 */
export function matches(
  filter: BoundFilter,
  resource: JsonObject,
  folding: Folding = lowerCase,
): boolean {
  return evaluate(filter, (attribute) => readAttribute(resource, attribute), folding)
}

type Read = (attribute: Attribute) => Json | undefined

function evaluate(filter: BoundFilter, read: Read, folding: Folding): boolean {
  switch (filter.kind) {
    case 'never':
      return false
    case 'and':
      return filter.operands.every((operand) => evaluate(operand, read, folding))
    case 'or':
      return filter.operands.some((operand) => evaluate(operand, read, folding))
    case 'not':
      return !evaluate(filter.operand, read, folding)
    case 'present':
      return isAssigned(read(filter.attribute))
    case 'some':
      return valuesOf(read(filter.attribute)).some((value) =>
        evaluate(filter.where, (part) => readPart(value, part), folding),
      )
    case 'compare':
      return comparesWith(read(filter.attribute), filter, folding)
  }
}

/** The value of an attribute of `resource`, wherever it stands; undefined when it has none. */
export function readAttribute(resource: JsonObject, attribute: Attribute): Json | undefined {
  const home = attribute.extension === null ? resource : resource[attribute.extension]
  if (!isJsonObject(home)) return undefined
  if (attribute.parent === null) return home[attribute.definition.name]
  const whole = home[attribute.parent.name]
  return isJsonObject(whole) ? whole[attribute.definition.name] : undefined
}

function readPart(value: Json, part: Attribute): Json | undefined {
  return isJsonObject(value) ? value[part.definition.name] : value
}

function valuesOf(value: Json | undefined): readonly Json[] {
  return isJsonArray(value) ? value.filter(isAssigned) : isAssigned(value) ? [value ?? null] : []
}

/** Whether one value, or none, satisfies a comparison. */
export function comparesWith(
  actual: Json | undefined,
  filter: Extract<BoundFilter, { kind: 'compare' }>,
  folding: Folding,
): boolean {
  const { definition } = filter.attribute
  if (!isAssigned(actual)) return false
  if (definition.type === 'dateTime') {
    const at = typeof actual === 'string' ? parseDateTime(actual) : null
    return at !== null && compareNumbers(at, filter.op, Number(filter.value))
  }
  if (typeof actual === 'number') return compareNumbers(actual, filter.op, Number(filter.value))
  if (typeof actual === 'boolean') return actual === filter.value
  if (typeof actual !== 'string') return false
  const wanted = String(filter.value)
  if (definition.caseExact) return compareText(actual, filter.op, wanted)
  const isPart = filter.op === 'co' || filter.op === 'sw' || filter.op === 'ew'
  return compareText(
    folding.whole(actual),
    filter.op,
    isPart ? folding.part(wanted) : folding.whole(wanted),
  )
}

function compareNumbers(actual: number, op: BoundOp, wanted: number): boolean {
  return isInOrder(Math.sign(actual - wanted), op)
}

function compareText(actual: string, op: BoundOp, wanted: string): boolean {
  if (op === 'co') return actual.includes(wanted)
  if (op === 'sw') return actual.startsWith(wanted)
  if (op === 'ew') return actual.endsWith(wanted)
  return isInOrder(compareCodePoints(actual, wanted), op)
}

function isInOrder(order: number, op: BoundOp): boolean {
  switch (op) {
    case 'eq':
      return order === 0
    case 'gt':
      return order > 0
    case 'ge':
      return order >= 0
    case 'lt':
      return order < 0
    case 'le':
      return order <= 0
    default:
      return false
  }
}

/** By code point, as UTF-8 bytes sort; JavaScript's own order is by UTF-16 unit. */
function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
