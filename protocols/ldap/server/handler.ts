import type { Control } from '../control.ts'
import type {
  AddRequest,
  BindRequest,
  CompareRequest,
  DelRequest,
  ExtendedRequest,
  LdapResult,
  ModifyDnRequest,
  ModifyRequest,
  Request,
  SearchRequest,
} from '../message.ts'

/** Who is at the other end. A StartTLS replaces the peer, and with it the session. */
export interface LdapPeer {
  /** IPv4 or IPv6 text; mapped IPv4 is written as IPv4. */
  readonly address: string
  readonly port: number
  readonly isLoopback: boolean
  readonly isEncrypted: boolean
}

/** What a server is for: it opens a session for each connection. */
export interface LdapHandler {
  /**
   * Controls that are understood, each with the requests it may come with. A critical control
   * that isn't here is refused before the session sees the request (RFC 4511 §4.1.11).
   */
  readonly supportedControls: ReadonlyMap<string, readonly Request['kind'][]>
  open(peer: LdapPeer): LdapSession
}

/** A value at once, which costs no trip through the microtask queue, or a promise of it. */
export type Answer<T> = T | Promise<T>

/** A result, with the controls that go with it. */
export interface Outcome extends LdapResult {
  readonly controls?: readonly Control[]
}

export interface ExtendedOutcome extends Outcome {
  readonly name?: string | null
  readonly value?: Buffer | null
}

export type UpdateRequest = ModifyRequest | AddRequest | DelRequest | ModifyDnRequest

/**
 * One connection's conversation. The server orders the calls: a bind waits for what is under way,
 * and nothing starts before it has been answered (RFC 4511 §4.2.1). Views of the message's bytes
 * are valid for the whole operation. What is thrown is answered with `other` and reported.
 */
export interface LdapSession {
  /** True after a successful bind with a name; longer messages are read then. */
  readonly isAuthenticated: boolean
  bind(request: BindRequest, operation: LdapOperation): Answer<Outcome>
  /** A bind was refused unasked; whoever was signed in is so no longer (RFC 4513 §4). */
  signOut(): void
  search(request: SearchRequest, entries: EntryWriter, operation: LdapOperation): Answer<Outcome>
  compare(request: CompareRequest, operation: LdapOperation): Answer<Outcome>
  update(request: UpdateRequest, operation: LdapOperation): Answer<Outcome>
  extended(request: ExtendedRequest, operation: LdapOperation): Answer<ExtendedOutcome>
  /** The connection is gone; called once. */
  closed(): void
}

export interface LdapOperation {
  readonly messageId: number
  /** Those that apply; unknown ones that weren't critical are still among them. */
  readonly controls: readonly Control[]
  /** Abandoned, or the connection is gone: nothing more will be sent. */
  readonly isOver: boolean
  /** Aborts when the operation is over; made when first asked for. */
  readonly signal: AbortSignal
}

/** Where a search sends what it finds. */
export interface EntryWriter {
  /**
   * Sends one entry from BER that is kept between searches.
   *
   * @param objectName the DN as an OCTET STRING element
   * @param attributes PartialAttribute elements; never written to
   * @returns false when the search should `await ready()` before it goes on, because the client
   *   reads slowly, others want their turn or the operation is over
   */
  entry(objectName: Buffer, attributes: readonly Buffer[]): boolean
  /** As {@link entry}, for one that {@link encodeEntry} has made whole. */
  wholeEntry(bytes: Buffer): boolean
  /** The same question without an entry, for long stretches that match nothing. */
  mayContinue(): boolean
  /** Resolves when there is room and others had their turn, or when the operation is over. */
  ready(): Promise<void>
}

/** Things worth counting or logging; each is called synchronously and must not throw. */
export interface LdapObserver {
  opened?(peer: LdapPeer): void
  closed?(peer: LdapPeer): void
  /** A connection turned away, or ended for a broken rule. */
  refused?(reason: RefusalReason, address: string): void
  answered?(kind: Request['kind'], code: number): void
  /** A handler threw. The text given back goes to the client as the place to look. */
  fault?(error: unknown): string
}

export type RefusalReason =
  | 'too-many-connections'
  | 'too-many-from-address'
  | 'malformed'
  | 'too-large'
  | 'buffers-full'
  | 'idle'
  | 'slow-request'
  | 'slow-reader'
  | 'handshake'
  | 'cleartext-after-starttls'
