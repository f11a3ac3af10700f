import { Argon2Pool } from '../../src/credentials/argon2-pool.ts'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { ChallengeLogins } from '../../src/credentials/challenge-login.ts'
import { CredentialIndex } from '../../src/credentials/credential-index.ts'
import { Failures } from '../../src/credentials/failures.ts'
import { digestSecret } from '../../src/credentials/generated-secret.ts'
import { NetworkSecrets } from '../../src/credentials/network-secrets.ts'
import { ntHash } from '../../src/credentials/nt-hash.ts'
import { PasswordAuthenticator } from '../../src/credentials/password-authenticator.ts'
import { ResumedLogins } from '../../src/credentials/resumed-logins.ts'
import type { SecondFactors } from '../../src/credentials/second-factors.ts'
import { SecondStep } from '../../src/credentials/second-step.ts'
import type { Credential } from '../../src/directory/credential.ts'
import type { Freshness } from '../../src/directory/directory.ts'
import type { CredentialId, PrincipalId } from '../../src/directory/id.ts'
import type { RadiusMethod } from '../../src/directory/network.ts'
import type { SessionReport } from '../../src/directory/ports/accounting.ts'
import { RadiusGateway } from '../../src/gateway/radius/gateway.ts'
import { SessionClasses } from '../../src/gateway/radius/session-class.ts'
import type { AuthEvent } from '../../src/observe/auth-event.ts'
import type { Log } from '../../src/observe/log.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { aCredential, cheap, MemoryFailureStore } from './credentials.ts'
import {
  aGroup,
  aHold,
  aNas,
  aNetwork,
  aPerson,
  MemoryDirectory,
  someSettings,
} from './directory.ts'

export const serverName = 'radius.example.test'
export const password = 's3cret-Pa55'
/** Everybody's, for MS-CHAPv2 and CHAP. */
export const networkPassword = 'net-7d3k-9q2m-x4vb-t8hc-w5zn-f6rj-p1gs'
export const nasSecret = 'testing123'

const loopback = [{ host: '127.0.0.1', port: 0 }]

/**
 * A RADIUS gateway on loopback over a directory in memory and the real authenticator: two networks
 * behind one NAS, `corp` for staff (VLAN 20, engineers 42) and `guest` for everybody (VLAN 99).
 * alice is an engineer, bob in no group, carol on hold, dave staged.
 */
export class GatewayBench {
  readonly engineers = aGroup({ name: 'engineers' })
  readonly staff = aGroup({ name: 'staff' })
  readonly nas = aNas({ name: 'ap-1', secrets: [Buffer.from(nasSecret)] })
  readonly people = {
    alice: aPerson({ username: 'alice' }),
    bob: aPerson({ username: 'bob' }),
    carol: aPerson({ username: 'carol', holds: [aHold()] }),
    dave: aPerson({ username: 'dave', lifecycle: 'staged' }),
  }
  readonly corp = aNetwork({
    name: 'corp',
    priority: 10,
    rules: [{ ssids: ['corp'], withoutSsid: true }],
    everyone: false,
    groups: [
      { groupId: this.engineers.id, vlan: 42, attributes: [{ name: 'Filter-Id', value: 'eng' }] },
      { groupId: this.staff.id, vlan: null, attributes: [] },
    ],
    vlan: 20,
    sessionTimeoutSeconds: 3600,
  })
  readonly guest = aNetwork({
    name: 'guest',
    priority: 20,
    rules: [{ ssids: ['guest'] }],
    methods: ['ttls-pap'],
    everyone: true,
    vlan: 99,
  })
  readonly directory = new MemoryDirectory(
    this.engineers,
    this.staff,
    this.nas,
    this.corp,
    this.guest,
    ...Object.values(this.people),
  )
  readonly events: AuthEvent[] = []
  readonly reports: SessionReport[] = []
  readonly lines: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[] =
    []
  readonly metrics = new Metrics({ withProcessMetrics: false })
  readonly #pool = new Argon2Pool({ parameters: cheap, concurrency: 2 })
  readonly #credentials = new CredentialIndex()
  readonly #owned = new Set<CredentialId>()
  readonly #failures = new Failures({ store: new MemoryFailureStore() })
  freshness: Freshness = 'fresh'
  /** Set before the start: TLS sessions are resumed. */
  resumes = false
  /** One-time codes; nobody has any by default. */
  factors: Pick<SecondFactors, 'check'> = { check: async () => ({ ok: false, why: 'no-factor' }) }
  /** What recording a session report throws; null when it succeeds. */
  sessionFault: Error | null = null
  caPem = ''
  /** Given before the start by who wants several with one CA. */
  certificates: Awaited<ReturnType<typeof GatewayBench.makeCertificates>> | null = null
  readonly classes = new SessionClasses([Buffer.alloc(32, 7)])
  #gateway: RadiusGateway | null = null

