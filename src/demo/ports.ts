import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import type { RawSetting, SettingKey } from '../config/config.ts'

const HOST = '127.0.0.1'

/** The demo's listeners: loopback only, on the usual ports. */
const WANTED: readonly (readonly [SettingKey, number, 'tcp' | 'udp'])[] = [
  ['http_listen', 8080, 'tcp'],
  ['https_listen', 8443, 'tcp'],
  ['ldap_listen', 1389, 'tcp'],
  ['ldaps_listen', 1636, 'tcp'],
  ['radius_auth_listen', 1812, 'udp'],
  ['radius_acct_listen', 1813, 'udp'],
  ['radsec_listen', 2083, 'tcp'],
]

/**
 * Where the demo listens unless the environment says otherwise. A port that somebody else has is
 * replaced by a free one, and said, rather than ending the demo.
 */
export async function chooseListeners(
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<ReadonlyMap<SettingKey, RawSetting>> {
  const chosen = new Map<SettingKey, RawSetting>()
  for (const [key, port, protocol] of WANTED) {
    if (env[`GATEHOUSE_${key.toUpperCase()}`] !== undefined) continue
    const isFree = await (protocol === 'tcp' ? isTcpFree(port) : isUdpFree(port))
    if (!isFree) say(`port ${port} is taken: ${key} gets another one`)
    chosen.set(key, { text: `${HOST}:${isFree ? port : 0}`, place: 'demo' })
  }
  return chosen
}

function isTcpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: HOST, port }, () => server.close(() => resolve(true)))
  })
}

function isUdpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => resolve(false))
    socket.bind(port, HOST, () => socket.close(() => resolve(true)))
  })
}
