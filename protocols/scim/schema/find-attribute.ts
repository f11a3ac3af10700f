import type { AttributePath } from '../attribute-path.ts'
import type { AttributeDefinition, Schema } from './attribute.ts'
import { commonAttributes } from './common.ts'
import type { ResourceType } from './resource-type.ts'

/** An attribute of a resource type, looked up. */
export interface Attribute {
  /**
   * The one spelling of its path: `emails.value`, and with the URI for an extension's:
   * `urn:…:enterprise:2.0:User:manager.value`.
   */
  readonly key: string
  /** The extension it belongs to; null for the core schema's and the common attributes. */
  readonly extension: string | null
  readonly definition: AttributeDefinition
  /** The complex attribute it is part of. */
  readonly parent: AttributeDefinition | null
}

/**
 * Looks a path up without regard to case. A bare name is tried in the extensions too, because
 * Entra asks for `manager` without its URI.
 */
export function findAttribute(type: ResourceType, path: AttributePath): Attribute | null {
  for (const { extension, definitions } of places(type, path.schema)) {
    const definition = findByName(definitions, path.name)
    if (definition === null) continue
    const whole = makeAttribute(extension, definition)
    return path.sub === null ? whole : findSubAttribute(whole, path.sub)
  }
  return null
}

/** A part of a complex attribute; `value` of a plain multi-valued one is the value itself. */
export function findSubAttribute(whole: Attribute, name: string): Attribute | null {
  const { definition } = whole
  if (definition.type !== 'complex' && definition.multiValued && name.toLowerCase() === 'value') {
    return makePart(whole, { ...definition, name: 'value', multiValued: false })
  }
  const part = findByName(definition.subAttributes ?? [], name)
  return part === null ? null : makePart(whole, part)
}

/** The attribute that `part` is a part of; itself when it stands at the top. */
export function wholeOf(part: Attribute): Attribute {
  return part.parent === null ? part : makeAttribute(part.extension, part.parent)
}

/** Core and common attributes together. */
export function coreAttributes(type: ResourceType): readonly AttributeDefinition[] {
  return [...commonAttributes, ...type.schema.attributes]
}

interface Place {
  readonly extension: string | null
  readonly definitions: readonly AttributeDefinition[]
}

function places(type: ResourceType, schema: string | null): readonly Place[] {
  const core: Place = { extension: null, definitions: coreAttributes(type) }
  const extensions = type.extensions.map(
    ({ id, attributes }: Schema): Place => ({ extension: id, definitions: attributes }),
  )
  if (schema === null) return [core, ...extensions]
  if (schema === type.schema.id) return [core]
  return extensions.filter(({ extension }) => extension === schema)
}

function findByName(
  definitions: readonly AttributeDefinition[],
  name: string,
): AttributeDefinition | null {
  const lower = name.toLowerCase()
  return definitions.find((definition) => definition.name.toLowerCase() === lower) ?? null
}

function makeAttribute(extension: string | null, definition: AttributeDefinition): Attribute {
  const prefix = extension === null ? '' : `${extension}:`
  return { key: `${prefix}${definition.name}`, extension, definition, parent: null }
}

function makePart(whole: Attribute, definition: AttributeDefinition): Attribute {
  return {
    key: `${whole.key}.${definition.name}`,
    extension: whole.extension,
    definition,
    parent: whole.definition,
  }
}
