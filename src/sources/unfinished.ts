import type { Service } from '../lifecycle.ts'
import { Turns } from '../turns.ts'

/** Work that an admin has begun and that goes on in small transactions, each of which may be repeated. */
export interface StepwiseWork {
  /** The next batch. @returns false when nothing was left */
  step(id: string): Promise<boolean>
  /** What was begun and is not done. */
  unfinished(): Promise<readonly string[]>
}

const LOOK_EVERY_MS = 5_000

/** Ends what a daemon that stopped has left half done; the leader does. */
export class Unfinished implements Service {
  readonly name = 'unfinished work'
  readonly #works: readonly StepwiseWork[]
  readonly #isLeader: () => boolean
  readonly #onFault: (error: unknown) => void
  readonly #turns: Turns

  constructor(parts: {
    readonly works: readonly StepwiseWork[]
    readonly isLeader: () => boolean
    readonly onFault: (error: unknown) => void
  }) {
    this.#works = parts.works
    this.#isLeader = parts.isLeader
    this.#onFault = parts.onFault
    this.#turns = new Turns({
      work: () => this.#look(),
      onFault: parts.onFault,
      everyMs: LOOK_EVERY_MS,
    })
  }

  async start(): Promise<void> {
    this.#turns.start()
  }

  stop(): Promise<void> {
    return this.#turns.stop()
  }

  /** Does all that is left of one; two daemons may at once, and take turns. */
  async finish(work: StepwiseWork, id: string): Promise<void> {
    while (await work.step(id)) this.#turns.signal.throwIfAborted()
  }

  async #look(): Promise<void> {
    if (!this.#isLeader()) return
    for (const work of this.#works) {
      try {
        for (const id of await work.unfinished()) await this.finish(work, id)
      } catch (error) {
        if (!this.#turns.signal.aborted) this.#onFault(error)
      }
    }
  }
}
