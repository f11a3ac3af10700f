import { RadiusError } from '../errors.ts'
import { findNamedSession, type NamedSession } from './client-hello.ts'
import type { MethodFailure, TlsVersion } from './method.ts'
import { describeTlsFault, makeAlert, type TlsAlert } from './tls-alert.ts'
import type { TlsContext } from './tls-context.ts'
import { type KeyDerivation, type PeerCertificate, TlsEngine } from './tls-engine.ts'
import { ackFrame, decodeTlsFrame, Fragmenter, Reassembler, startFrame } from './tls-frame.ts'
import type { KeptSession } from './tls-sessions.ts'

/** All that a peer may send in one conversation, so that records without end cost little. */
const MAX_RECEIVED_BYTES = 128 * 1024

const nothing = Buffer.alloc(0)

export type CarrierStep =
  | { readonly kind: 'send'; readonly data: Buffer }
  /**
   * The handshake is done and nothing has come through the tunnel. Told once, where the carrier is
   * to stop there, and of every resumed session: the one whose peer it was is `resumed`.
   */
  | { readonly kind: 'established'; readonly resumed: KeptSession | null }
  /** The tunnel is up and this came out of it; empty when the peer only acknowledged. */
  | {
      readonly kind: 'tunnelled'
      readonly plaintext: Buffer
      /** The response was empty; bytes TLS makes nothing of, an alert among them, are none. */
      readonly isAck: boolean
    }
  | { readonly kind: 'failure'; readonly failure: MethodFailure }

export interface CarrierOptions {
  readonly tls: TlsContext
  /** EAP type: each has sessions of its own. */
  readonly type: number
  readonly version: number
  readonly maxDataBytes: number
  /** Largest TLS message of the peer, all fragments together. */
  readonly maxMessageBytes: number
  /** Whether a session the peer names may be resumed, as far as can be told before its key is shown. */
  readonly mayResume: ((kept: KeptSession) => boolean) | null
  /** Whether to ask the peer for a certificate, and to stop when the handshake is done. */
  readonly requestsCertificate?: boolean
}

/** What of a log-in is kept with its session. */
export type SessionOwner = Omit<KeptSession, 'session' | 'expiresAtMs'>

/** TLS in EAP frames: what EAP-TLS, EAP-TTLS and PEAP have in common. */
export class TlsCarrier {
  readonly #options: CarrierOptions
  readonly #outgoing: Fragmenter
  readonly #incoming: Reassembler
  #engine: TlsEngine | null = null
  #failure: MethodFailure | null = null
  #receivedBytes = 0
  #tls: TlsVersion | null = null
  /** Made together with inner data, such as tickets: it goes before whatever is sent next. */
  #held: Buffer = nothing
  #named: (NamedSession & { readonly kept: KeptSession }) | null = null

  constructor(options: CarrierOptions) {
    this.#options = options
    this.#outgoing = new Fragmenter(options.version, options.maxDataBytes)
    this.#incoming = new Reassembler(options.maxMessageBytes)
  }

  /** As agreed in the hellos; null before. It outlives the connection. */
  get tls(): TlsVersion | null {
    return this.#tls
  }

  get hasTunnel(): boolean {
    return this.#engine?.isEstablished === true
  }

  /** Whether the peer has sent a whole message of TLS. */
  get hasTls(): boolean {
    return this.#engine !== null
  }

