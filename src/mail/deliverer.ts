import type { Service } from '../lifecycle.ts'
import { Turns } from '../turns.ts'
import type { ClaimedMail, MailAccount, MailSettled, MailStore } from './mail-store.ts'
import { type Delivery, deliver, type Letter } from './transport.ts'

const POLL_MS = 5_000
/** Sent one after the other; a claim lasts for all of them. */
const AT_ONCE = 5
const FIRST_RETRY_MS = 30_000
const LAST_RETRY_MS = 60 * 60_000

export interface DelivererParts {
  readonly store: MailStore
  readonly deliver?: (account: MailAccount, letter: Letter) => Promise<Delivery>
  readonly onSettled: (mail: Pick<ClaimedMail, 'id' | 'kind'>, settled: MailSettled) => void
  readonly onFault: (error: unknown) => void
  readonly pollMs?: number
}

/**
 * Sends what waits. A mail goes to the server at least once, and again with the same Message-ID when
 * a daemon dies between the server's yes and its note of it.
 */
export class MailDeliverer implements Service {
  readonly name = 'mail'
  readonly #parts: DelivererParts
  readonly #turns: Turns

  constructor(parts: DelivererParts) {
    this.#parts = parts
    this.#turns = new Turns({
      work: (signal) => this.#run(signal),
      onFault: parts.onFault,
      firstMs: 0,
      everyMs: parts.pollMs ?? POLL_MS,
    })
  }

  async start(): Promise<void> {
    this.#turns.start()
  }

  stop(): Promise<void> {
    return this.#turns.stop()
  }

  /** Something was put out just now. */
  wake(): void {
    this.#turns.wake()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { store } = this.#parts
    const account = await store.readAccount()
    if (account === null) return
    for (const mail of await store.claim(AT_ONCE)) {
      if (signal.aborted) return
      await this.#send(account, mail)
    }
  }

  async #send(account: MailAccount, mail: ClaimedMail): Promise<void> {
    const { store, onSettled } = this.#parts
    const delivery = await (this.#parts.deliver ?? deliver)(account, mail)
    const settled = settle(delivery, mail.attempts)
    await store.settle(mail, settled)
    onSettled({ id: mail.id, kind: mail.kind }, settled)
  }
}

function settle(delivery: Delivery, attempts: number): MailSettled {
  if (delivery.kind === 'sent') return delivery
  const { reason, isFinal } = delivery
  if (isFinal) return { kind: 'failed', reason }
  return { kind: 'later', reason, afterMs: Math.min(FIRST_RETRY_MS * 2 ** attempts, LAST_RETRY_MS) }
}
