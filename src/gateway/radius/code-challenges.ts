import { randomBytes } from 'node:crypto'
import type { Proved } from '../../credentials/authenticate.ts'
import type { NasId, NetworkId } from '../../directory/id.ts'

const STATE_BYTES = 16
/** Long enough to look for a phone; most VPN clients wait for a minute. */
export const CODE_SECONDS = 120
const MAX_WAITING = 10_000

/** Who has given the right password, where, and is asked for her code. */
export interface Waiting {
  readonly proved: Proved
  /** As the NAS sent it: the code must come under the same. */
  readonly name: string
  readonly nasId: NasId
  readonly networkId: NetworkId
  /** Called once if no answer comes in time: somebody knows a password and has no code. */
  readonly onGivenUp: () => void
}

/** What an answer must have in common with its question. */
export type AnswerOf = Pick<Waiting, 'name' | 'nasId' | 'networkId'>

/** Log-ins between password and code, by the State of their Access-Challenge; each is good once. */
export class CodeChallenges {
  readonly #waiting = new Map<string, Waiting & { readonly untilMs: number }>()
  readonly #nowMs: () => number

  /** @param nowMs monotonic */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** @returns the State of the challenge */
  put(waiting: Waiting): Buffer {
    this.#makeRoom()
    const state = randomBytes(STATE_BYTES)
    this.#waiting.set(keyOf(state), { ...waiting, untilMs: this.#nowMs() + CODE_SECONDS * 1_000 })
    return state
  }

  /** Null for a State that is foreign, old, used, or somebody else's. */
  take(state: Buffer, at: AnswerOf): Proved | null {
    const key = keyOf(state)
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    if (waiting === undefined || this.#nowMs() >= waiting.untilMs) return null
    const isSame =
      waiting.name === at.name && waiting.nasId === at.nasId && waiting.networkId === at.networkId
    return isSame ? waiting.proved : null
  }

  /** Forgets the ones whose time is up, in the order in which they began. */
  expire(): void {
    const nowMs = this.#nowMs()
    for (const [key, { untilMs, onGivenUp }] of this.#waiting) {
      if (nowMs < untilMs) return
      this.#waiting.delete(key)
      onGivenUp()
    }
  }

  /** Beyond the most, whoever has waited longest goes. */
  #makeRoom(): void {
    this.expire()
    if (this.#waiting.size < MAX_WAITING) return
    const [longest] = this.#waiting
    if (longest === undefined) return
    this.#waiting.delete(longest[0])
    longest[1].onGivenUp()
  }
}

function keyOf(state: Buffer): string {
  return state.toString('latin1')
}
