import { takeRandom } from '../random.ts'

const DAEMON_BYTES = 4
const WORKER_BYTES = 1
const RANDOM_BYTES = 16
const STATE_BYTES = DAEMON_BYTES + WORKER_BYTES + RANDOM_BYTES

/** However steadily a peer goes on: what it was begun with may not be so any more. */
const MAX_AGE_MS = 180_000

/** Who holds a conversation, so that a State can be led to its daemon and worker. */
export interface Holder {
  /** 4 bytes, the same for the life of the process. */
  readonly daemon: Buffer
  /** 0 to 255. */
  readonly worker: number
}

export interface StoreLimits {
  readonly maxConversations: number
  /** After so long without a word from the peer a conversation is forgotten. */
  readonly timeoutMs: number
}

/** As hostapd (60 s); each conversation in its handshake holds some 60 KiB. */
export const defaultStoreLimits: StoreLimits = { maxConversations: 2000, timeoutMs: 60_000 }

export interface Keepable {
  /** Whether too much has been done in it to be given up for another. */
  readonly isUnderWay: boolean
  /** Whether its peer has shown that it can finish a handshake: what comes before costs nothing. */
  readonly isEstablished: boolean
  /** On the store's clock. */
  readonly startedAtMs: number
  close(): void
}

interface Slot<Conversation> {
  readonly conversation: Conversation
  readonly atMs: number
}

/**
 * Conversations by their State attribute: daemon, worker, 128 random bits. A State is good once.
 */
export class ConversationStore<Conversation extends Keepable> {
  readonly #prefix: Buffer
  readonly #limits: StoreLimits
  readonly #now: () => number
  /** In the order of their last use, since each step puts its conversation under a new State. */
  readonly #slots = new Map<string, Slot<Conversation>>()
  readonly #onTimeout: (conversation: Conversation) => void

  /** @param onTimeout told of each that is forgotten because its peer said nothing more */
  constructor(
    holder: Holder,
    limits: StoreLimits,
    { now, onTimeout }: { now: () => number; onTimeout: (conversation: Conversation) => void },
  ) {
    this.#onTimeout = onTimeout
    this.#prefix = Buffer.concat([holder.daemon, Buffer.from([holder.worker])])
    this.#limits = limits
    this.#now = now
  }

  get size(): number {
    return this.#slots.size
  }

  /**
   * Whether another conversation may begin. Forgets the ones that timed out and, where that is not
   * enough, the longest silent of those not under way, or else without a tunnel: to begin costs a
   * peer a packet or two, and must not shut out who goes on.
   */
  makeRoom(): boolean {
    this.expire()
    if (this.#slots.size < this.#limits.maxConversations) return true
    return (
      this.#giveUp(({ isUnderWay }) => !isUnderWay) ||
      this.#giveUp(({ isEstablished }) => !isEstablished)
    )
  }

  #giveUp(mayGo: (conversation: Conversation) => boolean): boolean {
    for (const [key, { conversation }] of this.#slots) {
      if (!mayGo(conversation)) continue
      conversation.close()
      this.#slots.delete(key)
      return true
    }
    return false
  }

  /** Keeps a conversation and gives the State under which it is found next. */
  put(conversation: Conversation): Buffer {
    const state = Buffer.concat([this.#prefix, takeRandom(RANDOM_BYTES)], STATE_BYTES)
    this.#slots.set(keyOf(state), { conversation, atMs: this.#now() })
    return state
  }

  /** Null for a State that is foreign, used up or too old. The conversation stays. */
  find(state: Buffer): Conversation | null {
    this.expire()
    const conversation = this.#slots.get(keyOf(state))?.conversation ?? null
    if (conversation === null || this.#now() - conversation.startedAtMs < MAX_AGE_MS)
      return conversation
    conversation.close()
    this.remove(state)
    return null
  }

  /** Uses the State up. */
  remove(state: Buffer): void {
    this.#slots.delete(keyOf(state))
  }

  closeAll(): void {
    for (const { conversation } of this.#slots.values()) conversation.close()
    this.#slots.clear()
  }

  /** Forgets the ones that timed out. Everything else does so by the way; a quiet server does not. */
  expire(): void {
    const oldestMs = this.#now() - this.#limits.timeoutMs
    for (const [key, { conversation, atMs }] of this.#slots) {
      if (atMs >= oldestMs) return
      this.#slots.delete(key)
      this.#onTimeout(conversation)
      conversation.close()
    }
  }
}

function keyOf(state: Buffer): string {
  return state.toString('latin1')
}
