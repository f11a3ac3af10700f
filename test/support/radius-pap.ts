import { createSocket } from 'node:dgram'
import { once } from 'node:events'
// @ts-expect-error the package brings no types
import radius from 'radius'

const ACCEPT = 2
/** Of every NAS that tests make on loopback. */
export const NAS_SECRET = 'testing123'

export interface Nas {
  readonly host: string
  readonly port: number
  readonly secret: string
}

/**
 * Whether a password passes by PAP, asked by a foreign client.
 *
 * @throws when there is no answer in time
 */
export async function askPap(
  { host, port, secret }: Nas,
  { username, password }: { readonly username: string; readonly password: string },
  withinMs: number,
): Promise<boolean> {
  const packet = radius.encode({
    code: 'Access-Request',
    secret,
    identifier: Math.floor(Math.random() * 256),
    attributes: [
      ['User-Name', username],
      ['User-Password', password],
    ],
    add_message_authenticator: true,
  }) as Buffer
  const socket = createSocket('udp4')
  try {
    socket.send(packet, port, host)
    const [reply] = await once(socket, 'message', { signal: AbortSignal.timeout(withinMs) })
    return (reply as Buffer)[0] === ACCEPT
  } finally {
    socket.close()
  }
}

/** A NAS on loopback; `address` is `host:port`. */
export function nasAt(address: string): Nas {
  const [host = '', port] = address.split(':')
  return { host, port: Number(port), secret: NAS_SECRET }
}
