import type { Person } from '../directory/person.ts'
import type { NewMail } from '../directory/ports/mail.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { FactorProof, SecondFactorStore, Totp } from '../directory/ports/second-factors.ts'
import type { AuthEvent, AuthEventSink } from '../observe/auth-event.ts'
import type { Blocked } from './failure-policy.ts'
import type { Failures } from './failures.ts'
import { digestSecret, makeGeneratedPassword, readGeneratedPassword } from './generated-secret.ts'
import { findTotpStep } from './totp.ts'

/** Apart from her password's: whoever knows that one clears nothing here by typing it again. */
export const CODE_KIND = 'account-code'
/** Likewise of codes typed at a VPN, whose devices must not lock her out of her account. */
const NETWORK_CODE_KIND = 'network-code'
export const RECOVERY_CODES = 10

/** What has become of somebody's second factors, for the mail that tells her. */
export type FactorNews =
  | 'totp-added'
  | 'totp-removed'
  | 'recovery-codes-made'
  | 'recovery-code-used'
  | 'passkey-added'
  | 'passkey-removed'

export type CodeDenial = 'wrong-code' | 'spent-code' | 'code-missing' | 'no-factor' | Blocked

export type Checked =
  | { readonly ok: true; readonly by: 'code' | 'recovery code' }
  | { readonly ok: false; readonly why: CodeDenial }

/** Where a code comes from, and what for. */
export interface CodeFrom {
  readonly address: string
  /** A network; the account pages when left out. */
  readonly network?: {
    readonly name: string
    readonly method: string
    readonly device: string | null
    readonly detail: AuthEvent['detail']
  }
}

interface By {
  readonly proof: FactorProof
  readonly actor: Actor
}

interface Parts {
  readonly store: SecondFactorStore
  readonly failures: Pick<Failures, 'findBlocked' | 'beginTry' | 'recordFailure' | 'recordSuccess'>
  readonly events: AuthEventSink
  /** What she is told by mail; null when nothing is sent. */
  readonly notice: (person: Person, news: FactorNews) => Promise<NewMail | null>
  readonly nowMs?: () => number
}

/** Codes people prove themselves with beside a password, on the account pages and at VPNs. */
export class SecondFactors {
  readonly #parts: Parts
  readonly #nowMs: () => number

  constructor(parts: Parts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
  }

  find({ id }: Person): Promise<Totp | null> {
    return this.#parts.store.findTotp(id)
  }

  /**
   * Counts from here on, if the code shows that her app has the secret. The recovery codes are to be
   * shown this once; null for a wrong code, `'stale'` when the proof no longer holds.
   *
   * @throws {DirectoryError} `DIRECTORY_CONFLICT` for whoever has one
   */
  async add(
    person: Person,
    { secret, code }: { readonly secret: Buffer; readonly code: string },
    by: By,
  ): Promise<{ readonly codes: readonly string[]; readonly written: Written } | null | 'stale'> {
    const step = findTotpStep(secret, withoutGaps(code), this.#nowMs())
    if (step === null) return null
    const { codes, digests } = makeRecoveryCodes()
    const notice = await this.#parts.notice(person, 'totp-added')
    const written = await this.#parts.store.addTotp(
      { principalId: person.id, secret, step, recoveryCodes: digests, proof: by.proof, notice },
      by.actor,
    )
    return written === null ? 'stale' : { codes, written }
  }

  /** Takes a code, or a recovery code, which is good once. Wrong ones slow her down, and lock. */
  async check(person: Person, code: string, from: CodeFrom): Promise<Checked> {
    const { failures } = this.#parts
    const key = keyOf(person, from)
    const blocked = failures.findBlocked(key)
    const endTry = failures.beginTry(key)
    try {
      const checked: Checked =
        blocked === null ? await this.#take(person, code) : { ok: false, why: blocked }
      if (checked.ok) failures.recordSuccess(key)
      else if (isGuess(checked)) failures.recordFailure(key)
      this.#record(person, checked, from)
      return checked
    } finally {
      endTry()
    }
  }

