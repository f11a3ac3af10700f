import type { X509Certificate } from 'node:crypto'
import { Server } from 'node:net'
import { Duplex } from 'node:stream'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { TlsVersion } from './method.ts'

/** Type octet ‖ nothing, as the context RFC 9427 §2.1 asks for. */
const TLS13_LABEL = 'EXPORTER_EAP_TLS_Key_Material'
const KEY_BYTES = 128
const MSK_BYTES = 64
/** Longer than any path OpenSSL would have built. */
const MAX_CHAIN = 10
/** OpenSSL makes two in TLS 1.3. */
const MAX_ISSUED = 4
const nothing = Buffer.alloc(0)
/** By OpenSSL's names. */
const versions: ReadonlyMap<string, TlsVersion> = new Map([
  ['TLSv1.2', '1.2'],
  ['TLSv1.3', '1.3'],
])

export interface KeyDerivation {
  /** Exporter label up to TLS 1.2 (RFC 5281 §8, RFC 5216 §2.3). */
  readonly label: string
  /** Method type: the exporter's context in TLS 1.3 (RFC 9427 §2.1). */
  readonly type: number
}

/** The certificate a peer showed, if any, and what OpenSSL says of it. */
export interface PeerCertificate {
  /** DER, leaf first; empty when none was shown. */
  readonly chain: readonly Buffer[]
  /** OpenSSL's name of what is wrong; null when it leads to an authority of ours and is in force. */
  readonly error: string | null
}

export interface IssuedSession {
  readonly id: Buffer
  readonly session: Buffer
}

export interface EngineOptions {
  readonly secureContext: SecureContext
  readonly requestsCertificate: boolean
  /** What a peer may resume is asked for one by one; null where nothing may be resumed. */
  readonly resumption: {
    /** The one serialised session this peer may resume; null where it may not. */
    readonly offer: Buffer | null
  } | null
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
  #issued: IssuedSession[] = []
  #error: Error | null = null
  #isEstablished = false

  constructor({ secureContext, requestsCertificate, resumption }: EngineOptions) {
    this.#wire = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        this.#output.push(chunk)
        done()
      },
    })
    this.#socket = new TLSSocket(this.#wire, {
      isServer: true,
      secureContext,
      requestCert: requestsCertificate,
      // What is wrong with a certificate is to be told apart, so that is looked at afterwards.
      rejectUnauthorized: false,
      ...(resumption === null ? {} : { server: this.#sessionsOf(resumption.offer) }),
    })
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

  /** Whether the peer came with the session it was offered. */
  get isResumed(): boolean {
    return this.#isEstablished && this.#socket.isSessionReused()
  }

  /** Why TLS failed; null while it has not. An alert for the peer may wait in the output. */
  get error(): Error | null {
    return this.#error
  }

  /** Null before the handshake has got that far, and when the connection is gone. */
  get version(): TlsVersion | null {
    return versions.get(this.#socket.getProtocol() ?? '') ?? null
  }

  /** Feeds what the peer sent and resolves when TLS has made of it what it can. */
  feed(bytes: Buffer): Promise<void> {
    this.#wire.push(bytes)
    return nextTurn()
  }

  /** Encrypts for the peer; what comes of it is in the output when the promise resolves. */
  write(plaintext: Buffer): Promise<void> {
    this.#socket.write(plaintext)
    return nextTurn()
  }

  /** What is to be sent to the peer since the last call; empty when there is nothing. */
  takeOutput(): Buffer {
    const output = join(this.#output)
    this.#output = []
    return output
  }

  takePlaintext(): Buffer {
    const plaintext = join(this.#plaintext)
    this.#plaintext = []
    return plaintext
  }

  /** The sessions TLS has made; the peer may come back with any of them. */
  takeIssued(): readonly IssuedSession[] {
    const issued = this.#issued
    this.#issued = []
    return issued
  }

  readCertificate(): PeerCertificate {
    const chain: Buffer[] = []
    let next: X509Certificate | undefined = this.#socket.getPeerX509Certificate()
    while (next !== undefined && chain.length < MAX_CHAIN) {
      chain.push(next.raw)
      next = next.issuerCertificate
    }
    return { chain, error: verificationErrorOf(this.#socket) }
  }

  /** The session's MSK: 64 bytes, the first half of what is derived; the other is the EMSK. */
  exportMsk({ label, type }: KeyDerivation): Buffer {
    if (this.version === '1.3') {
      // A shorter export is another one here (RFC 9427 §2.4), so the whole is asked for.
      const keys = this.#socket.exportKeyingMaterial(KEY_BYTES, TLS13_LABEL, Buffer.from([type]))
      return keys.subarray(0, MSK_BYTES)
    }
    // An empty context is not the same as none before TLS 1.3 (RFC 5705 §4), so leave it out there.
    return exportWithoutContext(this.#socket, label, MSK_BYTES)
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

  /**
   * A TLSSocket tells its server of the sessions it makes, and asks it for those a peer names. The
   * server is one that never listens, so that both are about this connection alone.
   */
  #sessionsOf(offer: Buffer | null): Server {
    const server = new Server()
    server.on('newSession', (id: Buffer, session: Buffer, done: () => void) => {
      if (this.#issued.length < MAX_ISSUED) this.#issued.push({ id, session })
      done()
    })
    server.on('resumeSession', (_id: Buffer, done: (error: null, session: Buffer | null) => void) =>
      done(null, offer),
    )
    return server
  }
}

/** Mostly there is one or none, and nothing to copy. */
function join(chunks: readonly Buffer[]): Buffer {
  const [first = nothing] = chunks
  return chunks.length < 2 ? first : Buffer.concat(chunks)
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The type declarations want a context where the function does not. */
function exportWithoutContext(socket: TLSSocket, label: string, length: number): Buffer {
  const exporter: { exportKeyingMaterial(length: number, label: string): Buffer } = socket as never
  return exporter.exportKeyingMaterial(length, label)
}

/**
 * OpenSSL's verdict on the peer's certificate, by name. `authorized` and `authorizationError` are
 * set on a client's socket and by a `tls.Server` only, so it is asked where those ask for it.
 *
 * @throws {TypeError} should Node ever have it elsewhere: a fault, and nobody gets in
 */
function verificationErrorOf(socket: TLSSocket): string | null {
  const { ssl }: { ssl: { verifyError(): (Error & { code: string }) | null } } = socket as never
  return ssl.verifyError()?.code ?? null
}
