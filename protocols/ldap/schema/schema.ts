import { ATTRIBUTE_TYPES, type AttributeTypeDefinition } from './attribute-types.ts'
import { MATCHING_RULES, type MatchingRule } from './matching-rules.ts'
import { OBJECT_CLASSES, type ObjectClass } from './object-classes.ts'

/** An attribute type with its rules looked up. One object each, so `===` compares types. */
export interface AttributeType {
  readonly oid: string
  /** The spelling used in answers. */
  readonly name: string
  readonly definition: AttributeTypeDefinition
  /** Null: values can't be compared, only their presence is known. */
  readonly equality: MatchingRule | null
  readonly ordering: MatchingRule | null
  readonly substrings: MatchingRule | null
  readonly isOperational: boolean
}

const ATTRIBUTES = new Map<string, AttributeType>()
const RULES = new Map<string, MatchingRule>()
const CLASSES = new Map<string, ObjectClass>()

for (const rule of MATCHING_RULES) {
  RULES.set(rule.oid, rule)
  RULES.set(rule.name.toLowerCase(), rule)
}
for (const objectClass of OBJECT_CLASSES) {
  CLASSES.set(objectClass.oid, objectClass)
  CLASSES.set(objectClass.name.toLowerCase(), objectClass)
}
for (const definition of ATTRIBUTE_TYPES) {
  const attribute: AttributeType = {
    oid: definition.oid,
    name: definition.names[0] ?? definition.oid,
    definition,
    equality: findMatchingRule(definition.equality),
    ordering: findMatchingRule(definition.ordering),
    substrings: findMatchingRule(definition.substrings),
    isOperational: definition.usage !== 'userApplications',
  }
  for (const name of [definition.oid, ...definition.names]) {
    ATTRIBUTES.set(name.toLowerCase(), attribute)
  }
}

/** By any of its names or its OID, in any case; null when the schema does not have it. */
export function findAttributeType(name: string): AttributeType | null {
  return ATTRIBUTES.get(name) ?? ATTRIBUTES.get(name.toLowerCase()) ?? null
}

export function findMatchingRule(name: string | null): MatchingRule | null {
  return name === null ? null : (RULES.get(name.toLowerCase()) ?? null)
}

export function findObjectClass(name: string): ObjectClass | null {
  return CLASSES.get(name.toLowerCase()) ?? null
}

/**
 * Like {@link findAttributeType} for an attribute the caller knows to be there.
 *
 * @throws {TypeError} when the schema lacks it
 */
export function readAttributeType(name: string): AttributeType {
  const attribute = findAttributeType(name)
  if (attribute === null) throw new TypeError(`no attribute type ${name}`)
  return attribute
}

/** An object class with its superiors, itself first. */
export function withSuperiors(name: string): readonly string[] {
  const names: string[] = []
  for (let found = findObjectClass(name); found !== null; ) {
    names.push(found.name)
    found = found.superior === null ? null : findObjectClass(found.superior)
  }
  return names
}
