import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import {
  type Avp,
  AvpCode,
  decodeEap,
  decodeTlsFrame,
  EapCode,
  EapType,
  encodeAvps,
  encodeEap,
  encodeTlsFrame,
} from '../../protocols/radius/index.ts'

const MSK_BYTES = 64

export interface TtlsClientOptions {
  readonly outerIdentity?: string
  /** What goes into the tunnel; by default PAP with `name` and `password`. */
  readonly avps?: readonly Avp[]
  readonly name?: string
  readonly password?: string
  /** Most TLS bytes in one response. */
  readonly fragmentBytes?: number
  /** In TLS 1.3, hold the AVPs back until the server's tickets have come. */
  readonly waitsForTickets?: boolean
  /** The EAP method whose tunnel it is: EAP-TTLS unless told otherwise. */
  readonly type?: number
  /** Speaks in the tunnel instead: what it gives is sent, null is an acknowledgement. */
  readonly talk?: Talk
  /** Version of TLS, trusted CA, an earlier session … */
  readonly tls: ConnectionOptions
}

/** What a talk in the tunnel has at hand. */
export interface Tunnel {
  /** 128 bytes, as the method derives them. */
  readonly keys: Buffer
  exportChallenge(length: number): Buffer
}

/** Takes what came out of the tunnel, empty at first; gives what goes in. */
export type Talk = (incoming: Buffer, tunnel: Tunnel) => Buffer | null

export interface TtlsReply {
  readonly kind: 'challenge' | 'accept' | 'reject'
  readonly eap: Buffer
}

export interface TtlsOutcome {
  readonly kind: 'accept' | 'reject'
  /** The client's own MSK; null when the tunnel never came up. */
  readonly msk: Buffer | null
  readonly rounds: number
  readonly isResumed: boolean
  readonly protocol: string | null
  /** Size of the longest request of the server. */
  readonly longestRequestBytes: number
  readonly session: Buffer | null
  /** What the client's TLS objected to; null when nothing. */
  readonly tlsError: Error | null
  /** What came through the tunnel. */
  readonly received: Buffer
}

/** RADIUS attributes are sent as mandatory AVPs, as supplicants do. */
export function papAvps(name: string, password: string): Avp[] {
  const bytes = Buffer.from(password)
  const padded = Buffer.alloc(Math.ceil((bytes.length + 1) / 16) * 16)
  padded.set(bytes)
  return [
    { code: AvpCode.userName, vendor: null, isMandatory: true, data: Buffer.from(name) },
    { code: AvpCode.userPassword, vendor: null, isMandatory: true, data: padded },
  ]
}

/** A supplicant for EAP-TTLS and, with a talk of its own, for PEAP, independent of the server's own TLS and fragment code. */
export class TtlsClient {
  readonly #options: TtlsClientOptions
  readonly #wire: Duplex
  readonly #socket: TLSSocket
  readonly #output: Buffer[] = []
  #incoming: Buffer[] = []
  #outgoing: Buffer[] = []
  #session: Buffer | null = null
  #error: Error | null = null
  #keys: Buffer | null = null
  #plaintext: Buffer[] = []
  readonly #received: Buffer[] = []

