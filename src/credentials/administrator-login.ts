import type { Directory } from '../directory/directory.ts'
import { canSignIn } from '../directory/hold.ts'
import type { Administrator } from '../directory/service.ts'
import type { AuthEvent } from '../observe/auth-event.ts'
import type { AdministratorAttempt, AdministratorOutcome } from './authenticate.ts'
import type { Claim } from './claim.ts'
import type { CredentialIndex } from './credential-index.ts'
import type { Answer, Denied, Login } from './login.ts'
import { foldLoginName, recordedName } from './login-name.ts'

type Yes = Extract<AdministratorOutcome, { ok: true }>

/** An administrator's try at the console; the Unix socket asks for no password and stays open. */
export class AdministratorLogin implements Login<Yes> {
  readonly name: string
  readonly password: Buffer
  readonly address: string
  readonly resourceKind = 'admin'
  readonly isAddressLimited = true
  readonly isFirstStep = false
  readonly #directory: Directory
  readonly #credentials: CredentialIndex
  readonly #attempt: AdministratorAttempt
  #found: Administrator | null = null

  constructor(directory: Directory, credentials: CredentialIndex, attempt: AdministratorAttempt) {
    this.#directory = directory
    this.#credentials = credentials
    this.#attempt = attempt
    this.name = foldLoginName(attempt.username)
    this.password = attempt.password
    this.address = attempt.address
  }

  find(): Claim | null {
    this.#found = this.#directory.administratorByName(this.name)
    if (this.#found === null) return null
    return {
      principalId: this.#found.id,
      principalVersion: this.#found.version,
      candidates: this.#credentials.candidatesFor(this.#found.id),
      clientId: null,
      takesNetworkPassword: false,
      // Administrators are of this place, whatever becomes of a source.
      delegation: null,
      resourceKind: 'admin',
      device: '',
    }
  }

  decide(): Yes | Denied {
    const who = this.#found
    if (who === null) return { ok: false, denial: 'deleted' }
    if (canSignIn(who)) return { ok: true, who }
    return { ok: false, denial: who.lifecycle === 'active' ? 'held' : who.lifecycle }
  }

  describe(answer: Answer): AuthEvent {
    const { username, method, address } = this.#attempt
    return {
      atMs: answer.atMs,
      outcome: answer.outcome,
      reason: answer.reason,
      resourceKind: 'admin',
      resourceName: null,
      method,
      principalId: answer.principalId,
      name: recordedName(username),
      address,
      device: null,
      detail: null,
    }
  }
}
