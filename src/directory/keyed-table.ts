import { foldText } from './fold.ts'

interface Named {
  readonly id: string
  readonly name: string
}

/** What logs in and is no entry of the directory, found by what it shows. There may be tens of thousands. */
export class KeyedTable<Value extends Named> {
  readonly #byId = new Map<string, Value>()
  readonly #byKey = new Map<string, Value>()
  readonly #keyOf: (value: Value) => string
  #inOrder: readonly Value[] | null = null

  /** @param keyOf what one is known by where it logs in; no two have the same */
  constructor(keyOf: (value: Value) => string) {
    this.#keyOf = keyOf
  }

  byId(id: string): Value | null {
    return this.#byId.get(id) ?? null
  }

  byKey(key: string): Value | null {
    return this.#byKey.get(key) ?? null
  }

  /** In no order. */
  values(): Iterable<Value> {
    return this.#byId.values()
  }

  /** By name; made when somebody asks, which is seldom. */
  inOrder(): readonly Value[] {
    this.#inOrder ??= [...this.#byId.values()]
      .map((value) => ({ value, key: foldText(value.name) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ value }) => value)
    return this.#inOrder
  }

  put(value: Value): void {
    this.delete(value.id)
    this.#byId.set(value.id, value)
    this.#byKey.set(this.#keyOf(value), value)
    this.#inOrder = null
  }

  delete(id: string): void {
    const held = this.#byId.get(id)
    if (held === undefined) return
    this.#byId.delete(id)
    // Its key may have been given to another meanwhile.
    if (this.#byKey.get(this.#keyOf(held)) === held) this.#byKey.delete(this.#keyOf(held))
    this.#inOrder = null
  }
}
