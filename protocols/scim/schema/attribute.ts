/** RFC 7643 §2.3. */
export type AttributeType =
  | 'string'
  | 'boolean'
  | 'decimal'
  | 'integer'
  | 'dateTime'
  | 'binary'
  | 'reference'
  | 'complex'

/** An attribute's definition, member by member as RFC 7643 §7 serves it. */
export interface AttributeDefinition {
  readonly name: string
  readonly type: AttributeType
  readonly multiValued: boolean
  readonly description: string
  readonly required: boolean
  readonly caseExact: boolean
  readonly mutability: 'readOnly' | 'readWrite' | 'immutable' | 'writeOnly'
  readonly returned: 'always' | 'never' | 'default' | 'request'
  readonly uniqueness: 'none' | 'server' | 'global'
  readonly canonicalValues?: readonly string[]
  readonly referenceTypes?: readonly string[]
  readonly subAttributes?: readonly AttributeDefinition[]
}

export interface Schema {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly attributes: readonly AttributeDefinition[]
}

/** What differs from the defaults of RFC 7643 §2.2. */
export type Traits = Partial<Omit<AttributeDefinition, 'name' | 'type' | 'description'>>

function define(
  type: AttributeType,
  name: string,
  { description, ...traits }: Traits & { readonly description: string },
): AttributeDefinition {
  return {
    name,
    type,
    multiValued: false,
    description,
    required: false,
    caseExact: false,
    mutability: 'readWrite',
    returned: 'default',
    uniqueness: 'none',
    ...traits,
  }
}

export function text(name: string, description: string, traits: Traits = {}): AttributeDefinition {
  return define('string', name, { description, ...traits })
}

export function flag(name: string, description: string, traits: Traits = {}): AttributeDefinition {
  return define('boolean', name, { description, ...traits })
}

export function integer(
  name: string,
  description: string,
  traits: Traits = {},
): AttributeDefinition {
  return define('integer', name, { description, ...traits })
}

export function dateTime(
  name: string,
  description: string,
  traits: Traits = {},
): AttributeDefinition {
  return define('dateTime', name, { description, caseExact: true, ...traits })
}

export function binary(
  name: string,
  description: string,
  traits: Traits = {},
): AttributeDefinition {
  return define('binary', name, { description, caseExact: true, ...traits })
}

/** References are always compared exactly (RFC 7643 §2.3.7). */
export function reference(
  name: string,
  description: string,
  traits: Traits & { readonly referenceTypes: readonly string[] },
): AttributeDefinition {
  return define('reference', name, { description, caseExact: true, ...traits })
}

export function complex(
  name: string,
  description: string,
  traits: Traits & { readonly subAttributes: readonly AttributeDefinition[] },
): AttributeDefinition {
  return define('complex', name, { description, ...traits })
}

/** A multi-valued complex attribute with the sub-attributes of RFC 7643 §2.4. */
export function plural(
  name: string,
  description: string,
  parts: {
    readonly value: AttributeDefinition
    readonly types?: readonly string[]
    readonly traits?: Traits
  },
): AttributeDefinition {
  const types = parts.types === undefined ? {} : { canonicalValues: parts.types }
  return complex(name, description, {
    multiValued: true,
    ...parts.traits,
    subAttributes: [
      parts.value,
      text('display', 'How the value is shown to people.'),
      text('type', 'What the value is used for.', types),
      flag('primary', 'Whether this is the preferred value; true for one of them at most.'),
    ],
  })
}