  begin(): Buffer {
    return startFrame(this.#options.version)
  }

  /** @throws {RadiusError} `EAP_MALFORMED`, `EAP_TOO_LONG`, `EAP_UNEXPECTED` */
  async receive(data: Buffer): Promise<CarrierStep> {
    const frame = decodeTlsFrame(data)
    if (frame.version !== this.#options.version) {
      throw new RadiusError('EAP_UNEXPECTED', `version ${frame.version}`)
    }
    this.#receivedBytes += frame.data.length
    if (this.#receivedBytes > MAX_RECEIVED_BYTES) {
      throw new RadiusError('EAP_TOO_LONG', `peer sent above ${MAX_RECEIVED_BYTES} bytes`)
    }
    if (!this.#outgoing.isEmpty) {
      if (frame.data.length > 0) throw new RadiusError('EAP_UNEXPECTED', 'data instead of an ack')
      return { kind: 'send', data: this.#outgoing.next() }
    }
    // The peer has taken our alert, so the failure can be told (RFC 5216 §2.1.3).
    if (this.#failure !== null) return { kind: 'failure', failure: this.#failure }
    const message = this.#incoming.add(frame)
    if (message === null) return { kind: 'send', data: ackFrame(this.#options.version) }
    return this.#feed(message)
  }

  /** Sends this through the tunnel: the data of the next request. */
  async tunnel(plaintext: Buffer): Promise<Buffer> {
    const engine = this.#established()
    await engine.write(plaintext)
    this.#outgoing.load(Buffer.concat([this.#held, engine.takeOutput()]))
    this.#held = nothing
    return this.#outgoing.next()
  }

  /** Sends what the end of the handshake left to be sent; null when there is nothing. */
  proceed(): Buffer | null {
    if (this.#held.length === 0) return null
    this.#outgoing.load(this.#held)
    this.#held = nothing
    return this.#outgoing.next()
  }

  /**
   * Ends an established handshake with a failure. Where our Finished has not been sent yet, which is
   * in a full handshake of TLS 1.2, the peer is told why by an alert in its place; in TLS 1.3 Node
   * has no way to send one.
   */
  refuse(
    failure: MethodFailure,
    alert: TlsAlert,
  ): CarrierStep & { readonly kind: 'send' | 'failure' } {
    this.forgetSession()
    if (this.#held.length === 0 || this.tls !== '1.2') return { kind: 'failure', failure }
    this.#failure = failure
    this.#outgoing.load(makeAlert(alert))
    return { kind: 'send', data: this.#outgoing.next() }
  }

  readCertificate(): PeerCertificate {
    return this.#established().readCertificate()
  }

  /** Lets the peer come back with its session: call this when it has been let in, and never before. */
  keepSession(owner: SessionOwner): void {
    const { tls, type } = this.#options
    // However often it is resumed, it ends when the first would have.
    const expiresAtMs = this.#named?.kept.expiresAtMs ?? tls.sessions.expiry()
    for (const { id, session } of this.#established().takeIssued()) {
      tls.sessions.keep(type, id, { ...owner, session, expiresAtMs })
    }
  }

  /** Call this when a resumed session turned out not to be good any more. */
  forgetSession(): void {
    if (this.#named !== null) this.#options.tls.sessions.remove(this.#options.type, this.#named.id)
  }

  exportMsk(derivation: KeyDerivation): Buffer {
    return this.#established().exportMsk(derivation)
  }

  exportChallenge(label: string, length: number): Buffer {
    return this.#established().exportChallenge(label, length)
  }

  close(): void {
    this.#engine?.close()
  }

  async #feed(message: Buffer): Promise<CarrierStep> {
    this.#engine ??= this.#makeEngine(message)
    const engine = this.#engine
    const wasEstablished = engine.isEstablished
    if (message.length > 0) await engine.feed(message)
    const output = engine.takeOutput()
    if (engine.error !== null) return this.#fail(engine.error, output)
    this.#tls ??= engine.version
    if (!wasEstablished && engine.isEstablished && engine.isResumed) this.#spend()
    // RFC 9427 §3: in TLS 1.3 the first inner data may come with the peer's Finished.
    const plaintext = engine.takePlaintext()
    if (!wasEstablished && plaintext.length === 0 && this.#stops(engine)) {
      this.#held = output
      return { kind: 'established', resumed: engine.isResumed ? this.#resumed() : null }
    }
    if (engine.isEstablished && (plaintext.length > 0 || output.length === 0)) {
      this.#held = Buffer.concat([this.#held, output])
      return { kind: 'tunnelled', plaintext, isAck: message.length === 0 }
    }
    if (output.length === 0) throw new RadiusError('EAP_UNEXPECTED', 'handshake does not go on')
    this.#outgoing.load(output)
    return { kind: 'send', data: this.#outgoing.next() }
  }

  #makeEngine(hello: Buffer): TlsEngine {
    const { tls, type, mayResume, requestsCertificate = false } = this.#options
    this.#named = mayResume === null ? null : this.#findSession(hello, mayResume)
    return new TlsEngine({
      secureContext: tls.for(type),
      requestsCertificate,
      resumption: mayResume === null ? null : { offer: this.#named?.kept.session ?? null },
    })
  }

  #findSession(hello: Buffer, mayResume: (kept: KeptSession) => boolean) {
    const { tls, type } = this.#options
    const named = findNamedSession(hello)
    const kept = named === null ? null : tls.sessions.find(type, named.id)
    if (named === null || kept === null) return null
    // Its name goes through the air in the clear: whoever heard it must not be able to spend it.
    return mayResume(kept) ? { ...named, kept } : null
  }

  /** The peer has shown the key, so it was its own to spend (RFC 8446 §8.1, without early data). */
  #spend(): void {
    if (this.#named?.isSingleUse === true) this.forgetSession()
  }

  /** Whether the method has to say how to go on from the end of the handshake. */
  #stops(engine: TlsEngine): boolean {
    if (!engine.isEstablished) return false
    return this.#options.requestsCertificate === true || engine.isResumed
  }

  #resumed(): KeptSession {
    if (this.#named === null) throw new Error('a session was resumed that was not offered')
    return this.#named.kept
  }

  #established(): TlsEngine {
    if (this.#engine?.isEstablished !== true) throw new Error('there is no tunnel yet')
    return this.#engine
  }

  #fail(error: Error, alert: Buffer): CarrierStep {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message
    this.#failure = { ...describeTlsFault(code), isVerdict: false }
    if (alert.length === 0) return { kind: 'failure', failure: this.#failure }
    this.#outgoing.load(alert)
    return { kind: 'send', data: this.#outgoing.next() }
  }
}
