import type { AnyChange, FollowedKind, Position } from '../directory/change.ts'
import type { Credential, CredentialChange } from '../directory/credential.ts'
import type { Follower } from '../directory/directory.ts'
import type { PrincipalId } from '../directory/id.ts'

/** What a principal's password may be checked against. */
export interface Candidates {
  /**
   * Stands for the ids and versions of these credentials: no other set, and no later state of this
   * one, ever has the same number in this process.
   */
  readonly stamp: number
  readonly primary: Credential | null
  /** Generated ones, wherever they are good: which of them serves is asked of the one that fits. */
  readonly generated: readonly Credential[]
}

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
  readonly #known = new Map<string, Candidates>()
  #position: Position | null = null
  #lastStamp = 0

  get position(): Position | null {
    return this.#position
  }

  get size(): number {
    return this.#byId.size
  }

  versions(kind: FollowedKind): ReadonlyMap<string, number> {
    const versions = new Map<string, number>()
    if (kind !== 'credential') return versions
    for (const [id, credential] of this.#byId) versions.set(id, credential.version)
    return versions
  }

  apply(changes: readonly AnyChange[]): void {
    for (const change of changes) {
      if (change.kind === 'credential') this.#applyOne(change)
    }
  }

  reached(position: Position): void {
    this.#position = position
  }

  candidatesFor(principalId: PrincipalId): Candidates {
    return this.#known.get(principalId) ?? this.#learn(principalId)
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** By the digest that `digestSecret` makes of a token. */
  findToken(digest: string): Credential | null {
    return this.#tokens.get(digest) ?? null
  }

  /** What a source has found right for this person; {@link RememberedPasswords} says if it serves. */
  rememberedPasswordOf(principalId: PrincipalId): Credential | null {
    return this.#remembered.get(principalId) ?? null
  }

  #learn(principalId: PrincipalId): Candidates {
    this.#lastStamp += 1
    let primary: Credential | null = null
    const generated: Credential[] = []
    for (const credential of this.#byPrincipal.get(principalId)?.values() ?? []) {
      if (credential.type === 'primary-password') primary = credential
      else if (credential.type !== 'token') generated.push(credential)
    }
    const candidates = { stamp: this.#lastStamp, primary, generated }
    this.#known.set(principalId, candidates)
    return candidates
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