  async start(): Promise<this> {
    this.directory.put(someSettings({ allowNetworkPasswords: true }))
    this.directory.join(this.engineers, this.people.alice)
    this.directory.join(this.staff, this.engineers)
    const verifier = await this.#pool.hash(Buffer.from(password), { key: 'test' })
    for (const { id } of Object.values(this.people)) {
      this.#give(aCredential(id, verifier))
      const digest = digestSecret(networkPassword)
      this.#give(aCredential(id, digest, { type: 'network-password', uses: ['radius'] }))
    }
    const { caPem, ...certificate } = this.certificates ?? (await GatewayBench.makeCertificates())
    this.caPem = caPem
    this.#gateway = new RadiusGateway({
      witness: { signed: () => undefined, used: () => undefined },
      directory: this.directory.model,
      authenticator: new SecondStep({
        authenticator: this.#authenticator(),
        factors: () => this.factors,
        directory: this.directory.model,
        credentials: this.#credentials,
        events: { record: (event) => this.events.push(event) },
      }),
      challenges: this.#challenges(),
      ...(this.resumes ? { resumable: this.#resumable() } : {}),
      events: { record: (event) => this.events.push(event) },
      sessions: {
        record: async (report) => {
          if (this.sessionFault !== null) throw this.sessionFault
          this.reports.push(report)
        },
      },
      classes: this.classes,
      freshness: () => this.freshness,
      listen: { auth: loopback, acct: loopback, radsec: loopback },
      certificate,
      authority: caPem,
      metrics: this.metrics,
      log: this.#log(),
    })
    await this.#gateway.start(AbortSignal.timeout(5_000))
    return this
  }

  /** A server certificate of an authority made for it. */
  static async makeCertificates() {
    const authority = await makeAuthority('Test Root', Date.now())
    const names = [serverName]
    const issued = await issueServerCertificate(authority, { names, nowMs: Date.now() })
    return { ...issued, caPem: authority.certificate }
  }

  /** What `corp` takes from now on. */
  allow(...methods: readonly RadiusMethod[]): void {
    this.directory.put({ ...this.corp, methods })
  }

  get authPort(): number {
    return this.#gateway?.addresses('auth')[0]?.port ?? 0
  }

  /** 0 while there is no RadSec peer. */
  get radsecPort(): number {
    return this.#gateway?.addresses('radsec')[0]?.port ?? 0
  }

  get acctPort(): number {
    return this.#gateway?.addresses('acct')[0]?.port ?? 0
  }

  /** The reason of the latest auth event; null for a success. */
  get lastReason(): string | null | undefined {
    return this.events.at(-1)?.reason
  }

  /** Gives somebody a generated password beside what she has; returns how to take it away. */
  give(id: PrincipalId, text: string): () => void {
    const stored = digestSecret(text)
    const credential = aCredential(id, stored, { type: 'network-password', uses: ['radius'] })
    this.#give(credential)
    return () => {
      const gone = { kind: 'credential', id: credential.id, value: null } as const
      this.#credentials.apply([{ ...gone, usn: 2, atMs: 0 }])
    }
  }

  async stop(): Promise<void> {
    await this.#gateway?.stop()
    await this.#failures.stop()
    await this.#pool.stop()
  }

  #authenticator(): PasswordAuthenticator {
    return new PasswordAuthenticator({
      directory: this.directory.model,
      credentials: this.#credentials,
      pool: this.#pool,
      failures: this.#failures,
      events: { record: (event) => this.events.push(event) },
      freshness: () => this.freshness,
      store: { rehash: async () => ({ changed: 0, inboxSeq: null }) },
    })
  }

  #challenges(): ChallengeLogins {
    const bytes = Buffer.from(networkPassword)
    const secret = { ntHash: ntHash(bytes), password: bytes }
    return new ChallengeLogins({
      directory: this.directory.model,
      credentials: this.#credentials,
      secrets: new NetworkSecrets({
        readNetworkSecret: async (id) => (this.#owned.has(id) ? secret : null),
      }),
      failures: this.#failures,
      events: { record: (event) => this.events.push(event) },
      freshness: () => this.freshness,
    })
  }

  #resumable(): ResumedLogins {
    return new ResumedLogins({
      directory: this.directory.model,
      credentials: this.#credentials,
      events: { record: (event) => this.events.push(event) },
      freshness: () => this.freshness,
    })
  }

  #give(value: Credential): void {
    this.#owned.add(value.id)
    this.#credentials.apply([{ kind: 'credential', id: value.id, value, usn: 1, atMs: 0 }])
  }

  #log(): Log {
    const write = (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      this.lines.push({ event, fields })
    }
    const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log }
    return log
  }
}
