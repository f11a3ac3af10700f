import { parseDateTime } from '../date-time.ts'
import { ScimError } from '../errors.ts'
import type { AttributeType } from '../schema/attribute.ts'
import type { Attribute } from '../schema/find-attribute.ts'
import type { BoundOp, Test } from './ast.ts'

type Value = Test['value']

const equality: readonly BoundOp[] = ['eq']
const order: readonly BoundOp[] = ['eq', 'gt', 'ge', 'lt', 'le']
const all: readonly BoundOp[] = [...order, 'co', 'sw', 'ew']

/** RFC 7644 §3.4.2.2, table 3: which operators an attribute's type allows. */
const allowed: Readonly<Record<AttributeType, readonly BoundOp[]>> = {
  string: all,
  reference: all,
  boolean: equality,
  binary: equality,
  dateTime: order,
  integer: order,
  decimal: order,
  complex: [],
}

/**
 * The value as the attribute's type wants it; a dateTime becomes milliseconds since 1970.
 *
 * @throws {ScimError} `SCIM_INVALID_FILTER` when operator or value do not fit
 */
export function checkValue(attribute: Attribute, test: Test, isLenient: boolean): Value {
  const { type } = attribute.definition
  if (!allowed[type].includes(test.op)) {
    throw new ScimError(
      'SCIM_INVALID_FILTER',
      `"${test.op}" can't compare "${attribute.key}", which is of type ${type}`,
    )
  }
  const value = convert(type, test.value, isLenient)
  if (value === null) {
    throw new ScimError('SCIM_INVALID_FILTER', `"${attribute.key}" is of type ${type}`)
  }
  return value
}

/** Null when the value is of another type. */
function convert(type: AttributeType, value: Value, isLenient: boolean): Value | null {
  switch (type) {
    case 'dateTime':
      return typeof value === 'string' ? parseDateTime(value) : null
    case 'integer':
    case 'decimal':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : isLenient ? readBoolean(value) : null
    default:
      return typeof value === 'string' ? value : isLenient ? String(value) : null
  }
}

/** Entra writes booleans as strings: `"False"`. */
function readBoolean(value: Value): boolean | null {
  const lower = String(value).toLowerCase()
  return lower === 'true' ? true : lower === 'false' ? false : null
}
