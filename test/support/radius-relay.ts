import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { PacketCode, SharedSecret } from '../../protocols/radius/index.ts'
import { type CheckedReply, checkReply, mskOf } from './radius-client.ts'

const CODE = 0
const IDENTIFIER = 1

/** Stands between one NAS and a server on loopback, and reads along. */
export class RadiusRelay {
  readonly #front = createSocket('udp4')
  readonly #back = createSocket('udp4')
  readonly #secret: SharedSecret
  readonly #requests = new Map<number, Buffer>()
  #accept: CheckedReply | null = null

  constructor(secret: string) {
    this.#secret = new SharedSecret(Buffer.from(secret))
  }

  /** Relays to this port from now on. */
  async start(port: number): Promise<this> {
    let nasPort = 0
    this.#front.on('message', (request, from) => {
      nasPort = from.port
      this.#requests.set(request[IDENTIFIER] ?? 0, request)
      this.#back.send(request, port, '127.0.0.1')
    })
    this.#back.on('message', (reply) => {
      this.#read(reply)
      this.#front.send(reply, nasPort, '127.0.0.1')
    })
    await Promise.all([bind(this.#front), bind(this.#back)])
    return this
  }

  get port(): number {
    return this.#front.address().port
  }

  /** The latest Access-Accept, and the MSK its two MS-MPPE keys make; the next one is waited for. */
  takeAccept(): { readonly reply: CheckedReply; readonly msk: Buffer | null } | null {
    const reply = this.#accept
    this.#accept = null
    return reply === null ? null : { reply, msk: mskOf(reply, this.#secret) }
  }

  stop(): void {
    this.#front.close()
    this.#back.close()
  }

  #read(reply: Buffer): void {
    const request = this.#requests.get(reply[IDENTIFIER] ?? 0)
    if (request === undefined || reply[CODE] !== PacketCode.accessAccept) return
    this.#accept = checkReply(reply, request, this.#secret)
  }
}

async function bind(socket: Socket): Promise<void> {
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
}
