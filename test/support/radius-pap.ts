import { createSocket } from 'node:dgram'
import { once } from 'node:events'
// @ts-expect-error the package brings no types
import radius from 'radius'

const ACCEPT = 2
const TIMEOUT_MS = 10_000

/** Whether a password passes by PAP, from loopback with the secret `testing123`. */
export async function papThrough(
  address: string,
  username: string,
  password: string,
): Promise<boolean> {
  const packet = radius.encode({
    code: 'Access-Request',
    secret: 'testing123',
    identifier: Math.floor(Math.random() * 256),
    attributes: [
      ['User-Name', username],
      ['User-Password', password],
    ],
    add_message_authenticator: true,
  }) as Buffer
  const [host, port] = address.split(':')
  const socket = createSocket('udp4')
  try {
    socket.send(packet, Number(port), host)
    const [reply] = await once(socket, 'message', { signal: AbortSignal.timeout(TIMEOUT_MS) })
    return (reply as Buffer)[0] === ACCEPT
  } finally {
    socket.close()
  }
}
