import { createHash } from 'node:crypto'
import { decide } from '../access/decide.ts'
import type { ClientCertificate } from '../directory/client-certificate.ts'
import type { Directory, Freshness } from '../directory/directory.ts'
import type { CredentialId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import type { Entry } from '../directory/query.ts'
import type { AuthEvent, AuthEventSink } from '../observe/auth-event.ts'
import {
  AuthenticationUnavailable,
  type CertificateAttempt,
  type CertificateAuthenticator,
  type Denial,
  type Outcome,
} from './authenticate.ts'
import type { ClientTrustIndex, TrustedAuthority } from './certificates/client-trust.ts'
import {
  type ChainLink,
  type ForeignCertificate,
  KnownChains,
} from './certificates/known-chains.ts'
import { matchPerson } from './certificates/match.ts'
import { recordedName } from './login-name.ts'

type Note = Readonly<Record<string, string>>

/** Whose certificate it is, or why nobody's; with what the record says of it. */
type Found = { readonly note: Note } & (
  | {
      readonly ok: true
      readonly entry: Entry<Person>
      readonly credentialId?: CredentialId
    }
  | { readonly ok: false; readonly denial: Denial; readonly principalId: string | null }
)

/**
 * The one way in with a certificate, in the order of the passwords': may we answer, whose is it, is
 * it good, may she use this. It reads memory alone, so that what is revoked counts at the next try.
 */
export class ClientCertificateAuthenticator implements CertificateAuthenticator {
  readonly #directory: Directory
  readonly #trust: ClientTrustIndex
  readonly #chains: KnownChains
  readonly #events: AuthEventSink
  readonly #freshness: () => Freshness
  readonly #nowMs: () => number

  constructor(parts: {
    readonly directory: Directory
    readonly trust: ClientTrustIndex
    readonly events: AuthEventSink
    readonly freshness: () => Freshness
    readonly nowMs?: () => number
  }) {
    this.#directory = parts.directory
    this.#trust = parts.trust
    this.#chains = new KnownChains(parts.trust)
    this.#events = parts.events
    this.#freshness = parts.freshness
    this.#nowMs = parts.nowMs ?? Date.now
  }

  authenticateCertificate(attempt: CertificateAttempt): Outcome {
    const atMs = this.#nowMs()
    if (this.#freshness() === 'too-stale') {
      this.#record(
        attempt,
        { atMs, outcome: 'unavailable', reason: 'stale', principalId: null },
        {},
      )
      throw new AuthenticationUnavailable('stale')
    }
    const found = this.#find(attempt.chain, atMs)
    if (!found.ok) {
      const { denial, principalId, note } = found
      this.#record(attempt, { atMs, outcome: 'denied', reason: denial, principalId }, note)
      return { ok: false, denial }
    }
    const { entry: who, note } = found
    const principalId = who.value.id
    const decision = decide(this.#directory, who, attempt.resource)
    if (!decision.ok) {
      const reason = decision.denial
      this.#record(attempt, { atMs, outcome: 'denied', reason, principalId }, note)
      return decision
    }
    this.#record(attempt, { atMs, outcome: 'success', reason: null, principalId }, note)
    const { credentialId } = found
    const outcome = { ok: true, who, grant: decision.grant } as const
    return credentialId === undefined ? outcome : { ...outcome, credentialId }
  }

  #find(chain: readonly Buffer[], atMs: number): Found {
    const [leaf] = chain
    if (leaf === undefined) return nobody('certificate-untrusted')
    const fingerprint = createHash('sha256').update(leaf).digest('hex')
    const issued = this.#trust.byFingerprint(fingerprint)
    if (issued !== null) return this.#judgeIssued(issued, atMs)
    const foreign = this.#chains.find(fingerprint, chain)
    return foreign === null ? nobody('certificate-untrusted') : this.#judgeForeign(foreign, atMs)
  }

  #judgeIssued(issued: ClientCertificate, atMs: number): Found {
    const { principalId, serial, label } = issued
    const note = { certificate: serial, credentialLabel: label }
    const no = (denial: Denial): Found => ({ ok: false, denial, principalId, note })
    if (issued.revokedAtMs !== null) return no('certificate-revoked')
    const period = judgePeriod(issued, atMs)
    if (period !== null) return no(period)
    const entry = this.#directory.entryById(principalId)
    if (entry?.value.kind !== 'person') return no('deleted')
    return {
      ok: true,
      entry: entry as Entry<Person>,
      note,
      credentialId: issued.id as string as CredentialId,
    }
  }

  #judgeForeign(foreign: ForeignCertificate, atMs: number): Found {
    const { authority, serial, subject } = foreign
    const note = { certificate: serial, authority: authority.value.name, subject }
    // Our own authority's are on record, all of them: one that is not was made behind our back.
    const denial =
      authority.privateKey === null ? judgeForeign(foreign, atMs) : 'certificate-unknown'
    if (denial !== null) return { ...nobody(denial), note }
    const match = matchPerson(this.#directory, foreign)
    if (!match.ok) return { ...nobody(match.denial), note }
    const { credentialId } = foreign
    return credentialId === null ? { ...match, note } : { ...match, note, credentialId }
  }

  #record(
    attempt: CertificateAttempt,
    answer: Pick<AuthEvent, 'atMs' | 'outcome' | 'reason' | 'principalId'>,
    note: Note,
  ): void {
    const { resource, method, address, device, detail } = attempt
    this.#events.record({
      ...answer,
      resourceKind: resource.kind,
      resourceName: resource.kind === 'network' ? resource.network.name : null,
      method,
      name: recordedName(attempt.name),
      address,
      device,
      detail: { ...detail, ...note },
    })
  }
}

function nobody(denial: Denial): Extract<Found, { ok: false }> {
  return { ok: false, denial, principalId: null, note: {} }
}

function judgePeriod(
  { notBeforeMs, notAfterMs }: { readonly notBeforeMs: number; readonly notAfterMs: number },
  atMs: number,
): Denial | null {
  if (atMs < notBeforeMs) return 'certificate-not-yet-valid'
  return atMs > notAfterMs ? 'certificate-expired' : null
}

function judgeForeign(foreign: ForeignCertificate, atMs: number): Denial | null {
  const period = judgePeriod(foreign, atMs)
  if (period !== null) return period
  if (!foreign.mayAuthenticate) return 'certificate-usage'
  for (const link of foreign.links) {
    const denial = judgeLink(link, foreign.authority, atMs)
    if (denial !== null) return denial
  }
  return null
}

function judgeLink(
  { issuer, serial }: ChainLink,
  authority: TrustedAuthority,
  atMs: number,
): Denial | null {
  // Whoever wants revocation looked at must not lose it by an authority in between.
  if (issuer === null) return usesCrl(authority) ? 'certificate-list-missing' : null
  const { crl } = issuer
  // A list that is to be fetched and has not been yet may name her.
  if (crl === null) return usesCrl(issuer) ? 'certificate-list-expired' : null
  if (crl.nextUpdateMs !== null && crl.nextUpdateMs < atMs) return 'certificate-list-expired'
  return crl.revoked.has(serial) ? 'certificate-revoked' : null
}

function usesCrl({ crl, value }: TrustedAuthority): boolean {
  return crl !== null || value.crlUrl !== null
}
