/** An LDAP server on loopback whose handler is the test's own. */
import { createSecureContext, type SecureContext } from 'node:tls'
import {
  type LdapHandler,
  type LdapObserver,
  type LdapOperation,
  LdapServer,
  type LdapServerLimits,
  type LdapSession,
  Oid,
  type Outcome,
  type RefusalReason,
} from '../../protocols/ldap/index.ts'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { LdapClient } from './ldap-client.ts'

export function outcome(code = 0, diagnostic = ''): Outcome {
  return { code, matchedDn: '', diagnostic, referral: [] }
}

/** A session that says success to everything, but for what the test overrides. */
export function aSession(overrides: Partial<LdapSession> = {}): LdapSession {
  return {
    isAuthenticated: false,
    bind: () => outcome(),
    search: () => outcome(),
    compare: () => outcome(6),
    signOut: () => undefined,
    update: () => outcome(53),
    extended: () => outcome(),
    closed: () => undefined,
    ...overrides,
  }
}

export function aHandler(open: LdapHandler['open']): LdapHandler {
  return {
    supportedControls: new Map([[Oid.pagedResults, ['searchRequest']]]),
    open,
  }
}

export interface TestServer {
  readonly server: LdapServer
  readonly port: number
  readonly tlsPort: number
  /** Why connections were turned away or ended. */
  readonly refusals: readonly RefusalReason[]
  client(): Promise<LdapClient>
  tlsClient(): Promise<LdapClient>
}

let context: Promise<SecureContext> | null = null

/** A certificate for 127.0.0.1, made once for each test process. */
export function secureContext(): Promise<SecureContext> {
  context ??= makeContext('127.0.0.1')
  return context
}

export async function makeContext(name: string): Promise<SecureContext> {
  const nowMs = Date.now()
  const authority = await makeAuthority('Test', nowMs)
  const { certificate, privateKey } = await issueServerCertificate(authority, {
    names: [name],
    nowMs,
  })
  return createSecureContext({ cert: certificate, key: privateKey })
}

/** Starts a plain and a TLS listener; both, and every client made here, end with the test. */
export async function startServer(
  t: { teardown(end: () => unknown): unknown },
  handler: LdapHandler,
  options: {
    readonly limits?: Partial<LdapServerLimits>
    readonly observer?: LdapObserver
    readonly withoutTls?: boolean
  } = {},
): Promise<TestServer> {
  const refusals: RefusalReason[] = []
  const clients: LdapClient[] = []
  const host = '127.0.0.1'
  const plain = { host, port: 0, isTls: false }
  const server = new LdapServer({
    handler,
    listeners: options.withoutTls === true ? [plain] : [plain, { host, port: 0, isTls: true }],
    secureContext: options.withoutTls === true ? null : await secureContext(),
    limits: { drainTimeoutMs: 200, ...options.limits },
    observer: { refused: (reason) => refusals.push(reason), ...options.observer },
  })
  await server.start()
  t.teardown(async () => {
    for (const client of clients) client.end()
    await server.stop()
  })
  const [{ port } = { port: 0 }, { port: tlsPort } = { port: 0 }] = server.addresses()
  const kept = async (opened: Promise<LdapClient>) => {
    const client = await opened
    clients.push(client)
    return client
  }
  return {
    server,
    port,
    tlsPort,
    refusals,
    client: () => kept(LdapClient.open(port)),
    tlsClient: () => kept(LdapClient.openTls(tlsPort)),
  }
}

/** Promises that a test settles by hand, one for each operation, in the order of their start. */
export function gates() {
  const started: { readonly operation: LdapOperation; open(): void }[] = []
  const wait = (operation: LdapOperation) =>
    new Promise<ReturnType<typeof outcome>>((resolve) => {
      started.push({ operation, open: () => resolve(outcome()) })
    })
  return { started, wait }
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Nothing comes within a few turns of the event loop. */
export async function isSilent(client: LdapClient): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 40))
  return client.inbox.length === 0
}
