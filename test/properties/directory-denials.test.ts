import fc from 'fast-check'
import t from 'tap'
import { canSignIn } from '../../src/directory/hold.ts'
import { ReadModel } from '../../src/directory/read-model.ts'
import { Denials } from '../../src/storage/feed/denials.ts'
import { aHold, aPerson } from '../support/directory.ts'

const RUNS = { numRuns: 300 }

type Step =
  | { readonly what: 'suspend' | 'resume'; readonly who: number }
  | { readonly what: 'hint-arrives' | 'round-begins' | 'round-ends' }

const who = fc.constantFrom(1, 2)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ what: fc.constantFrom('suspend' as const, 'resume' as const), who }),
  fc.record({
    what: fc.constantFrom('hint-arrives' as const, 'round-begins' as const, 'round-ends' as const),
  }),
)

/**
 * One daemon and a database in which others suspend and resume: what was committed, the hints on
 * their way, and a feed whose rounds see what was committed when they began.
 */
class World {
  readonly model = new ReadModel()
  readonly committed = new Map<number, ReturnType<typeof aPerson>>()
  /** Those whose last suspension was hinted and not taken back since. */
  readonly told = new Set<number>()
  readonly #denials = new Denials()
  #hints: { readonly who: number; readonly version: number }[] = []
  #round: { readonly mark: number; readonly seen: ReturnType<typeof aPerson>[] } | null = null
  #version = 0

  constructor() {
    for (const no of [1, 2]) this.#commit(no, [])
    this.step({ what: 'round-begins' })
    this.step({ what: 'round-ends' })
  }

  step(step: Step): void {
    switch (step.what) {
      case 'suspend':
        this.#commit(step.who, [aHold()])
        this.#hints.push({ who: step.who, version: this.#version })
        return
      case 'resume':
        this.#commit(step.who, [])
        this.told.delete(step.who)
        return
      case 'hint-arrives':
        this.#deliver()
        return
      case 'round-begins':
        this.#round ??= { mark: this.#denials.mark(), seen: [...this.committed.values()] }
        return
      case 'round-ends':
        this.#endRound()
    }
  }

  get hasHints(): boolean {
    return this.#hints.length > 0
  }

  #commit(no: number, holds: ReturnType<typeof aHold>[]): void {
    this.#version++
    this.committed.set(no, aPerson({ no, version: this.#version, holds }))
  }

  #deliver(): void {
    const hint = this.#hints.shift()
    const person = hint && this.committed.get(hint.who)
    if (!person) return
    this.#denials.add([person.id])
    this.model.deny([person.id], 1)
    if (person.version === hint.version) this.told.add(hint.who)
  }

  #endRound(): void {
    if (this.#round === null) return
    const { seen, mark } = this.#round
    this.#round = null
    const changes = seen.map((value) => {
      return { kind: 'person', id: value.id, value, usn: value.version, atMs: 1 } as const
    })
    this.model.apply(changes)
    this.model.forgetDenials(this.#denials.forgetUpTo(mark))
  }
}

t.test('who was told to be shut out is, in any order of hints and rounds', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const world = new World()
      return steps.every((one) => {
        world.step(one)
        return [...world.told].every((no) => {
          const entry = world.model.entry(no)
          return entry !== null && entry.value.kind === 'person' && !canSignIn(entry.value)
        })
      })
    }),
    RUNS,
  )
  t.ok(true, 'no counterexample')
})

t.test('no hint sticks: after a later round everybody is what the database says', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const world = new World()
      for (const one of steps) world.step(one)
      while (world.hasHints) world.step({ what: 'hint-arrives' })
      for (const what of ['round-ends', 'round-begins', 'round-ends'] as const) world.step({ what })
      return [...world.committed].every(([no, person]) => {
        const value = world.model.entry(no)?.value
        return (
          value?.kind === 'person' &&
          value.version === person.version &&
          JSON.stringify(value.holds) === JSON.stringify(person.holds)
        )
      })
    }),
    RUNS,
  )
  t.ok(true, 'no counterexample')
})
