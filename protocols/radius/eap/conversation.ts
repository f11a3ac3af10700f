import { RadiusError } from '../errors.ts'
import type {
  EapMethod,
  MethodFacts,
  MethodFailure,
  MethodRun,
  MethodStep,
  MethodSuccess,
  TlsVersion,
} from './method.ts'
import { type EapPacket, EapType } from './packet.ts'

/** hostapd's `max_auth_rounds`: enough for a long certificate chain in small fragments. */
const MAX_ROUNDS = 100
/** RFC 2865 §5.1: what fits User-Name. */
const MAX_IDENTITY_BYTES = 253
const EAP_HEADER_BYTES = 5

export type ConversationStep<Grant> =
  | { readonly kind: 'request'; readonly type: number; readonly data: Buffer }
  | ({ readonly kind: 'success' } & MethodSuccess<Grant>)
  | { readonly kind: 'failure'; readonly failure: MethodFailure }

/** What a conversation is begun with and keeps to its end. */
export interface Opening<Context, Grant> {
  readonly context: Context
  /** In the order in which they are proposed. */
  readonly methods: readonly EapMethod<Context, Grant>[]
}

/** The conversation another one runs in. */
export interface Tunnel {
  readonly outerIdentity: string
  readonly tls: TlsVersion | null
}

const noFacts: MethodFacts = { name: null, tls: null, hasTunnel: false }

/** One peer's way from Identity to Success or Failure (RFC 3748 §2). */
export class Conversation<Context, Grant> {
  readonly opening: Opening<Context, Grant>
  /** Who alone may go on with it. */
  readonly owner: string
  readonly startedAtMs: number
  readonly #maxEapBytes: number
  readonly #tunnel: Tunnel | null
  #identity: string | null = null
  #method: EapMethod<Context, Grant> | null = null
  #run: MethodRun<Grant> | null = null
  /** Responses since a method was proposed: a Nak is good as the first only (RFC 3748 §5.3.1). */
  #responses = 0
  #rounds = 0
  /** Identifier of the request that waits for its response; null before the first. */
  expectedIdentifier: number | null = null
  /** `busy`: a step is under way, or ended in a fault of ours; the peer gets no answer. */
  phase: 'waiting' | 'busy' = 'waiting'

  constructor(
    opening: Opening<Context, Grant>,
    options: {
      readonly owner: string
      readonly maxEapBytes: number
      /** What this one runs in; null outside one. */
      readonly tunnel: Tunnel | null
      /** On the clock of whoever keeps it. */
      readonly startedAtMs: number
    },
  ) {
    this.opening = opening
    this.owner = options.owner
    this.startedAtMs = options.startedAtMs
    this.#maxEapBytes = options.maxEapBytes
    this.#tunnel = options.tunnel
  }

  /** Whether its method has begun to work, or a step is being taken just now. */
  get isUnderWay(): boolean {
    return this.phase === 'busy' || (this.#run?.isUnderWay ?? false)
  }

  /** Whether there is a tunnel; a step that is being taken counts as one. */
  get isEstablished(): boolean {
    return this.phase === 'busy' || this.facts.hasTunnel
  }

  /** What the peer called itself outside any tunnel. */
  get identity(): string | null {
    return this.#identity
  }

  get methodName(): string | null {
    return this.#method?.name ?? null
  }

  get facts(): MethodFacts {
    return this.#run?.facts ?? noFacts
  }

  /** @throws {RadiusError} when the peer breaks a rule; anything else is a fault of our own */
  async answer(response: EapPacket, signal: AbortSignal): Promise<ConversationStep<Grant>> {
    this.#rounds += 1
    if (this.#rounds > MAX_ROUNDS) throw new RadiusError('EAP_TOO_LONG', `${MAX_ROUNDS} rounds`)
    if (this.#run === null) return this.#identify(response)
    this.#responses += 1
    if (this.#responses === 1 && response.type === EapType.nak) return this.#propose(response.data)
    if (response.type !== this.#method?.type) {
      throw new RadiusError('EAP_UNEXPECTED', `type ${response.type}`)
    }
    return asStep(
      this.#method.type,
      await this.#run.answer(response.data, signal, response.identifier),
    )
  }

  close(): void {
    this.#run?.close()
  }

  #identify(response: EapPacket): ConversationStep<Grant> {
    if (response.type !== EapType.identity) {
      throw new RadiusError('EAP_UNEXPECTED', `type ${response.type} before Identity`)
    }
    if (response.data.length > MAX_IDENTITY_BYTES) {
      throw new RadiusError('EAP_TOO_LONG', `identity of ${response.data.length} bytes`)
    }
    this.#identity = response.data.toString('utf8')
    const [first] = this.opening.methods
    return first === undefined ? failure('no-method', null) : this.#begin(first)
  }

  #propose(wanted: Buffer): ConversationStep<Grant> {
    const method = this.opening.methods.find(({ type }) => wanted.includes(type))
    if (method === undefined || method === this.#method) {
      return failure('no-common-method', `peer wants ${[...wanted].join(', ')}`)
    }
    return this.#begin(method)
  }

  #begin(method: EapMethod<Context, Grant>): ConversationStep<Grant> {
    this.#run?.close()
    this.#method = method
    this.#run = method.start({
      context: this.opening.context,
      outerIdentity: this.#tunnel?.outerIdentity ?? this.#identity ?? '',
      identity: this.#identity ?? '',
      maxDataBytes: this.#maxEapBytes - EAP_HEADER_BYTES,
      tls: this.#tunnel?.tls ?? null,
    })
    return { kind: 'request', type: method.type, data: this.#run.begin() }
  }
}

function asStep<Grant>(type: number, step: MethodStep<Grant>): ConversationStep<Grant> {
  return step.kind === 'request' ? { kind: 'request', type, data: step.data } : step
}

function failure<Grant>(reason: string, detail: string | null): ConversationStep<Grant> {
  return { kind: 'failure', failure: { reason, detail, isVerdict: false } }
}
