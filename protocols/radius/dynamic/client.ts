import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { ListenAddress } from '../local-addresses.ts'
import type { SharedSecret } from '../shared-secret.ts'
import { type DynamicAnswer, readDynamicAnswer } from './message.ts'

/** RFC 5080 §2.2.1 in small: sent again after these waits, given up after the last. */
const WAITS_MS = [1_000, 2_000, 3_000]

export interface SendOptions {
  readonly to: ListenAddress
  readonly secret: SharedSecret
  readonly signal: AbortSignal
  readonly waitsMs?: readonly number[]
}

/** `closed`: the host is there and has nothing on the port. */
export type Silence = 'silent' | 'closed'

/**
 * Sends one request to a NAS, the same octets again until it answers, and resolves with the answer or
 * with what there was instead. Each request has a socket of its own, connected, so that the kernel
 * keeps away what comes from elsewhere and tells of a closed port.
 *
 * @throws when the socket fails otherwise (no route), or the signal's reason when it aborts
 */
export async function sendDynamicRequest(
  request: Buffer,
  { to, secret, signal, waitsMs = WAITS_MS }: SendOptions,
): Promise<DynamicAnswer | Silence> {
  signal.throwIfAborted()
  const socket = createSocket(isIPv6(to.host) ? 'udp6' : 'udp4')
  try {
    await connect(socket, to)
    return await converse(socket, request, { secret, signal, waitsMs })
  } finally {
    socket.close()
  }
}

interface Conversation {
  readonly secret: SharedSecret
  readonly signal: AbortSignal
  readonly waitsMs: readonly number[]
}

function converse(
  socket: Socket,
  request: Buffer,
  { secret, signal, waitsMs }: Conversation,
): Promise<DynamicAnswer | Silence> {
  return new Promise((resolve, reject) => {
    let silence: Silence = 'silent'
    let sent = 0
    let timer: NodeJS.Timeout | undefined
    const settle = (end: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      end()
    }
    const abort = (): void => settle(() => reject(signal.reason))
    const send = (): void => {
      const waitMs = waitsMs[sent]
      if (waitMs === undefined) {
        settle(() => resolve(silence))
        return
      }
      sent += 1
      socket.send(request)
      timer = setTimeout(send, waitMs)
    }
    socket.on('message', (datagram) => {
      const answer = readDynamicAnswer(datagram, request, secret)
      if (answer !== null) settle(() => resolve(answer))
    })
    socket.on('error', (error) => {
      // A box that is starting closes its port for a while: it is asked again all the same.
      if (isRefusal(error)) silence = 'closed'
      else settle(() => reject(error))
    })
    signal.addEventListener('abort', abort)
    send()
  })
}

function connect(socket: Socket, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.connect(port, host, () => {
      socket.removeListener('error', reject)
      resolve()
    })
  })
}

function isRefusal(error: Error): boolean {
  return 'code' in error && error.code === 'ECONNREFUSED'
}
