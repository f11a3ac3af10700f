import { createHash } from 'node:crypto'

/**
 * Small, fast, seeded numbers (sfc32). The same seed gives the same tenant and the same faults, on
 * any machine; nothing secret is ever drawn from it.
 */
export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: string | number) {
    const digest = createHash('sha256').update(String(seed)).digest()
    this.#a = digest.readUInt32LE(0)
    this.#b = digest.readUInt32LE(4)
    this.#c = digest.readUInt32LE(8)
  }

  /** 0 to 2^32 − 1. */
  word(): number {
    const sum = (this.#a + this.#b + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    this.#c |= 0
    return sum >>> 0
  }

  /** 0 inclusive to 1 exclusive. */
  fraction(): number {
    return this.word() / 0x1_0000_0000
  }

  /** 0 inclusive to `limit` exclusive. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability
  }

  /** @throws {RangeError} when `values` is empty */
  pick<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)]
    if (value === undefined) throw new RangeError('nothing to pick from')
    return value
  }

  /** Text of a version 4 UUID. */
  uuid(): string {
    const hex = (word: number): string => word.toString(16).padStart(8, '0')
    const first = hex(this.word())
    const second = hex(((this.word() & 0xffff_0fff) | 0x4000) >>> 0)
    const third = hex(((this.word() & 0x3fff_ffff) | 0x8000_0000) >>> 0)
    return `${first}-${second.slice(0, 4)}-${second.slice(4)}-${third.slice(0, 4)}-${third.slice(4)}${hex(this.word())}`
  }
}

/** A fraction that depends on its arguments alone: the same question gets the same answer again. */
export function hashFraction(salt: number, first: number, second: number): number {
  let mixed = (salt ^ Math.imul(first, 0x9e37_79b1) ^ Math.imul(second, 0x85eb_ca77)) | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb_352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846c_a68b)
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 0x1_0000_0000
}

/** Fisher-Yates, in place, from its own salt. */
export function shuffleInPlace(values: unknown[], salt: number): void {
  for (let at = values.length - 1; at > 0; at--) {
    const other = Math.floor(hashFraction(salt, at, 1) * (at + 1))
    const value = values[at]
    values[at] = values[other]
    values[other] = value
  }
}
