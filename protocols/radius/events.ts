/** Why a datagram got no answer. */
export type DropReason =
  | 'unknown-client'
  | 'malformed'
  | 'unexpected-code'
  | 'bad-message-authenticator'
  | 'missing-message-authenticator'
  | 'proxy-state-without-message-authenticator'
  | 'bad-authenticator'
  | 'duplicate-in-progress'
  | 'overloaded'
  /** Its client sends more than it may. */
  | 'rate-limited'
  | 'unanswered'

export interface Drop {
  readonly reason: DropReason
  readonly socket: SocketKind
  /** Where it came from. */
  readonly address: string
  readonly port: number
  /** Null when the address belongs to no client. */
  readonly client: string | null
  /** Particulars for the log; never a secret. */
  readonly detail: string | null
}

export type SocketKind = 'auth' | 'acct' | 'radsec'

export interface Answered {
  readonly socket: SocketKind
  readonly client: string
  readonly requestCode: number
  readonly replyCode: number
  /** It was a duplicate, answered from the cache. */
  readonly isRepeated: boolean
  readonly durationMs: number
}

/** What a server tells of its work: for metrics and the log. Must not throw. */
export interface RadiusObserver {
  dropped(drop: Drop): void
  answered(answered: Answered): void
  /** A fault of our own: the handler threw, or a reply could not be encoded or sent. */
  failed(
    error: unknown,
    where: { readonly socket: SocketKind; readonly client: string | null },
  ): void
}