  constructor(options: TtlsClientOptions) {
    this.#options = options
    this.#wire = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        this.#output.push(chunk)
        done()
      },
    })
    this.#socket = connect({ ...options.tls, socket: this.#wire })
    this.#socket.on('secureConnect', () => {
      this.#keys = this.#exportKeys()
      if (this.#type !== EapType.ttls) return
      // In TLS 1.3 this joins the flight of our Finished (RFC 9427 §3).
      if (options.talk !== undefined) this.#speak(Buffer.alloc(0))
      else if (options.waitsForTickets !== true) this.#write()
    })
    this.#socket.on('data', (chunk: Buffer) => {
      this.#plaintext.push(chunk)
      this.#received.push(chunk)
    })
    this.#socket.on('session', (session) => {
      this.#session = session
    })
    this.#socket.on('error', (error) => {
      this.#error ??= error
    })
  }

  /** Runs a whole authentication; `exchange` takes an EAP response to the server. */
  async run(exchange: (eap: Buffer) => Promise<TtlsReply>): Promise<TtlsOutcome> {
    let rounds = 0
    let longestRequestBytes = 0
    let reply = await exchange(this.#identity(0))
    while (reply.kind === 'challenge') {
      rounds += 1
      longestRequestBytes = Math.max(longestRequestBytes, reply.eap.length)
      reply = await exchange(await this.answer(reply.eap))
    }
    const outcome = {
      kind: reply.kind,
      msk: this.#keys?.subarray(0, MSK_BYTES) ?? null,
      rounds,
      isResumed: this.#socket.isSessionReused(),
      protocol: this.#socket.getProtocol(),
      longestRequestBytes,
      session: this.#session,
      tlsError: this.#error,
      received: Buffer.concat(this.#received),
    }
    this.#socket.destroy()
    return outcome
  }

  /** The response to one request of the server. */
  async answer(request: Buffer): Promise<Buffer> {
    const { identifier, type, data } = decodeEap(request)
    if (type === EapType.identity) return this.#identity(identifier)
    if (type !== this.#type) return respond(identifier, EapType.nak, Buffer.from([this.#type]))
    const frame = decodeTlsFrame(data)
    if (frame.hasMore) {
      this.#incoming.push(frame.data)
      return respond(identifier, this.#type, Buffer.from([0]))
    }
    const message = Buffer.concat([...this.#incoming, frame.data])
    this.#incoming = []
    if (this.#options.waitsForTickets === true && this.#keys !== null) {
      this.#write()
    }
    if (message.length > 0) this.#wire.push(message)
    // Twice, since the AVPs are written by an event that comes a turn after the handshake's end.
    await nextTurn()
    await nextTurn()
    const incoming = Buffer.concat(this.#plaintext.splice(0))
    if (this.#options.talk !== undefined && incoming.length > 0) {
      this.#speak(incoming)
      await nextTurn()
    }
    this.#load()
    return respond(identifier, this.#type, this.#outgoing.shift() ?? Buffer.from([0]))
  }

  get #type(): number {
    return this.#options.type ?? EapType.ttls
  }

  #speak(incoming: Buffer): void {
    const tunnel = {
      keys: this.#keys ?? Buffer.alloc(0),
      exportChallenge: (length: number) => this.#export(length, 'ttls challenge'),
    }
    const outgoing = this.#options.talk?.(incoming, tunnel) ?? null
    if (outgoing !== null) this.#socket.write(outgoing)
  }

  #load(): void {
    const bytes = Buffer.concat(this.#output)
    this.#output.length = 0
    const size = this.#options.fragmentBytes ?? 1000
    for (let at = 0; at < bytes.length; at += size) {
      const isFirstOfMany = at === 0 && bytes.length > size
      this.#outgoing.push(
        encodeTlsFrame({
          isStart: false,
          hasMore: at + size < bytes.length,
          version: 0,
          totalBytes: isFirstOfMany ? bytes.length : null,
          data: bytes.subarray(at, at + size),
        }),
      )
    }
  }

  /** Supplicants take a resumed session for the whole, and so does this one. */
  #write(): void {
    if (!this.#socket.isSessionReused()) this.#socket.write(encodeAvps(this.#avps()))
  }

  #avps(): readonly Avp[] {
    return this.#options.avps ?? papAvps(this.#options.name ?? '', this.#options.password ?? '')
  }

  #identity(identifier: number): Buffer {
    const name = this.#options.outerIdentity ?? 'anonymous@example.test'
    return respond(identifier, EapType.identity, Buffer.from(name))
  }

  #exportKeys(): Buffer {
    if (this.#socket.getProtocol() === 'TLSv1.3') {
      return this.#export(128, 'EXPORTER_EAP_TLS_Key_Material', Buffer.from([this.#type]))
    }
    const isTtls = this.#type === EapType.ttls
    return this.#export(128, isTtls ? 'ttls keying material' : 'client EAP encryption')
  }

  #export(length: number, ...more: readonly unknown[]): Buffer {
    const exporter: { exportKeyingMaterial(length: number, ...more: unknown[]): Buffer } = this
      .#socket as never
    return exporter.exportKeyingMaterial(length, ...more)
  }
}

function respond(identifier: number, type: number, data: Buffer): Buffer {
  return encodeEap({ code: EapCode.response, identifier, type, data })
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
