import type { Change, EntityKind, Position } from '../directory/change.ts'
import type { Credential, CredentialChange } from '../directory/credential.ts'
import type { Follower } from '../directory/directory.ts'
import type { PrincipalId } from '../directory/id.ts'

/** What a password may be checked against, for one principal at one service. */
export interface Candidates {
  /**
   * Stands for the ids and versions of these credentials: no other set, and no later state of this
   * one, ever has the same number in this process.
   */
  readonly stamp: number
  readonly primary: Credential | null
  /** Generated passwords: those of the principal itself, and app passwords for the service. */
  readonly generated: readonly Credential[]
}

interface Known {
  readonly common: Candidates
  /** For services with an app password of their own; all others see what is common. */
  readonly byService: ReadonlyMap<string, Candidates>
}

const NO_SERVICES: ReadonlyMap<string, Candidates> = new Map()

/** Every credential in memory, by principal and, for tokens, by digest. It follows the journal. */
export class CredentialIndex implements Follower {
  readonly name = 'credentials'
  readonly kinds = ['credential'] as const
  readonly #byId = new Map<string, Credential>()
  readonly #byPrincipal = new Map<string, Map<string, Credential>>()
  readonly #tokens = new Map<string, Credential>()
  /** Apart from the rest: it is no candidate, and one more of it changes nothing about the others. */
  readonly #remembered = new Map<string, Credential>()
  /** Built when first asked for, forgotten when a credential of the principal changes. */
  readonly #known = new Map<string, Known>()
  #position: Position | null = null
  #lastStamp = 0

  get position(): Position | null {
    return this.#position
  }

  get size(): number {
    return this.#byId.size
  }

  versions(kind: EntityKind | 'credential'): ReadonlyMap<string, number> {
    const versions = new Map<string, number>()
    if (kind !== 'credential') return versions
    for (const [id, credential] of this.#byId) versions.set(id, credential.version)
    return versions
  }

  apply(changes: readonly (Change | CredentialChange)[]): void {
    for (const change of changes) {
      if (change.kind === 'credential') this.#applyOne(change)
    }
  }

  reached(position: Position): void {
    this.#position = position
  }

  /** @param serviceId the LDAP client through which somebody signs in; null where there is none */
  candidatesFor(principalId: PrincipalId, serviceId: PrincipalId | null): Candidates {
    const known = this.#known.get(principalId) ?? this.#learn(principalId)
    return (serviceId === null ? undefined : known.byService.get(serviceId)) ?? known.common
  }

  /** By the digest that `digestSecret` makes of a token. */
  findToken(digest: string): Credential | null {
    return this.#tokens.get(digest) ?? null
  }

  /** What a source has found right for this person; {@link RememberedPasswords} says if it serves. */
  rememberedPasswordOf(principalId: PrincipalId): Credential | null {
    return this.#remembered.get(principalId) ?? null
  }

  #learn(principalId: PrincipalId): Known {
    const own = [...(this.#byPrincipal.get(principalId)?.values() ?? [])]
    const byService = new Map<string, Candidates>()
    for (const { type, serviceId } of own) {
      if (type !== 'app-password' || serviceId === null || byService.has(serviceId)) continue
      byService.set(serviceId, this.#makeCandidates(own, serviceId))
    }
    const common = this.#makeCandidates(own, null)
    const known = { common, byService: byService.size === 0 ? NO_SERVICES : byService }
    this.#known.set(principalId, known)
    return known
  }

  #makeCandidates(own: readonly Credential[], serviceId: PrincipalId | null): Candidates {
    this.#lastStamp += 1
    let primary: Credential | null = null
    const generated: Credential[] = []
    for (const credential of own) {
      if (credential.type === 'primary-password') primary = credential
      else if (credential.type === 'generated-secret') generated.push(credential)
      else if (isAppPasswordFor(credential, serviceId)) generated.push(credential)
    }
    return { stamp: this.#lastStamp, primary, generated }
  }

  #applyOne(change: CredentialChange): void {
    const held = this.#byId.get(change.id)
    if (change.value === null) {
      if (held !== undefined) this.#remove(held)
      return
    }
    if (held !== undefined && held.version >= change.value.version) return
    if (held !== undefined) this.#remove(held)
    this.#add(change.value)
  }

  #add(credential: Credential): void {
    this.#byId.set(credential.id, credential)
    if (credential.type === 'source-password') {
      this.#remembered.set(credential.principalId, credential)
      return
    }
    const own = this.#byPrincipal.get(credential.principalId)
    if (own === undefined) {
      this.#byPrincipal.set(credential.principalId, new Map([[credential.id, credential]]))
    } else own.set(credential.id, credential)
    if (credential.type === 'token') this.#tokens.set(credential.verifier, credential)
    this.#known.delete(credential.principalId)
  }

  #remove(credential: Credential): void {
    this.#byId.delete(credential.id)
    if (credential.type === 'source-password') {
      this.#remembered.delete(credential.principalId)
      return
    }
    const own = this.#byPrincipal.get(credential.principalId)
    own?.delete(credential.id)
    if (own?.size === 0) this.#byPrincipal.delete(credential.principalId)
    if (this.#tokens.get(credential.verifier) === credential) {
      this.#tokens.delete(credential.verifier)
    }
    this.#known.delete(credential.principalId)
  }
}

function isAppPasswordFor(credential: Credential, serviceId: PrincipalId | null): boolean {
  return (
    serviceId !== null && credential.type === 'app-password' && credential.serviceId === serviceId
  )
}
