import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { Client } from 'ldapts'
// @ts-expect-error the package brings no types
import radius from 'radius'

export type Answer = 'yes' | 'no' | 'none'

/** Where a daemon serves, and what its clients sign in with. */
export interface Served {
  readonly ldapUrl: string
  readonly peopleDn: string
  readonly radius: { readonly host: string; readonly port: number; readonly secret: string }
  /** `…/scim/v2` */
  readonly scim: { readonly url: string; readonly token: string }
}

export interface Claimed {
  readonly username: string
  readonly password: string
}

/** Does a simple bind let her in? Foreign clients ask, here and below. */
export async function askLdap(
  { ldapUrl, peopleDn }: Pick<Served, 'ldapUrl' | 'peopleDn'>,
  { username, password }: Claimed,
): Promise<Answer> {
  const client = new Client({ url: ldapUrl, timeout: 5_000 })
  try {
    await client.bind(`uid=${username},${peopleDn}`, password)
    return 'yes'
  } catch (error) {
    return (error as { code?: number }).code === 49 ? 'no' : 'none'
  } finally {
    await client.unbind().catch(() => undefined)
  }
}

export async function askRadius(
  { radius: { host, port, secret } }: Pick<Served, 'radius'>,
  { username, password }: Claimed,
): Promise<Answer> {
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
    const answered = once(socket, 'message', { signal: AbortSignal.timeout(1_500) })
    const [reply] = (await answered) as [Buffer]
    return reply[0] === 2 ? 'yes' : 'no'
  } catch {
    return 'none'
  } finally {
    socket.close()
  }
}

/** Whether SCIM tells of her as active; `none` when it does not know her at all. */
export async function askScim(
  { scim: { url, token } }: Pick<Served, 'scim'>,
  { username }: Pick<Claimed, 'username'>,
): Promise<Answer> {
  const filter = encodeURIComponent(`userName eq "${username}"`)
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/Users?filter=${filter}`, { headers })
  const { Resources = [] } = (await response.json()) as { Resources?: { active: boolean }[] }
  const [found] = Resources
  if (found === undefined) return 'none'
  return found.active ? 'yes' : 'no'
}