  /** To be shown this once. Null when the proof no longer holds, or there is nothing to recover. */
  async makeRecoveryCodes(
    person: Person,
    by: By,
  ): Promise<{ readonly codes: readonly string[]; readonly written: Written } | null> {
    const { codes, digests } = makeRecoveryCodes()
    const notice = await this.#parts.notice(person, 'recovery-codes-made')
    const { id: principalId } = person
    const change = { principalId, recoveryCodes: digests, proof: by.proof, notice }
    const written = await this.#parts.store.replaceRecoveryCodes(change, by.actor)
    return written === null || written.changed === 0 ? null : { codes, written }
  }

  /** Null when the proof no longer holds; 0 changed where there was none. */
  async remove(person: Person, by: By): Promise<Written | null> {
    const notice = await this.#parts.notice(person, 'totp-removed')
    const change = { principalId: person.id, proof: by.proof, notice }
    return await this.#parts.store.removeTotp(change, by.actor)
  }

  async #take(person: Person, typed: string): Promise<Checked> {
    const code = withoutGaps(typed)
    if (code === '') return { ok: false, why: 'code-missing' }
    const recovery = readGeneratedPassword(code)
    if (recovery !== null) return await this.#takeRecoveryCode(person, recovery)
    const { store } = this.#parts
    const held = await store.readTotpSecret(person.id)
    if (held === null) return { ok: false, why: 'no-factor' }
    try {
      const step = findTotpStep(held.secret, code, this.#nowMs())
      if (step === null) return { ok: false, why: 'wrong-code' }
      const isFirst = await store.takeStep(person.id, { id: held.id, step })
      return isFirst ? { ok: true, by: 'code' } : { ok: false, why: 'spent-code' }
    } finally {
      held.secret.fill(0)
    }
  }

  async #takeRecoveryCode(person: Person, code: string): Promise<Checked> {
    const notice = await this.#parts.notice(person, 'recovery-code-used')
    const use = { principalId: person.id, digest: digestSecret(code), notice }
    const actor = { name: `person:${person.username}`, reason: 'recovery code' }
    const taken = await this.#parts.store.takeRecoveryCode(use, actor)
    return taken === null ? { ok: false, why: 'wrong-code' } : { ok: true, by: 'recovery code' }
  }

  #record(person: Person, checked: Checked, { address, network }: CodeFrom): void {
    const method = checked.ok && checked.by === 'recovery code' ? 'recovery-code' : 'totp'
    this.#parts.events.record({
      atMs: this.#nowMs(),
      outcome: checked.ok ? 'success' : 'denied',
      reason: checked.ok ? null : checked.why,
      resourceKind: network === undefined ? 'account' : 'network',
      resourceName: network?.name ?? null,
      method: network === undefined ? method : `${network.method}+${method}`,
      principalId: person.id,
      name: person.username,
      address,
      device: network?.device ?? null,
      detail: network?.detail ?? null,
    })
  }
}

/** What could have let her in, had it been luckier. */
function isGuess({ why }: { readonly why: CodeDenial }): boolean {
  return why === 'wrong-code' || why === 'spent-code'
}

function keyOf({ id: principalId }: Person, { network }: CodeFrom) {
  return network === undefined
    ? { principalId, resourceKind: CODE_KIND, device: '' }
    : { principalId, resourceKind: NETWORK_CODE_KIND, device: network.device ?? '' }
}

function makeRecoveryCodes() {
  const codes = Array.from({ length: RECOVERY_CODES }, makeGeneratedPassword)
  return { codes, digests: codes.map((code) => digestSecret(code)) }
}

/** Apps show codes in groups. */
function withoutGaps(typed: string): string {
  return typed.replaceAll(/[\s-]/g, '')
}
