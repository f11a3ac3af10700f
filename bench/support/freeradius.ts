import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ntHash } from '../../src/credentials/nt-hash.ts'
import { freePorts } from './free-ports.ts'
import type { Server } from './ldap-wire.ts'
import { end, untilReady } from './process.ts'

/** Each on a port of its own, all in one process. */
interface Ports {
  /** Passwords of a users file; EAP sessions are not kept. */
  readonly users: number
  /** The same, and EAP sessions are kept. */
  readonly resuming: number
  /** Passwords read from LDAP and compared. */
  readonly ldapCompare: number
  /** Passwords checked by a bind. */
  readonly ldapBind: number
}

export interface FreeradiusOptions {
  readonly secret: string
  /** For PAP. */
  readonly people: readonly { readonly name: string; readonly password: string }[]
  /** For MS-CHAPv2; kept as NT hashes. */
  readonly networkPeople: readonly { readonly name: string; readonly password: string }[]
  readonly certificate: { readonly certFile: string; readonly keyFile: string }
  /** Authority of the people's certificates. */
  readonly caFile: string
  /** Null leaves both `ldap` services out. */
  readonly ldap: Server | null
}

export interface Freeradius {
  readonly pid: number
  readonly ports: Ports
  readonly config: string
  /** Log-ins its log says were accepted; asked after the stop. */
  countAccepted(): number
  stop(): Promise<void>
}

/** FreeRADIUS with nothing in the way of what is measured, each answer logged. */
export async function startFreeradius(
  folder: string,
  options: FreeradiusOptions,
): Promise<Freeradius> {
  const own = join(folder, 'freeradius')
  mkdirSync(join(own, 'sessions'), { recursive: true })
  const log = join(own, 'radius.log')
  const [users = 0, resuming = 0, ldapCompare = 0, ldapBind = 0] = await freePorts(4)
  const ports = { users, resuming, ldapCompare, ldapBind }
  const lines = options.people.map(
    ({ name, password }) => `${name} Cleartext-Password := "${password}"\n`,
  )
  writeFileSync(join(own, 'users'), lines.join(''))
  const hashes = options.networkPeople.map(
    ({ name, password }) =>
      `${name} NT-Password := 0x${ntHash(Buffer.from(password)).toString('hex')}\n`,
  )
  writeFileSync(join(own, 'network-users'), hashes.join(''))
  const config = configOf(own, ports, options)
  writeFileSync(join(own, 'radiusd.conf'), config)
  const child = spawn('freeradius', ['-f', '-d', own, '-D', '/usr/share/freeradius'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const read = () => (existsSync(log) ? readFileSync(log, 'utf8') : '')
  await untilReady(child, () => read().includes('Ready to process'))
  return {
    pid: child.pid ?? 0,
    ports,
    config,
    // A tunnelled log-in is logged twice, inside the tunnel and outside.
    countAccepted: () => read().match(/Login OK: (?!.*via TLS tunnel)/g)?.length ?? 0,
    stop: () => end(child),
  }
}

function configOf(own: string, ports: Ports, options: FreeradiusOptions): string {
  return `prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = ${own}
run_dir = ${own}
logdir = ${own}
max_request_time = 10
cleanup_delay = 5
max_requests = 262144
log {
  destination = files
  file = ${own}/radius.log
  auth = yes
}
security {
  reject_delay = 0
  status_server = no
}
thread pool {
  start_servers = 2
  max_servers = 2
  min_spare_servers = 1
  max_spare_servers = 2
}
client loopback {
  ipaddr = 127.0.0.1
  secret = ${options.secret}
}
modules {
  pap {
  }
  mschap {
  }
  files {
    usersfile = ${own}/users
  }
  files network_users {
    usersfile = ${own}/network-users
  }
  eap inner_eap {
    default_eap_type = mschapv2
    mschapv2 {
    }
  }
${eapModule('eap', options, '')}
${eapModule('eap_resuming', options, keptSessions(own))}
${options.ldap === null ? '' : ldapModules(options.ldap)}
}
${userServer('users', 'eap', ports.users)}
${userServer('resuming', 'eap_resuming', ports.resuming)}
${options.ldap === null ? '' : ldapServers(ports)}
server inner {
  authorize {
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
}
server inner_peap {
  authorize {
    inner_eap {
      ok = return
    }
    network_users
    mschap
  }
  authenticate {
    Auth-Type MS-CHAP {
      mschap
    }
    inner_eap
  }
}
`
}

/** In files as well, since 3.2.1 resumes none that it has in memory alone. */
function keptSessions(own: string): string {
  return `
      cache {
        enable = yes
        lifetime = 24
        name = bench
        max_entries = 4096
        persist_dir = ${own}/sessions
        store {
          User-Name
        }
      }`
}

function eapModule(
  name: string,
  { certificate: { certFile, keyFile }, caFile }: FreeradiusOptions,
  cache: string,
): string {
  return `  eap ${name} {
    default_eap_type = ttls
    max_sessions = 16384
    tls-config shared {
      private_key_file = ${keyFile}
      certificate_file = ${certFile}
      ca_file = ${caFile}
      tls_min_version = "1.2"
      tls_max_version = "1.2"
      ecdh_curve = "prime256v1"
      fragment_size = 1014${cache}
    }
    tls {
      tls = shared
    }
    ttls {
      tls = shared
      default_eap_type = ttls
      virtual_server = inner
      use_tunneled_reply = yes
    }
    peap {
      tls = shared
      default_eap_type = mschapv2
      virtual_server = inner_peap
      use_tunneled_reply = yes
    }
  }`
}

/** What Gatehouse's demo network gives to everybody. */
const REPLY = `
  post-auth {
    update reply {
      Tunnel-Type := VLAN
      Tunnel-Medium-Type := IEEE-802
      Tunnel-Private-Group-Id := "10"
      Session-Timeout := 28800
      Termination-Action := RADIUS-Request
    }
  }`

function listen(port: number): string {
  return `
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }`
}

function userServer(name: string, eap: string, port: number): string {
  return `server ${name} {${listen(port)}
  authorize {
    ${eap} {
      ok = return
    }
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    ${eap}
  }${REPLY}
}`
}

/** As its own example has it, with connections enough for both threads. */
function ldapModules({ port, baseDn, bindDn, password }: Server): string {
  const module = (name: string, update: string) => `  ldap ${name} {
    server = "ldap://127.0.0.1:${port}"
    identity = "${bindDn}"
    password = "${password}"
    base_dn = "${baseDn}"${update}
    user {
      base_dn = "ou=people,${baseDn}"
      filter = "(uid=%{User-Name})"
    }
    options {
      chase_referrals = no
      res_timeout = 10
      srv_timelimit = 3
      net_timeout = 1
    }
    pool {
      start = 2
      min = 2
      max = 4
      spare = 2
      uses = 0
      lifetime = 0
      idle_timeout = 0
    }
  }`
  const readPassword = `
    update {
      control:Password-With-Header += 'userPassword'
    }`
  return `${module('ldap_compare', readPassword)}\n${module('ldap_bind', '')}`
}

function ldapServers({ ldapCompare, ldapBind }: Ports): string {
  return `server ldap_compare {${listen(ldapCompare)}
  authorize {
    ldap_compare
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }${REPLY}
}
server ldap_bind {${listen(ldapBind)}
  authorize {
    ldap_bind
    update control {
      Auth-Type := ldap_bind
    }
  }
  authenticate {
    Auth-Type ldap_bind {
      ldap_bind
    }
  }${REPLY}
}`
}
