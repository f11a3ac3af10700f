import type { Hold } from './hold.ts'

interface Holdable {
  readonly id: string
  readonly holds: readonly Hold[]
}

/**
 * Principals said to be let in no more, ahead of the change that says why. One
 * without holds is shown with one for reasons of security; the value itself stays as it was told, so
 * that taking it back leaves no trace.
 */
export class ShutOut {
  readonly #holds = new Map<string, Hold>()

  add(ids: readonly string[], sinceMs: number): void {
    for (const id of ids) {
      if (!this.#holds.has(id)) this.#holds.set(id, { reason: 'security', sinceMs, note: null })
    }
  }

  delete(ids: readonly string[]): void {
    for (const id of ids) this.#holds.delete(id)
  }

  /** The value as it may be seen: itself, or one with the hold. */
  shown<V extends { readonly id: string }>(value: V): V {
    const hold = this.#holds.size === 0 ? undefined : this.#holds.get(value.id)
    if (hold === undefined || !isHoldable(value) || value.holds.length > 0) return value
    return { ...value, holds: [hold] }
  }
}

/** Groups have no holds. */
function isHoldable<V extends { readonly id: string }>(value: V): value is V & Holdable {
  return 'holds' in value
}
