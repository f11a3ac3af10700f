import { findSchemaUri, parseAttributePath } from './attribute-path.ts'
import { ScimError } from './errors.ts'
import { isJsonArray, isJsonObject, type Json, type JsonObject } from './json.ts'
import type { AttributeDefinition } from './schema/attribute.ts'
import { coreAttributes, findAttribute } from './schema/find-attribute.ts'
import type { ResourceType } from './schema/resource-type.ts'

/** Names in one request; more than both schemas have attributes. */
export const MAX_SELECTED = 200

/** Both lists as the client sent them; null when it sent none. */
export interface SelectionRequest {
  readonly attributes: readonly string[] | null
  readonly excludedAttributes: readonly string[] | null
}

/** Which parts of an attribute were named: all of it, or these, in lower case. */
type Named = 'whole' | ReadonlySet<string>

/** What of a resource is sent (RFC 7644 §3.9): `attributes`, `excludedAttributes`, `returned`. */
export class Selection {
  readonly #type: ResourceType
  readonly #isListed: boolean
  readonly #named: ReadonlyMap<string, Named>

  /**
   * Names that this type does not have are passed over.
   *
   * @throws {ScimError} `SCIM_INVALID_VALUE` when both lists are there or one is too long
   */
  constructor(type: ResourceType, request: SelectionRequest) {
    if (request.attributes !== null && request.excludedAttributes !== null) {
      // RFC 7644 §3.4.2.5
      const why = '"attributes" and "excludedAttributes" exclude each other'
      throw new ScimError('SCIM_INVALID_VALUE', why)
    }
    const names = request.attributes ?? request.excludedAttributes ?? []
    if (names.length > MAX_SELECTED) {
      throw new ScimError('SCIM_INVALID_VALUE', `${MAX_SELECTED} attributes can be named at most`)
    }
    this.#type = type
    this.#isListed = request.attributes !== null
    this.#named = readNames(type, names)
  }

  /** Whether anything of a core attribute is sent, so that a store need not fetch what isn't. */
  wants(name: string): boolean {
    const definition = coreAttributes(this.#type).find((candidate) => candidate.name === name)
    return definition !== undefined && this.#isSent(definition, this.#named.get(keyOf(null, name)))
  }

  /** A copy with what is to be sent; attributes no schema has are left out. */
  apply(resource: JsonObject): JsonObject {
    const sent = this.#select(resource, coreAttributes(this.#type), null)
    for (const extension of this.#type.extensions) {
      const part = resource[extension.id]
      if (!isJsonObject(part)) continue
      const selected = this.#select(part, extension.attributes, extension.id)
      if (Object.keys(selected).length > 0) sent[extension.id] = selected
    }
    return sent
  }

  #select(
    from: JsonObject,
    definitions: readonly AttributeDefinition[],
    extension: string | null,
  ): Record<string, Json> {
    const sent: Record<string, Json> = {}
    for (const definition of definitions) {
      const value = from[definition.name]
      const named = this.#named.get(keyOf(extension, definition.name))
      if (value === undefined || value === null || !this.#isSent(definition, named)) continue
      const part = this.#selectParts(value, definition, named)
      if (part !== null) sent[definition.name] = part
    }
    return sent
  }

  #isSent(definition: AttributeDefinition, named: Named | undefined): boolean {
    if (definition.returned === 'always') return true
    if (definition.returned === 'never') return false
    if (this.#isListed) return named !== undefined
    return definition.returned === 'default' && named !== 'whole'
  }

  #selectParts(
    value: Json,
    definition: AttributeDefinition,
    named: Named | undefined,
  ): Json | null {
    const parts = definition.subAttributes
    if (parts === undefined) return value
    if (isJsonArray(value)) {
      return value.map((element) => this.#selectParts(element, definition, named) ?? {})
    }
    if (!isJsonObject(value)) return null
    const sent: Record<string, Json> = {}
    for (const part of parts) {
      const inner = value[part.name]
      if (inner === undefined || inner === null || !this.#isPartSent(part, named)) continue
      sent[part.name] = inner
    }
    return Object.keys(sent).length === 0 ? null : sent
  }

  #isPartSent(part: AttributeDefinition, named: Named | undefined): boolean {
    if (part.returned === 'always') return true
    if (part.returned === 'never') return false
    const isNamed = typeof named === 'object' && named.has(part.name.toLowerCase())
    if (this.#isListed && typeof named === 'object') return isNamed
    return part.returned === 'default' && !isNamed
  }
}

function readNames(type: ResourceType, names: readonly string[]): ReadonlyMap<string, Named> {
  const named = new Map<string, Named>()
  for (const name of names) {
    const uri = findSchemaUri(name)
    if (uri !== null) nameSchema(type, uri, named)
    else nameAttribute(type, name, named)
  }
  return named
}

/** A schema's URI stands for all its attributes. */
function nameSchema(type: ResourceType, uri: string, named: Map<string, Named>): void {
  const extension = type.extensions.find((schema) => schema.id === uri)
  const schema = extension ?? (type.schema.id === uri ? type.schema : undefined)
  for (const { name } of schema?.attributes ?? []) {
    named.set(keyOf(extension === undefined ? null : uri, name), 'whole')
  }
}

function nameAttribute(type: ResourceType, name: string, named: Map<string, Named>): void {
  // Microsoft's own tests put a filter behind the name; the grammar has none, so all values are meant.
  const [bare = ''] = name.split('[', 1)
  const path = parseAttributePath(bare)
  const attribute = path === null ? null : findAttribute(type, path)
  if (attribute === null) return
  const whole = (attribute.parent ?? attribute.definition).name
  const key = keyOf(attribute.extension, whole)
  const before = named.get(key)
  if (attribute.parent === null || before === 'whole') {
    named.set(key, 'whole')
    return
  }
  named.set(key, new Set([...(before ?? []), attribute.definition.name.toLowerCase()]))
}

function keyOf(extension: string | null, name: string): string {
  return extension === null ? name : `${extension}:${name}`
}
