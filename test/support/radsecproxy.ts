import type { Test } from 'tap'
import { type PeerFiles, startRadsecproxy } from './radius-peers.ts'

interface Udp {
  readonly secret: string
}

/** Radsecproxy before us: what NAS send to its port over UDP, it sends us over TLS. */
export function startRadsecproxyInFront(
  t: Test,
  folder: string,
  where: Udp & {
    readonly port: number
    readonly files: PeerFiles
    /** Us: the port for TLS, and the name in our certificate. */
    readonly up: { readonly port: number; readonly name: string }
  },
): Promise<() => string> {
  const { port, secret, files, up } = where
  return startRadsecproxy(t, folder, {
    files,
    ready: /TLS connection to up .* up/,
    blocks: `ListenUDP 127.0.0.1:${port}
client nas {
  host 127.0.0.1
  type udp
  secret ${secret}
}
server up {
  host 127.0.0.1
  port ${up.port}
  type tls
  secret radsec
  certificateNameCheck off
  matchCertificateAttribute SubjectAltName:DNS:/^${up.name.replaceAll('.', '\\.')}$/
  statusServer on
}
realm * {
  server up
  accountingServer up
}`,
  })
}

/** Radsecproxy before somebody's home: what comes over TLS, it sends on to 127.0.0.2 over UDP. */
export function startRadsecproxyAtHome(
  t: Test,
  folder: string,
  where: Udp & {
    readonly port: number
    readonly files: PeerFiles
    readonly home: { readonly auth: number; readonly acct: number }
  },
): Promise<() => string> {
  const { port, secret, files, home } = where
  const server = (name: 'auth' | 'acct') => `server ${name} {
  host 127.0.0.2
  port ${home[name]}
  type udp
  secret ${secret}
}`
  return startRadsecproxy(t, folder, {
    files,
    ready: /listening for tls on/,
    blocks: `ListenTLS 127.0.0.1:${port}
client rs {
  host 127.0.0.1
  type tls
  secret radsec
  certificateNameCheck off
}
${server('auth')}
${server('acct')}
realm * {
  server auth
  accountingServer acct
}`,
  })
}
