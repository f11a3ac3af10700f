import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { defaultSessionLimits, type SessionLimits, SessionStore } from './tls-sessions.ts'

export interface TlsCertificate {
  /** Leaf first, then intermediates; PEM. */
  readonly certificate: string | Buffer
  readonly key: string | Buffer
}

export interface TlsSettings {
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** PEM of the authorities whose clients may come by EAP-TLS; never a public one. */
  readonly authorities?: readonly string[]
  /** PEM. OpenSSL then wants a list in force of every authority in a chain. */
  readonly revocationLists?: readonly string[]
  readonly sessions?: Partial<SessionLimits>
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number
}

/**
 * The TLS of the tunnelled methods: certificate, versions, whose clients are believed, and the
 * sessions made with them, which end with it. A method has a context of its own, since a session of
 * one must not be good in another (RFC 9427 §4).
 */
export class TlsContext {
  readonly sessions: SessionStore
  readonly #certificate: TlsCertificate
  readonly #settings: TlsSettings
  readonly #byType = new Map<number, SecureContext>()

  constructor(certificate: TlsCertificate, settings: TlsSettings = {}) {
    this.#certificate = certificate
    this.#settings = settings
    this.sessions = new SessionStore(
      { ...defaultSessionLimits, ...settings.sessions },
      settings.nowMs,
    )
  }

  /** Of one EAP type; made when first asked for, which takes about 2 ms. */
  for(type: number): SecureContext {
    const held = this.#byType.get(type)
    if (held !== undefined) return held
    const made = this.#make(type)
    this.#byType.set(type, made)
    return made
  }

  /**
   * Tickets are off: one is handed out before anybody has said who she is, and OpenSSL would take it
   * back without asking (RFC 9427 §6.1; CVE-2017-9148). With them off a session has an id in TLS 1.3
   * as well, by which it can be found in a store, or not.
   */
  #make(type: number): SecureContext {
    const { minVersion, maxVersion, authorities = [], revocationLists = [] } = this.#settings
    return createSecureContext({
      cert: this.#certificate.certificate,
      key: this.#certificate.key,
      minVersion: minVersion ?? 'TLSv1.2',
      maxVersion: maxVersion ?? 'TLSv1.3',
      honorCipherOrder: true,
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
      sessionIdContext: `eap-${type}`,
      sessionTimeout: Math.ceil(this.sessions.lifetimeMs / 1000),
      // Without a list, even an empty one, Node would trust its own public authorities.
      ca: [...authorities],
      // What is trusted is mostly an issuing authority, without the root above it.
      allowPartialTrustChain: true,
      ...(revocationLists.length === 0 ? {} : { crl: [...revocationLists] }),
    })
  }
}

export function makeTlsContext(certificate: TlsCertificate, settings?: TlsSettings): TlsContext {
  return new TlsContext(certificate, settings)
}
