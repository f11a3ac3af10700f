import { Argon2Pool } from '../../src/credentials/argon2-pool.ts'
import type { Attempt } from '../../src/credentials/authenticate.ts'
import { CredentialIndex } from '../../src/credentials/credential-index.ts'
import { Failures } from '../../src/credentials/failures.ts'
import type { NameLimit } from '../../src/credentials/name-limit.ts'
import { PasswordAuthenticator } from '../../src/credentials/password-authenticator.ts'
import type { Credential } from '../../src/directory/credential.ts'
import type { Directory, Freshness } from '../../src/directory/directory.ts'
import { DirectoryError } from '../../src/directory/errors.ts'
import { foldText } from '../../src/directory/fold.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import { makeId } from '../../src/directory/id.ts'
import type { Person } from '../../src/directory/person.ts'
import type { FailureCount, FailureKey, FailureStore } from '../../src/directory/ports/resources.ts'
import { formatFailureKey } from '../../src/directory/ports/resources.ts'
import type { Entry } from '../../src/directory/query.ts'
import type { Administrator, Service } from '../../src/directory/service.ts'
import type { AuthEvent } from '../../src/observe/auth-event.ts'

/** The least an argon2 may cost, so that tests about order and counting do not wait for hashes. */
export const cheap = { memoryKib: 8, passes: 1, lanes: 1 }

export const never = new AbortController()

let lastNo = 0

export function aPerson(username: string, change: Partial<Person> = {}): Person {
  lastNo += 1
  return {
    kind: 'person',
    id: makeId<PrincipalId>(),
    no: lastNo,
    version: 1,
    username,
    loginNames: [{ folded: foldText(username), kind: 'username' }],
    isGuest: false,
    managerId: null,
    uidNumber: 300_000 + lastNo,
    gidNumber: 300_000 + lastNo,
    homeDirectory: `/home/${username}`,
    loginShell: '/bin/bash',
    sshPublicKeys: [],
    lifecycle: 'active',
    holds: [],
    createdAtMs: 0,
    displayName: username,
    givenName: null,
    surname: null,
    mail: null,
    userPrincipalName: null,
    jobTitle: null,
    department: null,
    companyName: null,
    officeLocation: null,
    employeeId: null,
    employeeType: null,
    mobilePhone: null,
    businessPhone: null,
    streetAddress: null,
    city: null,
    region: null,
    postalCode: null,
    country: null,
    preferredLanguage: null,
    ...change,
  }
}

export function aService(name: string, change: Partial<Service> = {}): Service {
  lastNo += 1
  return {
    kind: 'service',
    id: makeId<PrincipalId>(),
    no: lastNo,
    version: 1,
    purpose: 'ldap-client',
    name,
    view: { sees: 'all' },
    allowedGroupIds: null,
    lifecycle: 'active',
    holds: [],
    createdAtMs: 0,
    ...change,
  }
}

export function anAdministrator(username: string): Administrator {
  lastNo += 1
  return {
    kind: 'administrator',
    id: makeId<PrincipalId>(),
    no: lastNo,
    version: 1,
    username,
    role: 'owner',
    lifecycle: 'active',
    holds: [],
    createdAtMs: 0,
  }
}

export function aCredential(
  principalId: PrincipalId,
  verifier: string,
  change: Partial<Credential> = {},
): Credential {
  return {
    kind: 'credential',
    id: makeId(),
    principalId,
    version: 1,
    type: 'primary-password',
    label: 'password',
    verifier,
    uses: [],
    serviceId: null,
    principalVersion: null,
    expiresAtMs: null,
    isTemporary: false,
    createdAtMs: 0,
    ...change,
  }
}

/** People, services and administrators by name and id; nobody belongs to any group. */
export class FakeDirectory {
  readonly #entries = new Map<string, Entry>()
  readonly #people = new Map<string, string>()
  readonly #administrators = new Map<string, Administrator>()
  readonly settings = { allowNetworkPasswords: false }

  put(value: Person | Service): Entry {
    const entry: Entry = { no: value.no, value, usn: 1, modifiedAtMs: 0 }
    this.#entries.set(value.id, entry)
    if (value.kind === 'person') {
      for (const name of value.loginNames) this.#people.set(name.folded, value.id)
    }
    return entry
  }

  putAdministrator(administrator: Administrator): void {
    this.#administrators.set(administrator.username, administrator)
  }

  remove(id: string): void {
    this.#entries.delete(id)
  }

