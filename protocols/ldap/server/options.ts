import { MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES_ANONYMOUS } from '../limits.ts'

/** Bounds of a server, all of them against clients that take more than their share. */
export interface LdapServerLimits {
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  readonly maxMessageBytesAnonymous: number
  readonly maxMessageBytes: number
  /** Unfinished requests of all connections together. */
  readonly maxBufferedBytes: number
  /** Answers of all connections together that wait for their clients to read. */
  readonly maxUnreadBytes: number
  /** Operations of one connection under way at a time; later ones wait unread. */
  readonly maxPendingOperations: number
  readonly handshakeTimeoutMs: number
  /** From the last byte of any request or answer. */
  readonly idleTimeoutMs: number
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs: number
  /** How long answers may wait for the client to read. */
  readonly writeTimeoutMs: number
  /** How long a stop waits for what is under way. */
  readonly drainTimeoutMs: number
}

/** SSSD keeps connections for 15 minutes and Apache pools them, so idle ones live a little longer. */
export const DEFAULT_LIMITS: LdapServerLimits = {
  maxConnections: 16_384,
  maxConnectionsPerAddress: 8_192,
  maxMessageBytesAnonymous: MAX_MESSAGE_BYTES_ANONYMOUS,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxBufferedBytes: 256 * 1024 * 1024,
  maxUnreadBytes: 256 * 1024 * 1024,
  maxPendingOperations: 128,
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 1_200_000,
  requestTimeoutMs: 60_000,
  writeTimeoutMs: 60_000,
  drainTimeoutMs: 10_000,
}

/** Longest stretch of work before other connections get their turn. */
export const SLICE_MS = 5
