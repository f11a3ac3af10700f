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
  /** Version of TLS, trusted CA, an earlier session … */
  readonly tls: ConnectionOptions
}

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

/** A supplicant for EAP-TTLS/PAP, independent of the server's own TLS and fragment code. */
export class TtlsClient {
  readonly #options: TtlsClientOptions
  readonly #wire: Duplex
  readonly #socket: TLSSocket
  readonly #output: Buffer[] = []
  #incoming: Buffer[] = []
  #outgoing: Buffer[] = []
  #session: Buffer | null = null
  #error: Error | null = null
  #msk: Buffer | null = null

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
      this.#msk = this.#exportMsk()
      // In TLS 1.3 this joins the flight of our Finished (RFC 9427 §3).
      if (options.waitsForTickets !== true) this.#socket.write(encodeAvps(this.#avps()))
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
      msk: this.#msk,
      rounds,
      isResumed: this.#socket.isSessionReused(),
      protocol: this.#socket.getProtocol(),
      longestRequestBytes,
      session: this.#session,
      tlsError: this.#error,
    }
    this.#socket.destroy()
    return outcome
  }

  /** The response to one request of the server. */
  async answer(request: Buffer): Promise<Buffer> {
    const { identifier, type, data } = decodeEap(request)
    if (type === EapType.identity) return this.#identity(identifier)
    if (type !== EapType.ttls) {
      return respond(identifier, EapType.nak, Buffer.from([EapType.ttls]))
    }
    const frame = decodeTlsFrame(data)
    if (frame.hasMore) {
      this.#incoming.push(frame.data)
      return respond(identifier, EapType.ttls, Buffer.from([0]))
    }
    const message = Buffer.concat([...this.#incoming, frame.data])
    this.#incoming = []
    if (this.#options.waitsForTickets === true && this.#msk !== null) {
      this.#socket.write(encodeAvps(this.#avps()))
    }
    if (message.length > 0) this.#wire.push(message)
    // Twice, since the AVPs are written by an event that comes a turn after the handshake's end.
    await nextTurn()
    await nextTurn()
    this.#load()
    return respond(identifier, EapType.ttls, this.#outgoing.shift() ?? Buffer.from([0]))
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

  #avps(): readonly Avp[] {
    return this.#options.avps ?? papAvps(this.#options.name ?? '', this.#options.password ?? '')
  }

  #identity(identifier: number): Buffer {
    const name = this.#options.outerIdentity ?? 'anonymous@example.test'
    return respond(identifier, EapType.identity, Buffer.from(name))
  }

  #exportMsk(): Buffer {
    const exporter: { exportKeyingMaterial(length: number, ...more: unknown[]): Buffer } = this
      .#socket as never
    const keys =
      this.#socket.getProtocol() === 'TLSv1.3'
        ? exporter.exportKeyingMaterial(128, 'EXPORTER_EAP_TLS_Key_Material', Buffer.from([0x15]))
        : exporter.exportKeyingMaterial(128, 'ttls keying material')
    return keys.subarray(0, MSK_BYTES)
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
