import type { Position } from '../directory/change.ts'
import type { Question } from '../directory/ports/listing.ts'

/** Questions whose totals are kept; a client that pages asks the same one again and again. */
const MAX_KEPT = 200

/**
 * Totals of lists, good for as long as the journal stands still: whoever reads a directory of
 * 100,000 people by pages of 100 would else have them counted a thousand times.
 */
export class Totals {
  readonly #position: () => Position | null
  readonly #kept = new Map<string, number>()
  #keptAt = ''

  /** Null while there is none: then nothing is kept. */
  constructor(position: () => Position | null) {
    this.#position = position
  }

  async read(
    kind: 'people' | 'groups',
    question: Question,
    count: () => Promise<number>,
  ): Promise<number> {
    const at = this.#now()
    if (at === null) return count()
    const key = JSON.stringify([kind, question.audience, question.where])
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const total = await count()
    // The journal may have moved meanwhile; what was counted then is of neither time.
    if (this.#now() === at && this.#kept.size < MAX_KEPT) this.#kept.set(key, total)
    return total
  }

  /** Where the journal stands; forgets everything when it has moved. */
  #now(): string | null {
    const position = this.#position()
    if (position === null) return null
    const at = `${position.epoch}/${position.usn}`
    if (at !== this.#keptAt) {
      this.#kept.clear()
      this.#keptAt = at
    }
    return at
  }
}
