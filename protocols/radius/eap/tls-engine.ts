import { Duplex } from 'node:stream'
import { type SecureContext, TLSSocket } from 'node:tls'

/** Type octet ‖ nothing, as the context RFC 9427 §2.1 asks for. */
const TLS13_LABEL = 'EXPORTER_EAP_TLS_Key_Material'
const KEY_BYTES = 128

export interface KeyDerivation {
  /** Exporter label up to TLS 1.2 (RFC 5281 §8, RFC 5216 §2.3). */
  readonly label: string
  /** Method type: the exporter's context in TLS 1.3 (RFC 9427 §2.1). */
  readonly type: number
}

/**
 * The server's end of a TLS connection as a function of bytes: no socket, no timer.
 *
 * Node's TLSSocket sits on a duplex stream. What it writes appears while bytes are pushed in; its
 * events come by the next turn of the event loop, so one step is push, one turn, collect.
 */
export class TlsEngine {
  readonly #wire: Duplex
  readonly #socket: TLSSocket
  #output: Buffer[] = []
  #plaintext: Buffer[] = []
  #error: Error | null = null
  #isEstablished = false

  constructor(secureContext: SecureContext) {
    this.#wire = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        this.#output.push(chunk)
        done()
      },
    })
    this.#socket = new TLSSocket(this.#wire, { isServer: true, secureContext })
    this.#socket.on('secure', () => {
      this.#isEstablished = true
    })
    this.#socket.on('data', (chunk: Buffer) => {
      this.#plaintext.push(chunk)
    })
    this.#socket.on('error', (error) => {
      this.#error ??= error
    })
  }

  get isEstablished(): boolean {
    return this.#isEstablished
  }

  /** Why TLS failed; null while it has not. An alert for the peer may wait in the output. */
  get error(): Error | null {
    return this.#error
  }

  /** `TLSv1.2`, `TLSv1.3`; null before the handshake has got that far. */
  get protocol(): string | null {
    return this.#socket.getProtocol()
  }

  get cipher(): string {
    return this.#socket.getCipher().standardName
  }

  /** Feeds what the peer sent and resolves when TLS has made of it what it can. */
  feed(bytes: Buffer): Promise<void> {
    this.#wire.push(bytes)
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Encrypts for the peer; what comes of it is in the output when the promise resolves. */
  write(plaintext: Buffer): Promise<void> {
    this.#socket.write(plaintext)
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** What is to be sent to the peer since the last call; empty when there is nothing. */
  takeOutput(): Buffer {
    const output = Buffer.concat(this.#output)
    this.#output = []
    return output
  }

  takePlaintext(): Buffer {
    const plaintext = Buffer.concat(this.#plaintext)
    this.#plaintext = []
    return plaintext
  }

  /** MSK (64 bytes) and EMSK (64 bytes) of the session. */
  exportKeys({ label, type }: KeyDerivation): Buffer {
    // An empty context is not the same as none before TLS 1.3 (RFC 5705 §4), so leave it out there.
    return this.protocol === 'TLSv1.3'
      ? this.#socket.exportKeyingMaterial(KEY_BYTES, TLS13_LABEL, Buffer.from([type]))
      : exportWithoutContext(this.#socket, label, KEY_BYTES)
  }

  /**
   * What both ends know without having sent it (RFC 5281 §11.1). Ask for the exact length: in TLS 1.3
   * a shorter export is no prefix of a longer one (RFC 9427 §2.4).
   */
  exportChallenge(label: string, length: number): Buffer {
    return exportWithoutContext(this.#socket, label, length)
  }

  close(): void {
    this.#socket.destroy()
    this.#wire.destroy()
  }
}

/** The type declarations want a context where the function does not. */
function exportWithoutContext(socket: TLSSocket, label: string, length: number): Buffer {
  const exporter: { exportKeyingMaterial(length: number, label: string): Buffer } = socket as never
  return exporter.exportKeyingMaterial(length, label)
}
