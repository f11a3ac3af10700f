import { ATTRIBUTE_TYPES, type AttributeTypeDefinition } from './attribute-types.ts'
import { MATCHING_RULES, type MatchingRule } from './matching-rules.ts'
import { OBJECT_CLASSES, type ObjectClass } from './object-classes.ts'
import { Syntax } from './syntaxes.ts'

/** The values of a subschema entry (RFC 4512 §4.2), each in the notation of RFC 4512 §4.1. */
export interface RenderedSchema {
  readonly attributeTypes: readonly string[]
  readonly objectClasses: readonly string[]
  readonly matchingRules: readonly string[]
  readonly matchingRuleUse: readonly string[]
  readonly ldapSyntaxes: readonly string[]
}

export function renderSchema(): RenderedSchema {
  return {
    attributeTypes: ATTRIBUTE_TYPES.map(renderAttributeType),
    objectClasses: OBJECT_CLASSES.map(renderObjectClass),
    matchingRules: MATCHING_RULES.map(renderMatchingRule),
    matchingRuleUse: MATCHING_RULES.map(renderMatchingRuleUse).filter((text) => text !== ''),
    ldapSyntaxes: Object.values(Syntax).map((oid) => `( ${oid} )`),
  }
}

function renderAttributeType(definition: AttributeTypeDefinition): string {
  const { equality, ordering, substrings } = definition
  return description([
    definition.oid,
    `NAME ${quoted(definition.names)}`,
    equality === null ? '' : `EQUALITY ${equality}`,
    ordering === null ? '' : `ORDERING ${ordering}`,
    substrings === null ? '' : `SUBSTR ${substrings}`,
    `SYNTAX ${Syntax[definition.syntax]}`,
    definition.isSingleValued ? 'SINGLE-VALUE' : '',
    definition.usage === 'userApplications' ? '' : `NO-USER-MODIFICATION USAGE ${definition.usage}`,
  ])
}

function renderObjectClass(objectClass: ObjectClass): string {
  const { oid, name, superior, kind, must, may } = objectClass
  return description([
    oid,
    `NAME '${name}'`,
    superior === null ? '' : `SUP ${superior}`,
    kind,
    must.length === 0 ? '' : `MUST ${alternatives(must)}`,
    may.length === 0 ? '' : `MAY ${alternatives(may)}`,
  ])
}

function renderMatchingRule(rule: MatchingRule): string {
  return description([rule.oid, `NAME '${rule.name}'`, `SYNTAX ${Syntax[rule.syntax]}`])
}

/** Which attributes an extensible match may apply the rule to. */
function renderMatchingRuleUse(rule: MatchingRule): string {
  const users = ATTRIBUTE_TYPES.filter(({ equality, ordering, substrings }) =>
    [equality, ordering, substrings].includes(rule.name),
  ).map(({ names, oid }) => names[0] ?? oid)
  if (users.length === 0) return ''
  return description([rule.oid, `NAME '${rule.name}'`, `APPLIES ${alternatives(users)}`])
}

function description(parts: readonly string[]): string {
  return `( ${parts.filter((part) => part !== '').join(' ')} )`
}

function quoted(names: readonly string[]): string {
  const [only = ''] = names
  if (names.length === 1) return `'${only}'`
  return `( ${names.map((name) => `'${name}'`).join(' ')} )`
}

function alternatives(names: readonly string[]): string {
  return names.length === 1 ? (names[0] ?? '') : `( ${names.join(' $ ')} )`
}
