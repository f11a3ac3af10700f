import type { ClientWitness, RadiusRequest, SharedSecret } from '../../../protocols/radius/index.ts'
import type { NasId } from '../../directory/id.ts'
import type { NasStore, SecretUse } from '../../directory/ports/nas.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../observe/log.ts'
import { Turns } from '../../turns.ts'
import type { NasClient } from './nas-table.ts'

/** What is told may be as old; a rotation is a matter of days. */
const EVERY_MS = 10_000
/** Between two turns; a use that finds no room is told with a later packet. */
const MAX_PENDING = 4_096

export interface NasWitnessParts {
  readonly store: Pick<NasStore, 'markSigned' | 'noteUses'>
  readonly log: Log
  readonly nowMs?: () => number
}

/** Keeps what NAS show of themselves, for all daemons and those to come; off the packets' way. */
export class NasWitness implements ClientWitness<NasClient>, Service {
  readonly name = 'nas-witness'
  readonly #parts: NasWitnessParts
  readonly #nowMs: () => number
  readonly #turns: Turns
  readonly #uses = new Map<string, SecretUse>()
  readonly #signed = new Set<NasId>()

  constructor(parts: NasWitnessParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
    this.#turns = new Turns({
      work: () => this.#write(),
      onFault: (error) => parts.log.warn('nas-witness.failed', { error }),
      everyMs: EVERY_MS,
    })
  }

  signed({ nas }: NasClient): void {
    this.#signed.add(nas.id)
    this.#turns.wake()
  }

  used({ nas, secrets }: NasClient, secret: SharedSecret, address: RadiusRequest['address']): void {
    const secretNo = nas.secretNo - secrets.indexOf(secret)
    const key = `${nas.id} ${secretNo} ${address}`
    if (this.#uses.size >= MAX_PENDING && !this.#uses.has(key)) return
    this.#uses.set(key, { nasId: nas.id, secretNo, address, atMs: this.#nowMs() })
  }

  async start(): Promise<void> {
    this.#turns.start()
  }

  async stop(): Promise<void> {
    await this.#turns.stop()
    await this.#write().catch((error: unknown) => {
      this.#parts.log.warn('nas-witness.failed', { error })
    })
  }

  /** What could not be written waits for the next turn. */
  async #write(): Promise<void> {
    const { store } = this.#parts
    for (const id of this.#signed) {
      await store.markSigned(id)
      this.#signed.delete(id)
    }
    if (this.#uses.size === 0) return
    const uses = [...this.#uses]
    await store.noteUses(uses.map(([, use]) => use))
    for (const [key, use] of uses) if (this.#uses.get(key) === use) this.#uses.delete(key)
  }
}
