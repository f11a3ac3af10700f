import {
  type AttributeType,
  filterAttribute,
  findObjectClass,
  withSuperiors,
} from '../../../protocols/ldap/index.ts'
import type { EntryKind, EntryValue } from '../../directory/query.ts'
import type { FixedAttribute, LiveAttribute } from './shapes/shape.ts'
import { shapes } from './shapes/shapes.ts'

/** Ways of asking that are kept ready; clients repeat themselves. */
const MAX_KEPT = 256
/** A longer list is rare, and a key of its size would cost more than it saves. */
const MAX_KEPT_KEY = 4_096

/** Which attributes of a kind a search wants. */
export interface KindSelection {
  readonly fixed: readonly FixedAttribute<EntryValue>[]
  readonly live: readonly LiveAttribute<EntryValue>[]
}

/** The attributes a search asks for (RFC 4511 §4.5.1.8), made once for each way of asking. */
export class Selection {
  readonly isTypesOnly: boolean
  readonly kinds: Readonly<Record<EntryKind, KindSelection>>
  readonly #named: ReadonlySet<AttributeType>
  readonly #isAllUser: boolean
  readonly #isAllOperational: boolean

  constructor(attributes: readonly string[], isTypesOnly: boolean) {
    this.isTypesOnly = isTypesOnly
    this.#named = new Set(attributes.flatMap(typesNamedBy))
    this.#isAllUser = attributes.length === 0 || attributes.includes('*')
    this.#isAllOperational = attributes.includes('+')
    this.kinds = {
      person: this.#ofKind('person'),
      group: this.#ofKind('group'),
      service: this.#ofKind('service'),
    }
  }

  has(type: AttributeType, isNamedOnly = false): boolean {
    if (this.#named.has(type)) return true
    if (isNamedOnly) return false
    return type.isOperational ? this.#isAllOperational : this.#isAllUser
  }

  /** For the root DSE, where people who ask for everything mean what RFC 4512 calls operational. */
  hasAnyway(type: AttributeType): boolean {
    return this.#isAllUser || this.has(type)
  }

  #ofKind(kind: EntryKind): KindSelection {
    const fixed: FixedAttribute<EntryValue>[] = []
    const live: LiveAttribute<EntryValue>[] = []
    for (const attribute of shapes[kind].attributes) {
      if (!this.has(attribute.type, attribute.isNamedOnly)) continue
      if (attribute.isFixed) fixed.push(attribute)
      else live.push(attribute)
    }
    return { fixed, live }
  }
}

/** RFC 4529 adds `@class`; what nobody knows, options and `1.1` included, names nothing. */
function typesNamedBy(name: string): AttributeType[] {
  if (!name.startsWith('@')) {
    const type = filterAttribute(name)
    return type === null ? [] : [type]
  }
  const types: AttributeType[] = []
  for (const className of withSuperiors(name.slice(1))) {
    const { must = [], may = [] } = findObjectClass(className) ?? {}
    for (const attribute of [...must, ...may]) {
      const type = filterAttribute(attribute)
      if (type !== null) types.push(type)
    }
  }
  return types
}

/** Selections by the way they were asked for, the oldest dropped. */
export class Selections {
  readonly #kept = new Map<string, Selection>()
  /** By the list itself, which the decoder gives again when a client asks the same way again. */
  readonly #byList = new WeakMap<readonly string[], Selection>()

  find(attributes: readonly string[], isTypesOnly: boolean): Selection {
    const known = this.#byList.get(attributes)
    if (known !== undefined && known.isTypesOnly === isTypesOnly) return known
    const selection = this.#findKept(attributes, isTypesOnly)
    this.#byList.set(attributes, selection)
    return selection
  }

  #findKept(attributes: readonly string[], isTypesOnly: boolean): Selection {
    // JSON, as a name from a client may be empty or hold any character, a separator included.
    const key = JSON.stringify([isTypesOnly, attributes])
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const selection = new Selection(attributes, isTypesOnly)
    if (key.length > MAX_KEPT_KEY) return selection
    if (this.#kept.size >= MAX_KEPT) {
      const [oldest] = this.#kept.keys()
      if (oldest !== undefined) this.#kept.delete(oldest)
    }
    this.#kept.set(key, selection)
    return selection
  }
}
