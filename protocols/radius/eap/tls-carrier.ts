import type { SecureContext } from 'node:tls'
import { RadiusError } from '../errors.ts'
import type { MethodFailure } from './method.ts'
import { type KeyDerivation, TlsEngine } from './tls-engine.ts'
import { ackFrame, decodeTlsFrame, Fragmenter, Reassembler, startFrame } from './tls-frame.ts'

/** All that a peer may send in one conversation, so that records without end cost little. */
const MAX_RECEIVED_BYTES = 128 * 1024

const nothing = Buffer.alloc(0)

export type CarrierStep =
  | { readonly kind: 'send'; readonly data: Buffer }
  /** The tunnel is up and this came out of it; empty when the peer only acknowledged. */
  | { readonly kind: 'tunnelled'; readonly plaintext: Buffer }
  | { readonly kind: 'failure'; readonly failure: MethodFailure }

export interface CarrierOptions {
  readonly secureContext: SecureContext
  readonly version: number
  readonly maxDataBytes: number
  /** Largest TLS message of the peer, all fragments together. */
  readonly maxMessageBytes: number
}

/** TLS in EAP frames: what EAP-TLS, EAP-TTLS and PEAP have in common. */
export class TlsCarrier {
  readonly #options: CarrierOptions
  readonly #outgoing: Fragmenter
  readonly #incoming: Reassembler
  #engine: TlsEngine | null = null
  #failure: MethodFailure | null = null
  #receivedBytes = 0
  /** Made together with inner data, such as tickets: it goes before whatever is sent next. */
  #held: Buffer = nothing

  constructor(options: CarrierOptions) {
    this.#options = options
    this.#outgoing = new Fragmenter(options.version, options.maxDataBytes)
    this.#incoming = new Reassembler(options.maxMessageBytes)
  }

  get protocol(): string | null {
    return this.#engine?.isEstablished === true ? this.#engine.protocol : null
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

  exportKeys(derivation: KeyDerivation): Buffer {
    return this.#established().exportKeys(derivation)
  }

  exportChallenge(label: string, length: number): Buffer {
    return this.#established().exportChallenge(label, length)
  }

  close(): void {
    this.#engine?.close()
  }

  async #feed(message: Buffer): Promise<CarrierStep> {
    this.#engine ??= new TlsEngine(this.#options.secureContext)
    const engine = this.#engine
    if (message.length > 0) await engine.feed(message)
    const output = engine.takeOutput()
    if (engine.error !== null) return this.#fail(engine.error, output)
    // RFC 9427 §3: in TLS 1.3 the first inner data may come with the peer's Finished.
    const plaintext = engine.takePlaintext()
    if (engine.isEstablished && (plaintext.length > 0 || output.length === 0)) {
      this.#held = Buffer.concat([this.#held, output])
      return { kind: 'tunnelled', plaintext }
    }
    if (output.length === 0) throw new RadiusError('EAP_UNEXPECTED', 'handshake does not go on')
    this.#outgoing.load(output)
    return { kind: 'send', data: this.#outgoing.next() }
  }

  #established(): TlsEngine {
    if (this.#engine?.isEstablished !== true) throw new Error('there is no tunnel yet')
    return this.#engine
  }

  #fail(error: Error, alert: Buffer): CarrierStep {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message
    this.#failure = { reason: reasonOf(code), detail: code, isVerdict: false }
    if (alert.length === 0) return { kind: 'failure', failure: this.#failure }
    this.#outgoing.load(alert)
    return { kind: 'send', data: this.#outgoing.next() }
  }
}

/** OpenSSL names an alert the peer sent `…_ALERT_…`; anything else is our own objection. */
function reasonOf(code: string): string {
  return code.includes('_ALERT_') ? 'tls-alert-from-peer' : 'tls-handshake'
}
