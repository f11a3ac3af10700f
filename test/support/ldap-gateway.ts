/** The LDAP gateway on a directory in memory, spoken to without sockets. */
import {
  BerWriter,
  type Control,
  decodeMessage,
  type EntryWriter,
  encodeEntry,
  type LdapOperation,
  type LdapPeer,
  type LdapSession,
  type Outcome,
  type SearchRequest,
  Tag,
} from '../../protocols/ldap/index.ts'
import type {
  Attempt,
  Outcome as Authentication,
  Authenticator,
} from '../../src/credentials/authenticate.ts'
import type { Directory } from '../../src/directory/directory.ts'
import type { EntryValue } from '../../src/directory/query.ts'
import { LdapGateway } from '../../src/gateway/ldap/gateway.ts'
import { aBind, aSearch } from './ldap-client.ts'

export const BASE = 'dc=contoso,dc=example'
export const RIGHT = 'the right password'

export const loopback: LdapPeer = {
  address: '127.0.0.1',
  port: 40_000,
  isLoopback: true,
  isEncrypted: false,
}

/** Lets in whoever the directory knows, with the one right password; records what it was asked. */
export class OnePassword implements Authenticator {
  readonly attempts: Attempt[] = []
  /** Given instead of the usual answer, or thrown when it is an error. */
  answer: Authentication | Promise<Authentication> | Error | null = null
  readonly #directory: Directory

  constructor(directory: Directory) {
    this.#directory = directory
  }

  authenticate(attempt: Attempt): Authentication | Promise<Authentication> {
    this.attempts.push(attempt)
    if (this.answer instanceof Error) throw this.answer
    if (this.answer !== null) return this.answer
    const { subject } = attempt
    const entry =
      subject.by === 'entry' ? subject.entry : this.#directory.personByLoginName(subject.name)
    if (entry === null) return { ok: false, denial: 'unknown-name' }
    if (attempt.password.toString() !== RIGHT) return { ok: false, denial: 'wrong-password' }
    const grant = { why: 'everyone', vlan: null, attributes: [] }
    return { ok: true, who: entry as (Authentication & { ok: true })['who'], grant }
  }
}

/** The attributes tests look at one by one. */
type Looked =
  | 'attributeTypes'
  | 'entryUUID'
  | 'lastUSN'
  | 'member'
  | 'memberOf'
  | 'memberUid'
  | 'namingContexts'
  | 'nsAccountLock'
  | 'sn'
  | 'sshPublicKey'
  | 'supportedControl'
  | 'uid'

export interface Found {
  readonly dn: string
  readonly attributes: Readonly<Partial<Record<Looked, readonly string[]>>>
}

export interface Answer {
  readonly entries: readonly Found[]
  readonly outcome: Outcome
}

/** How often the writer may be asked before it wants a pause; the default is for ever. */
export interface Pace {
  readonly questionsATurn: number
  /** Called in each pause. */
  readonly onPause?: () => void
}

export class Conversation {
  readonly session: LdapSession

  constructor(session: LdapSession) {
    this.session = session
  }

  async bind(name: string, password: string = RIGHT): Promise<Outcome> {
    const request = aBind(name, password)
    if (request.kind !== 'bindRequest') throw new TypeError('no bind')
    return await this.session.bind(request, anOperation())
  }

  async search(
    filter: string,
    overrides: Partial<SearchRequest> = {},
    options: { readonly controls?: readonly Control[]; readonly pace?: Pace } = {},
  ): Promise<Answer> {
    const writer = new Collector(options.pace ?? { questionsATurn: Number.POSITIVE_INFINITY })
    const operation = anOperation(options.controls ?? [])
    const request = aSearch(filter, { baseObject: BASE, ...overrides })
    const outcome = await this.session.search(request, writer, operation)
    return { entries: writer.entries, outcome }
  }

  /** DNs found, without the base DN behind them. */
  async names(filter: string, overrides: Partial<SearchRequest> = {}): Promise<string[]> {
    const { entries } = await this.search(filter, { attributes: ['1.1'], ...overrides })
    return entries.map(({ dn }) => dn.replace(`,${BASE}`, ''))
  }

  /** The one entry found. @throws when there are none, or several */
  async only(filter: string, attributes: readonly string[] = []): Promise<Found> {
    const { entries } = await this.search(filter, { attributes })
    const [entry] = entries
    if (entry === undefined || entries.length !== 1) throw new Error(`${entries.length} found`)
    return entry
  }
}

class Collector implements EntryWriter {
  readonly entries: Found[] = []
  readonly #pace: Pace
  #left: number

  constructor(pace: Pace) {
    this.#pace = pace
    this.#left = pace.questionsATurn
  }

  entry(objectName: Buffer, attributes: readonly Buffer[]): boolean {
    this.entries.push(decodeEntry(encodeEntry(objectName, attributes)))
    return this.mayContinue()
  }

  wholeEntry(bytes: Buffer): boolean {
    this.entries.push(decodeEntry(bytes))
    return this.mayContinue()
  }

  mayContinue(): boolean {
    this.#left--
    return this.#left >= 0
  }

  async ready(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#pace.onPause?.()
    this.#left = this.#pace.questionsATurn
  }
}

function decodeEntry(bytes: Buffer): Found {
  const writer = new BerWriter()
  const message = writer.open(Tag.sequence)
  writer.integer(1).raw(bytes).close(message)
  const decoded = decodeMessage(writer.view()).operation
  if (decoded.kind !== 'searchResultEntry') throw new TypeError('no entry')
  const values = decoded.attributes.map(({ type, values: list_ }) => [
    type,
    list_.map((value) => value.toString()),
  ])
  return { dn: decoded.objectName, attributes: Object.fromEntries(values) }
}

export function anOperation(controls: readonly Control[] = []): LdapOperation {
  return { messageId: 1, controls, isOver: false, signal: new AbortController().signal }
}

export interface TestGateway {
  readonly gateway: LdapGateway
  readonly authenticator: OnePassword
  /** Somebody new at the door. */
  anyone(peer?: LdapPeer): Conversation
  /** A conversation of an LDAP client or person who has signed in. */
  as(value: EntryValue, peer?: LdapPeer): Promise<Conversation>
}

export function startGateway(
  directory: Directory,
  options: { cookieKey?: Buffer } = {},
): TestGateway {
  const authenticator = new OnePassword(directory)
  const gateway = new LdapGateway({
    directory,
    authenticator,
    vendorVersion: '1.2.3',
    hasTls: () => true,
    ...options,
  })
  const anyone = (peer = loopback) => new Conversation(gateway.open(peer))
  return {
    gateway,
    authenticator,
    anyone,
    as: async (value, peer = loopback) => {
      const conversation = anyone(peer)
      const { code } = await conversation.bind(dnOf(value))
      if (code !== 0) throw new Error(`the bind answered ${code}`)
      return conversation
    },
  }
}

export function dnOf(value: EntryValue): string {
  switch (value.kind) {
    case 'person':
      return `uid=${value.username},ou=people,${BASE}`
    case 'group':
      return `cn=${value.name},ou=groups,${BASE}`
    case 'service':
      return `uid=${value.name},ou=services,${BASE}`
  }
}
