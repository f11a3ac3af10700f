import type { Microsoft365 } from '../../simulators/microsoft365/index.ts'
import { stateOf } from '../admin/views.ts'
import type { Daemon } from '../daemon.ts'
import type { Person } from '../directory/person.ts'
import { ADMIN, LDAP_CLIENT } from './fill.ts'
import type { DemoSecrets } from './secrets.ts'

/** `demo.json`: how others reach what the demo started. Its keys are a contract. */
export interface DemoFacts {
  readonly pid: number
  readonly http: {
    readonly url: string
    readonly adminUser: string
    readonly adminPassword: string
    readonly adminToken: string
  }
  readonly ldap: {
    readonly url: string
    readonly ldapsUrl: string
    readonly caFile: string
    readonly baseDn: string
    readonly peopleDn: string
    readonly groupsDn: string
    readonly bindDn: string
    readonly bindPassword: string
  }
  readonly radius: {
    readonly host: string
    readonly authPort: number
    readonly acctPort: number
    readonly radsecPort: number
    readonly secret: string
    readonly serverName: string
    readonly caFile: string
  }
  readonly scim: { readonly url: string; readonly token: string }
  readonly microsoft365: {
    readonly graphUrl: string
    readonly loginUrl: string
    readonly controlUrl: string
    readonly tenantId: string
    readonly caFile: string
  }
  readonly people: readonly {
    readonly username: string
    readonly password: string
    readonly mail: string | null
    readonly state: string
  }[]
}

/** Of the simulated tenant's domain, until it is connected and says so itself. */
const BASE_DN = 'dc=contoso,dc=example'
const SECRET = 'testing123'
const RADSEC_PORT = 2083

export function makeFacts(parts: {
  readonly daemon: Daemon
  readonly simulator: Microsoft365
  readonly secrets: DemoSecrets
  readonly password: string
  readonly caFile: string
}): DemoFacts {
  const { daemon, simulator, secrets, password, caFile } = parts
  const { admin } = daemon
  const listeners = daemon.listeners()
  const baseDn = admin.status().baseDn ?? BASE_DN
  const http = `http://${first(listeners['http'])}`
  const auth = splitAddress(first(listeners['radiusAuth']))
  const { graphUrl, loginUrl, controlUrl, tenantId } = simulator
  return {
    pid: process.pid,
    http: {
      url: http,
      adminUser: ADMIN,
      adminPassword: secrets.adminPassword,
      adminToken: secrets.adminToken ?? '',
    },
    ldap: {
      url: `ldap://${first(listeners['ldap'])}`,
      ldapsUrl: `ldaps://${first(listeners['ldaps'])}`,
      caFile,
      baseDn,
      peopleDn: `ou=people,${baseDn}`,
      groupsDn: `ou=groups,${baseDn}`,
      bindDn: admin.serviceDn(LDAP_CLIENT) ?? `uid=${LDAP_CLIENT},ou=services,${baseDn}`,
      bindPassword: secrets.ldapSecret ?? '',
    },
    radius: {
      host: auth.host,
      authPort: auth.port,
      acctPort: splitAddress(first(listeners['radiusAcct'])).port,
      radsecPort: RADSEC_PORT,
      secret: SECRET,
      serverName: daemon.serverName,
      caFile,
    },
    scim: { url: `${http}/scim/v2`, token: secrets.scimToken ?? '' },
    microsoft365: { graphUrl, loginUrl, controlUrl, tenantId, caFile: simulator.caFile },
    people: Array.from(admin.directory.search({ op: 'kind', kind: 'person' }), ({ value }) => {
      const person = value as Person
      return { username: person.username, password, mail: person.mail, state: stateOf(person) }
    }),
  }
}

/** A listener that is switched off leaves its place empty. */
function first(addresses: readonly string[] | undefined): string {
  return addresses?.[0] ?? ''
}

function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':')
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) }
}
