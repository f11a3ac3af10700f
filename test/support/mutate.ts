/**
 * Seeded mutation of valid messages, for fuzzing decoders.
 *
 * About half of the mutants carry one gentle edit (a bit or a byte inside the message), so that many
 * of them still decode and reach the code behind the first length check; the rest carry up to four
 * edits of any kind, lengths, cuts, repeats and splices included.
 */

const INTERESTING = [0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xfe, 0xff]
const MAX_EDITS = 4
const MAX_SPAN = 64
const LOOKS = 8

/** A small seeded generator (mulberry32): the same seed gives the same numbers everywhere. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** An integer from 0 to `limit` - 1; `limit` is 1 or more. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
}

type Edit = (bytes: Buffer, random: Random, corpus: readonly Buffer[]) => Buffer

function flipBit(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  return bytes
}

function nudge(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length)
  bytes[at] = ((bytes[at] ?? 0) + (random.below(2) === 0 ? 1 : 255)) & 0xff
  return bytes
}

function setLetter(bytes: Buffer, random: Random): Buffer {
  bytes[random.below(bytes.length)] = 0x61 + random.below(26)
  return bytes
}

/** Changes one character of some text inside, if it finds any in a few looks. */
function changeText(bytes: Buffer, random: Random): Buffer {
  for (let look = 0; look < LOOKS; look++) {
    const at = random.below(bytes.length)
    const byte = bytes[at] ?? 0
    if (byte < 0x61 || byte > 0x7a) continue
    bytes[at] = 0x61 + random.below(26)
    break
  }
  return bytes
}

function setInteresting(bytes: Buffer, random: Random): Buffer {
  bytes[random.below(bytes.length)] = random.pick(INTERESTING)
  return bytes
}

function setAny(bytes: Buffer, random: Random): Buffer {
  bytes[random.below(bytes.length)] = random.below(256)
  return bytes
}

/** Swaps two neighbours of the same kind more often than not, as values are longer than headers. */
function swapNeighbours(bytes: Buffer, random: Random): Buffer {
  if (bytes.length < 2) return bytes
  const at = random.below(bytes.length - 1)
  const kept = bytes[at] ?? 0
  bytes[at] = bytes[at + 1] ?? 0
  bytes[at + 1] = kept
  return bytes
}

function cut(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.below(bytes.length))
}

function removeSpan(bytes: Buffer, random: Random): Buffer {
  const [start, end] = span(bytes, random)
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
}

function repeatSpan(bytes: Buffer, random: Random): Buffer {
  const [start, end] = span(bytes, random)
  return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)])
}

function insertNoise(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1)
  const noise = Buffer.alloc(1 + random.below(8), random.below(256))
  return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)])
}

function splice(bytes: Buffer, random: Random, corpus: readonly Buffer[]): Buffer {
  const other = random.pick(corpus)
  return Buffer.concat([
    bytes.subarray(0, random.below(bytes.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ])
}

function span(bytes: Buffer, random: Random): [number, number] {
  const start = random.below(bytes.length)
  return [start, Math.min(bytes.length, start + 1 + random.below(MAX_SPAN))]
}

const GENTLE: readonly Edit[] = [flipBit, nudge, setLetter, changeText, setAny, swapNeighbours]
const ALL: readonly Edit[] = [
  ...GENTLE,
  setInteresting,
  cut,
  removeSpan,
  repeatSpan,
  insertNoise,
  splice,
]

/**
 * Gives `count` mutants of the messages in `corpus`, the same ones for the same seed.
 *
 * Each is a buffer of its own, possibly empty. `corpus` must hold one non-empty message or more.
 */
export function* mutants(
  corpus: readonly Buffer[],
  seed: number,
  count: number,
): Generator<Buffer, void, void> {
  const random = new Random(seed)
  for (let made = 0; made < count; made++) {
    let bytes: Buffer = Buffer.from(random.pick(corpus))
    const isGentle = random.below(2) === 0
    const edits = isGentle ? 1 : 1 + random.below(MAX_EDITS)
    const kinds = isGentle ? GENTLE : ALL
    for (let edit = 0; edit < edits && bytes.length > 0; edit++) {
      bytes = random.pick(kinds)(bytes, random, corpus)
    }
    yield bytes
  }
}

/** The seed of a run: `GATEHOUSE_FUZZ_SEED`, or a new one, which the caller prints. */
export function fuzzSeed(): number {
  const { GATEHOUSE_FUZZ_SEED: given } = process.env
  return given === undefined ? Date.now() % 0x7fffffff : Number(given)
}

/** How many inputs to try: `GATEHOUSE_FUZZ_INPUTS`, by default `usual`. */
export function fuzzInputs(usual: number): number {
  const { GATEHOUSE_FUZZ_INPUTS: given } = process.env
  return given === undefined ? usual : Number(given)
}
