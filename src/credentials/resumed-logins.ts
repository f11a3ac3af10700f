import { decide } from '../access/decide.ts'
import type { Directory, Freshness } from '../directory/directory.ts'
import type { CredentialId, PrincipalId } from '../directory/id.ts'
import type { AuthEventSink } from '../observe/auth-event.ts'
import {
  AuthenticationUnavailable,
  type Denial,
  type Outcome,
  type Proved,
  type ResumableLogins,
  type ResumedAttempt,
} from './authenticate.ts'
import type { CredentialIndex } from './credential-index.ts'
import { type DelegatedPasswords, noDelegation } from './delegated-password.ts'
import { recordedName } from './login-name.ts'

export interface ResumedLoginsParts {
  readonly directory: Directory
  readonly credentials: CredentialIndex
  readonly delegated?: DelegatedPasswords
  readonly events: AuthEventSink
  readonly freshness: () => Freshness
  readonly nowMs?: () => number
}

/** What a token says: it never leaves this process, so it is plain. */
interface Token {
  readonly principalId: PrincipalId
  /** Hers that the session ends with; the stamp says whether it is still good. */
  readonly credentialId?: CredentialId
  readonly stamp: number
  readonly allowsNetworkPasswords: boolean
  readonly atMs: number
}

/**
 * Log-ins by password whose TLS session is resumed. Nothing is proved anew, so the person's
 * credentials must be the very ones she came with, and the directory is asked as for any log-in.
 */
export class ResumedLogins implements ResumableLogins {
  readonly #directory: Directory
  readonly #credentials: CredentialIndex
  readonly #delegated: DelegatedPasswords
  readonly #events: AuthEventSink
  readonly #freshness: () => Freshness
  readonly #nowMs: () => number

  constructor(parts: ResumedLoginsParts) {
    this.#directory = parts.directory
    this.#credentials = parts.credentials
    this.#delegated = parts.delegated ?? noDelegation
    this.#events = parts.events
    this.#freshness = parts.freshness
    this.#nowMs = parts.nowMs ?? Date.now
  }

  remember({ who: { value }, credentialId, stamp }: Proved): string | null {
    if (stamp === undefined) return null
    const person = this.#directory.entryById(value.id)
    if (person?.value.kind !== 'person') return null
    // Where a password is checked elsewhere, nobody here learns that it was changed.
    if (this.#delegated.find({ ...person, value: person.value }) !== null) return null
    const token: Token = {
      principalId: value.id,
      ...(credentialId === undefined ? {} : { credentialId }),
      // As it was when she was checked: what has changed since then ends the session.
      stamp,
      allowsNetworkPasswords: this.#directory.settings.allowNetworkPasswords,
      atMs: this.#nowMs(),
    }
    return JSON.stringify(token)
  }

  isCurrent(token: string): boolean {
    return this.#isCurrent(JSON.parse(token) as Token)
  }

  resume(attempt: ResumedAttempt): Outcome {
    if (this.#freshness() === 'too-stale') throw new AuthenticationUnavailable('stale')
    const token = JSON.parse(attempt.token) as Token
    const outcome = this.#judge(token, attempt)
    this.#record(attempt, token, outcome.ok ? null : outcome.denial)
    return outcome
  }

  #judge(token: Token, { resource }: ResumedAttempt): Outcome {
    const person = this.#directory.entryById(token.principalId)
    if (person?.value.kind !== 'person') return { ok: false, denial: 'deleted' }
    const who = { ...person, value: person.value }
    const decision = decide(this.#directory, who, resource)
    if (!decision.ok) return decision
    if (!this.#isCurrent(token)) return { ok: false, denial: 'credential-changed' }
    const { credentialId } = token
    const outcome = { ok: true, who, grant: decision.grant } as const
    return credentialId === undefined ? outcome : { ...outcome, credentialId }
  }

  #isCurrent({ principalId, stamp, allowsNetworkPasswords, atMs }: Token): boolean {
    const candidates = this.#credentials.candidatesFor(principalId)
    if (candidates.stamp !== stamp) return false
    if (this.#directory.settings.allowNetworkPasswords !== allowsNetworkPasswords) return false
    const nowMs = this.#nowMs()
    const { primary, generated } = candidates
    // One that has ended meanwhile may be the one she came with.
    return ![primary, ...generated].some((credential) => {
      const expiresAtMs = credential?.expiresAtMs ?? null
      return expiresAtMs !== null && expiresAtMs > atMs && expiresAtMs <= nowMs
    })
  }

  #record(attempt: ResumedAttempt, { principalId }: Token, denial: Denial | null): void {
    const { resource, method, address, device, detail, name } = attempt
    this.#events.record({
      atMs: this.#nowMs(),
      outcome: denial === null ? 'success' : 'denied',
      reason: denial,
      resourceKind: resource.kind,
      resourceName: resource.kind === 'network' ? resource.network.name : null,
      method,
      principalId,
      name: recordedName(name),
      address,
      device,
      detail: detail ?? null,
    })
  }
}
