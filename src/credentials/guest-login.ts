import { decideGuest } from '../access/guest.ts'
import type { Directory } from '../directory/directory.ts'
import { GUEST_PREFIX, type Guest, type GuestSecret } from '../directory/guest.ts'
import type { CredentialId } from '../directory/id.ts'
import type { Network } from '../directory/network.ts'
import type { AuthEvent } from '../observe/auth-event.ts'
import { AuthenticationUnavailable, type Claimant, type Outcome } from './authenticate.ts'
import type { Claim } from './claim.ts'
import type { Candidates } from './credential-index.ts'
import { describeAnswer } from './entry-login.ts'
import { digestSecret } from './generated-secret.ts'
import type { Answer, Denied, Login } from './login.ts'
import { foldLoginName } from './login-name.ts'

type Yes = Extract<Outcome, { ok: true }>

interface GuestLoginParts {
  readonly directory: Directory
  readonly nowMs?: () => number
}

/** Of the very guest that is in memory: one that was changed is another, with another stamp. */
const known = new WeakMap<Guest, Candidates>()
/** Counts down, where those of credentials count up. */
let lastStamp = 0

/**
 * A guest's try to get into a network. Every name that begins as guests' do and is no person's is
 * tried here, whether a guest has it or not, so that both are answered by the same steps.
 */
export class GuestLogin implements Login<Yes> {
  readonly name: string
  readonly password: Buffer
  readonly address: string
  readonly resourceKind = 'network'
  /** A NAS asks for many. */
  readonly isAddressLimited = false
  readonly isFirstStep: boolean
  readonly #directory: Directory
  readonly #nowMs: () => number
  readonly #claimant: Claimant
  readonly #network: Network
  #found: Guest | null = null

  private constructor(
    { directory, nowMs = Date.now }: GuestLoginParts,
    claimant: Claimant,
    shown: { readonly name: string; readonly password: Buffer; readonly network: Network },
  ) {
    this.#directory = directory
    this.#nowMs = nowMs
    this.#claimant = claimant
    this.#network = shown.network
    this.name = shown.name
    this.password = shown.password
    this.address = claimant.address
    this.isFirstStep = claimant.isFirstStep === true
  }

  /**
   * Null when the claim is none of a guest.
   *
   * @param password empty where something else is shown
   */
  static of(parts: GuestLoginParts, claimant: Claimant, password: Buffer): GuestLogin | null {
    const { subject, resource } = claimant
    if (resource.kind !== 'network' || subject.by !== 'login-name') return null
    // Nearly everybody is a person, and needs no folding twice.
    if (!subject.name.slice(0, GUEST_PREFIX.length).toLowerCase().startsWith(GUEST_PREFIX))
      return null
    const name = foldLoginName(subject.name)
    if (parts.directory.personByLoginName(name) !== null) return null
    return new GuestLogin(parts, claimant, { name, password, network: resource.network })
  }

  /** Of the guest found last; null without one. */
  get secret(): GuestSecret | null {
    return this.#found?.secret ?? null
  }

  /** @throws {AuthenticationUnavailable} when there is nothing to check a password with */
  find(): Claim | null {
    this.#found = this.#directory.guestByName(this.name)
    if (this.#found === null) return null
    const { id, version, secret } = this.#found
    if (secret === null) throw new AuthenticationUnavailable('database', { principalId: id })
    return {
      principalId: id,
      principalVersion: version,
      candidates: candidatesOf(this.#found, secret),
      clientId: null,
      takesNetworkPassword: false,
      delegation: null,
      resourceKind: 'network',
      device: this.#claimant.device ?? '',
    }
  }

  decide(): Yes | Denied {
    const guest = this.#found
    if (guest === null) return { ok: false, denial: 'deleted' }
    const at = { network: this.#network, atMs: this.#nowMs() }
    const decision = decideGuest(this.#directory, guest, at)
    return decision.ok ? { ok: true, who: { value: guest }, grant: decision.grant } : decision
  }

  describe(answer: Answer): AuthEvent {
    return describeAnswer(this.#claimant, answer)
  }
}

/** Its password is generated, so it is checked as what is generated for machines is. */
function candidatesOf(guest: Guest, { password }: GuestSecret): Candidates {
  const made = known.get(guest)
  if (made !== undefined) return made
  lastStamp -= 1
  const candidates: Candidates = {
    stamp: lastStamp,
    primary: null,
    generated: [
      {
        kind: 'credential',
        id: guest.id as string as CredentialId,
        principalId: guest.id,
        version: guest.version,
        type: 'generated-secret',
        label: 'guest',
        // Made here and kept nowhere: what is kept of a guest's password is sealed.
        verifier: digestSecret(password),
        principalVersion: null,
        uses: [],
        serviceId: null,
        expiresAtMs: null,
        isTemporary: false,
        createdAtMs: guest.createdAtMs,
      },
    ],
  }
  known.set(guest, candidates)
  return candidates
}
