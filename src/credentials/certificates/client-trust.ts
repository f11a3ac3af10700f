import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { AnyChange, FollowedKind, Position } from '../../directory/change.ts'
import type { ClientAuthority, ClientCertificate } from '../../directory/client-certificate.ts'
import type { Follower } from '../../directory/directory.ts'
import type { CredentialId, PrincipalId } from '../../directory/id.ts'
import type { ClientTrust } from '../authenticate.ts'
import { plainSerial, type RevocationList, readCrl } from './crl.ts'
import { isForeignId, RevokedNames } from './foreign-id.ts'

/** An authority, ready for use. */
export interface TrustedAuthority {
  readonly value: ClientAuthority
  readonly certificate: X509Certificate
  /** Null for a company's own. */
  readonly privateKey: KeyObject | null
  /** Null while it has none; then nothing of it counts as revoked. */
  readonly crl: RevocationList | null
}

/** Authorities for clients' certificates and what our own issued, in memory; it follows the journal. */
export class ClientTrustIndex implements Follower {
  readonly name = 'client certificates'
  readonly kinds = ['client-authority', 'client-certificate'] as const
  readonly #authorities = new Map<string, TrustedAuthority>()
  readonly #certificates = new Map<string, ClientCertificate>()
  readonly #byFingerprint = new Map<string, ClientCertificate>()
  readonly #bySerial = new Map<string, ClientCertificate>()
  readonly #byPrincipal = new Map<string, Map<string, ClientCertificate>>()
  /** Made of a list when a session is first asked about. */
  readonly #revokedNames = new WeakMap<RevocationList, RevokedNames>()
  readonly #revoked = new Map<string, ClientCertificate>()
  #position: Position | null = null
  #authorityStamp = 0
  #revocationStamp = 0
  #trust: ClientTrust = { version: '0', authorities: [], revocationLists: [] }

  get position(): Position | null {
    return this.#position
  }

  /** For TLS; what was revoked is for the way in to say, in words. */
  get trust(): ClientTrust {
    return this.#trust
  }

  /** Grows with each change of an authority, so that what was learnt with one before is let go. */
  get authorityStamp(): number {
    return this.#authorityStamp
  }

  /** Grows with each certificate of our own that is revoked or forgotten. */
  get revocationStamp(): number {
    return this.#revocationStamp
  }

  versions(kind: FollowedKind): ReadonlyMap<string, number> {
    if (kind === 'client-certificate')
      return new Map([...this.#certificates].map(([id, { version }]) => [id, version]))
    if (kind !== 'client-authority') return new Map()
    return new Map([...this.#authorities].map(([id, { value }]) => [id, value.version]))
  }

  apply(changes: readonly AnyChange[]): void {
    const before = this.#authorityStamp
    for (const change of changes) {
      if (change.kind === 'client-authority')
        this.#applyAuthority(change.id, change.value as ClientAuthority | null)
      else if (change.kind === 'client-certificate')
        this.#applyCertificate(change.id, change.value as ClientCertificate | null)
    }
    if (this.#authorityStamp !== before) this.#renewTrust()
  }

  reached(position: Position): void {
    this.#position = position
  }

  /** In the order of their names. */
  authorities(): readonly TrustedAuthority[] {
    return [...this.#authorities.values()].toSorted((a, b) =>
      a.value.name < b.value.name ? -1 : 1,
    )
  }

  /** Our own; null until the first certificate is issued. */
  own(): (TrustedAuthority & { readonly privateKey: KeyObject }) | null {
    for (const authority of this.#authorities.values()) {
      const { privateKey } = authority
      if (privateKey !== null) return { ...authority, privateKey }
    }
    return null
  }

  byFingerprint(fingerprint: string): ClientCertificate | null {
    return this.#byFingerprint.get(fingerprint) ?? null
  }

  byId(id: string): ClientCertificate | null {
    return this.#certificates.get(id) ?? null
  }

  /** Whether a certificate that a session was opened with is good as far as lists go, whoever issued it. */
  isGood(id: CredentialId): boolean {
    if (!isForeignId(id)) return this.byId(id)?.revokedAtMs === null
    for (const { crl, value } of this.#authorities.values())
      if (crl !== null && this.#namesOf(crl, value).has(id)) return false
    return true
  }

  /** Of our own authority, by the serial number as `plainSerial` gives it. */
  bySerial(serial: string): ClientCertificate | null {
    return this.#bySerial.get(serial) ?? null
  }

  all(): Iterable<ClientCertificate> {
    return this.#certificates.values()
  }

  of(principalId: PrincipalId): readonly ClientCertificate[] {
    return [...(this.#byPrincipal.get(principalId)?.values() ?? [])]
  }

  revoked(): Iterable<ClientCertificate> {
    return this.#revoked.values()
  }

  #namesOf(crl: RevocationList, { id }: ClientAuthority): RevokedNames {
    const known = this.#revokedNames.get(crl)
    if (known !== undefined) return known
    const names = new RevokedNames(id, crl.revoked)
    this.#revokedNames.set(crl, names)
    return names
  }

  #applyAuthority(id: string, value: ClientAuthority | null): void {
    const held = this.#authorities.get(id)
    if (value === null) this.#authorities.delete(id)
    else if (held === undefined || held.value.version < value.version)
      this.#authorities.set(id, ready(value))
    else return
    this.#authorityStamp += 1
  }

  #applyCertificate(id: string, value: ClientCertificate | null): void {
    const held = this.#certificates.get(id)
    if (held !== undefined && value !== null && held.version >= value.version) return
    if (held !== undefined) this.#remove(held)
    if (value === null) return
    this.#certificates.set(id, value)
    this.#byFingerprint.set(value.fingerprint, value)
    this.#bySerial.set(plainSerial(value.serial), value)
    const hers = this.#byPrincipal.get(value.principalId) ?? new Map()
    this.#byPrincipal.set(value.principalId, hers.set(id, value))
    if (value.revokedAtMs === null) return
    this.#revoked.set(id, value)
    this.#revocationStamp += 1
  }

  #remove(held: ClientCertificate): void {
    this.#certificates.delete(held.id)
    this.#byFingerprint.delete(held.fingerprint)
    this.#bySerial.delete(plainSerial(held.serial))
    const hers = this.#byPrincipal.get(held.principalId)
    hers?.delete(held.id)
    if (hers?.size === 0) this.#byPrincipal.delete(held.principalId)
    if (this.#revoked.delete(held.id)) this.#revocationStamp += 1
  }

  #renewTrust(): void {
    const authorities = this.authorities().map(({ value }) => value.certificate)
    // A new CRL is no other trust: no session has to end for it.
    if (authorities.join() === this.#trust.authorities.join()) return
    this.#trust = { version: String(this.#authorityStamp), authorities, revocationLists: [] }
  }
}

function ready(value: ClientAuthority): TrustedAuthority {
  const certificate = new X509Certificate(value.certificate)
  return {
    value,
    certificate,
    privateKey: value.privateKey === null ? null : createPrivateKey(value.privateKey),
    // Looked at before it was stored: one that cannot be read now is a fault, and must be seen.
    crl: value.crl === null ? null : readCrl(value.crl, certificate),
  }
}
