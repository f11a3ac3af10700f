import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PeerFiles } from './radius-peers.ts'

interface Ports {
  readonly authPort: number
  readonly acctPort: number
}

/** FreeRADIUS that forwards everything to the pools `p` and `pa`. */
export function forwardingConfig(parts: Ports & { secret: string; homes: string }): string {
  return `client any { ipaddr = 127.0.0.0/8, secret = ${parts.secret} }
modules { }
${parts.homes}
realm up {
  auth_pool = p
  acct_pool = pa
  nostrip
}
server default {
  listen { type = auth, ipaddr = 127.0.0.1, port = ${parts.authPort} }
  listen { type = acct, ipaddr = 127.0.0.1, port = ${parts.acctPort} }
  authorize {
    update control {
      &Proxy-To-Realm := up
    }
  }
  preacct {
    update control {
      &Proxy-To-Realm := up
    }
  }
}`
}

/** The pools `p` and `pa` of a server on loopback. */
export function udpHomes(secret: string, { authPort, acctPort }: Ports): string {
  const home = (type: string, port: number): string => `home_server ${type} {
  type = ${type}
  ipaddr = 127.0.0.1
  port = ${port}
  secret = ${secret}
  status_check = status-server
  response_window = 5
}
`
  return `${home('auth', authPort)}${home('acct', acctPort)}
home_server_pool p { home_server = auth }
home_server_pool pa { home_server = acct }`
}

/** The pools `p` and `pa` of a server on loopback, over TLS. */
export function tlsHomes(port: number, files: PeerFiles): string {
  return `home_server up {
  type = auth+acct
  ipaddr = 127.0.0.1
  port = ${port}
  proto = tcp
  secret = radsec
  status_check = none
  response_window = 5
  tls { ${tlsLines(files, '1.2')}, fragment_size = 8192 }
}
home_server_pool p { home_server = up }
home_server_pool pa { home_server = up }`
}

/** As a TLS client FreeRADIUS 3.2.1 now and then stalls with TLS 1.3. */
function tlsLines({ certFile, keyFile, caFile }: PeerFiles, maxVersion = '1.3'): string {
  return `private_key_file = ${keyFile}, certificate_file = ${certFile}, ca_file = ${caFile}, tls_min_version = "1.2", tls_max_version = "${maxVersion}", ecdh_curve = ""`
}

/** FreeRADIUS 3.2.1 puts it into replies to EAP alone; over UDP we believe none without it. */
const addMessageAuthenticator = `update reply {
      &Message-Authenticator := 0x00
    }`

/** Where a password is checked, whatever proves it. */
const authenticate = `Auth-Type PAP {
      pap
    }
    Auth-Type CHAP {
      chap
    }
    Auth-Type MS-CHAP {
      mschap
    }`

interface Home {
  readonly folder: string
  readonly ports: { readonly auth: number; readonly acct: number; readonly tls: number }
  readonly files: PeerFiles
  /** PEM of who issues the certificates for EAP-TLS. */
  readonly clientCa: string
  readonly secret: string
  readonly name: string
  readonly password: string
}

/** Of the outer server and of the one inside its tunnels. */
const everyMethod = `  authorize {
    eap {
      ok = return
    }
    chap
    mschap
    files
    pap
  }
  authenticate {
    ${authenticate}
    eap
  }`

/** The home of one person, with every method; UDP on 127.0.0.2, TLS on loopback. */
export function homeConfig(home: Home): string {
  const { folder, ports, files, secret } = home
  const clientCa = join(folder, 'clients.pem')
  mkdirSync(folder, { recursive: true })
  writeFileSync(clientCa, home.clientCa)
  writeFileSync(
    join(folder, 'users'),
    `${home.name} Cleartext-Password := "${home.password}"
      Tunnel-Type = VLAN, Tunnel-Medium-Type = IEEE-802, Tunnel-Private-Group-Id = "666", Session-Timeout = 3600

`,
  )
  return `client any { ipaddr = 127.0.0.0/8, secret = ${secret} }
clients radsec {
  client r { ipaddr = 127.0.0.1, proto = tls, secret = radsec }
}
modules {
  always ok { rcode = ok }
  pap { }
  chap { }
  mschap { }
  files { usersfile = ${folder}/users }
  eap {
    default_eap_type = ttls
    tls-config t { ${tlsLines({ ...files, caFile: clientCa })}, fragment_size = 1024 }
    tls { tls = t }
    ttls { tls = t, default_eap_type = gtc, virtual_server = inner, use_tunneled_reply = yes }
    peap { tls = t, default_eap_type = mschapv2, virtual_server = inner, use_tunneled_reply = yes }
    gtc { auth_type = PAP }
    mschapv2 { }
  }
}
server default {
  listen { type = auth, ipaddr = 127.0.0.2, port = ${ports.auth} }
  listen { type = acct, ipaddr = 127.0.0.2, port = ${ports.acct} }
  listen {
    type = auth+acct
    proto = tcp
    ipaddr = 127.0.0.1
    port = ${ports.tls}
    clients = radsec
    tls { ${tlsLines(files)}, require_client_cert = yes, fragment_size = 8192 }
  }
${everyMethod}
  post-auth {
    ${addMessageAuthenticator}
    Post-Auth-Type REJECT {
      ${addMessageAuthenticator}
    }
  }
  preacct {
    ok
  }
  accounting {
    ok
  }
}
server inner {
${everyMethod}
}`
}
