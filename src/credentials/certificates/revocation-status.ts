import type { Freshness } from '../../directory/directory.ts'
import { DAY_MS } from './authority.ts'
import type { ClientTrustIndex } from './client-trust.ts'
import { makeCrl, type RevokedSerial } from './crl.ts'
import { type CertificateStatus, OcspResponder, ocspFailure, readOcspRequest } from './ocsp.ts'

/** What whoever checks elsewhere may believe a list for. */
const CRL_VALID_MS = 7 * DAY_MS
/** Made anew this often even though nothing was revoked, so that no list is near its end. */
const CRL_RENEW_MS = 60 * 60_000
/** One more list after its end has to name it (RFC 5280 §3.3). */
const KEPT_AFTER_END_MS = CRL_VALID_MS
/** Signatures of answers a second, of one daemon; beyond that it says to try later. */
const MAX_SIGNED_A_SECOND = 200

interface MadeCrl {
  readonly bytes: Buffer
  readonly stamp: string
  readonly madeAtMs: number
}

/**
 * Tells whoever asks which certificates of our own authority are revoked: as a CRL and by OCSP. Every
 * daemon makes both from memory, signed by the one authority, so that they say what log-ins go by.
 */
export class RevocationStatus {
  readonly #trust: ClientTrustIndex
  readonly #freshness: () => Freshness
  readonly #nowMs: () => number
  #crl: MadeCrl | null = null
  #responder: { readonly fingerprint: string; readonly responder: OcspResponder } | null = null
  #second = 0
  #signed = 0

  constructor(parts: {
    readonly trust: ClientTrustIndex
    readonly freshness: () => Freshness
    readonly nowMs?: () => number
  }) {
    this.#trust = parts.trust
    this.#freshness = parts.freshness
    this.#nowMs = parts.nowMs ?? Date.now
  }

  /** DER of our own authority's certificate; null while it has issued nothing. */
  authority(): Buffer | null {
    return this.#trust.own()?.certificate.raw ?? null
  }

  /** DER; null while there is no authority, `stale` when nobody knows what was revoked of late. */
  crl(): Buffer | 'stale' | null {
    const own = this.#trust.own()
    if (own === null) return null
    if (this.#freshness() === 'too-stale') return 'stale'
    const nowMs = this.#nowMs()
    const stamp = `${own.value.fingerprint} ${this.#trust.revocationStamp}`
    const made = this.#crl
    if (made?.stamp === stamp && nowMs - made.madeAtMs < CRL_RENEW_MS) return made.bytes
    const bytes = makeCrl(own, {
      revoked: this.#revoked(own.value.id, nowMs),
      thisUpdateMs: nowMs,
      nextUpdateMs: nowMs + CRL_VALID_MS,
      // Time, so that it grows over all daemons, restarts and restores.
      number: nowMs,
    })
    this.#crl = { bytes, stamp, madeAtMs: nowMs }
    return bytes
  }

  /** DER of the answer to an OCSP request, whatever came. */
  ocsp(request: Buffer): Buffer {
    const own = this.#trust.own()
    if (own === null) return ocspFailure('unauthorized')
    const asked = readOcspRequest(request)
    if (asked === null) return ocspFailure('malformed')
    const nowMs = this.#nowMs()
    if (this.#freshness() === 'too-stale' || !this.#maySign(nowMs)) return ocspFailure('tryLater')
    if (this.#responder?.fingerprint !== own.value.fingerprint)
      this.#responder = {
        fingerprint: own.value.fingerprint,
        responder: new OcspResponder(own),
      }
    return this.#responder.responder.answer(asked, nowMs, (serial) => this.#statusOf(serial))
  }

  #statusOf(serial: string): CertificateStatus {
    const found = this.#trust.bySerial(serial)
    if (found === null) return { is: 'unknown' }
    const { revokedAtMs, reason } = found
    if (revokedAtMs === null) return { is: 'good' }
    return { is: 'revoked', atMs: revokedAtMs, reason: reason ?? 'unspecified' }
  }

  #revoked(authorityId: string, nowMs: number): readonly RevokedSerial[] {
    return [...this.#trust.revoked()].flatMap((one) =>
      one.authorityId !== authorityId ||
      one.revokedAtMs === null ||
      one.notAfterMs + KEPT_AFTER_END_MS < nowMs
        ? []
        : [{ serial: one.serial, atMs: one.revokedAtMs, reason: one.reason ?? 'unspecified' }],
    )
  }

  #maySign(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#signed = 0
    }
    this.#signed += 1
    return this.#signed <= MAX_SIGNED_A_SECOND
  }
}