  entry(no: number): Entry | null {
    for (const one of this.#entries.values()) if (one.no === no) return one
    return null
  }

  entryById(id: string): Entry | null {
    return this.#entries.get(id) ?? null
  }

  personByLoginName(folded: string): Entry | null {
    return this.#entries.get(this.#people.get(folded) ?? '') ?? null
  }

  administratorByName(folded: string): Administrator | null {
    return this.#administrators.get(folded) ?? null
  }

  administratorById(id: string): Administrator | null {
    for (const one of this.#administrators.values()) if (one.id === id) return one
    return null
  }

  isMember(): boolean {
    return false
  }

  asDirectory(): Directory {
    return this as unknown as Directory
  }
}

/** Counts like the database, or refuses like one that is away. */
export class MemoryFailureStore implements FailureStore {
  readonly counts = new Map<string, FailureCount>()
  isAway = false
  calls = 0

  async recordFailure(key: FailureKey): Promise<FailureCount> {
    this.#answerOrThrow()
    const text = formatFailureKey(key)
    const count = { failures: (this.counts.get(text)?.failures ?? 0) + 1, lastAtMs: Date.now() }
    this.counts.set(text, count)
    return count
  }

  async clear(key: FailureKey): Promise<void> {
    this.#answerOrThrow()
    this.counts.delete(formatFailureKey(key))
  }

  async current(): Promise<ReadonlyMap<string, FailureCount>> {
    this.#answerOrThrow()
    return new Map(this.counts)
  }

  #answerOrThrow(): void {
    this.calls += 1
    if (this.isAway) throw new DirectoryError('DIRECTORY_UNAVAILABLE', 'the database is away')
  }
}

/** An authenticator with everything it needs, over fakes; `clock.nowMs` is the time. */
export class Bench {
  readonly directory = new FakeDirectory()
  readonly credentials = new CredentialIndex()
  readonly store = new MemoryFailureStore()
  readonly events: AuthEvent[] = []
  readonly faults: unknown[] = []
  readonly rehashes: { readonly before: string; readonly after: string }[] = []
  readonly clock = { nowMs: Date.now() }
  readonly pool: Argon2Pool
  readonly failures: Failures
  readonly authenticator: PasswordAuthenticator
  freshness: Freshness = 'fresh'

  constructor(options: { pool?: Argon2Pool; names?: NameLimit } = {}) {
    this.pool =
      options.pool ?? new Argon2Pool({ parameters: cheap, concurrency: 2, deadlineMs: 60_000 })
    const nowMs = () => this.clock.nowMs
    const onFault = (error: unknown) => this.faults.push(error)
    this.failures = new Failures({ store: this.store, nowMs, onFault })
    this.authenticator = new PasswordAuthenticator({
      directory: this.directory.asDirectory(),
      credentials: this.credentials,
      pool: this.pool,
      failures: this.failures,
      events: { record: (event) => this.events.push(event) },
      freshness: () => this.freshness,
      store: {
        rehash: async (_id, change) => {
          this.rehashes.push(change)
          return { changed: 1, inboxSeq: 1n }
        },
      },
      nowMs,
      onFault,
      ...(options.names === undefined ? {} : { names: options.names }),
    })
  }

  putCredential(credential: Credential): void {
    const { id } = credential
    this.credentials.apply([{ kind: 'credential', id, value: credential, usn: 1, atMs: 0 }])
  }

  removeCredential(id: string): void {
    this.credentials.apply([{ kind: 'credential', id, value: null, usn: 2, atMs: 0 }])
  }

  /** Puts a person with a primary password hashed at the pool's cost. */
  async putPerson(username: string, password: string, change: Partial<Person> = {}) {
    const person = aPerson(username, change)
    this.directory.put(person)
    const verifier = await this.pool.hash(Buffer.from(password), { key: 'test' })
    const credential = aCredential(person.id, verifier)
    this.putCredential(credential)
    return { person, credential }
  }

  async stop(): Promise<void> {
    await this.failures.stop()
    await this.pool.stop()
  }
}

export function anAttempt(name: string, password: string | Buffer, change: Partial<Attempt> = {}) {
  const attempt: Attempt = {
    subject: { by: 'login-name', name },
    password: typeof password === 'string' ? Buffer.from(password) : password,
    resource: { kind: 'ldap', client: null },
    method: 'ldap-simple',
    address: '192.0.2.1',
    device: null,
    ...change,
  }
  return attempt
}
