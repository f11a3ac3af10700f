import { Turns, type TurnTaker } from '../../wire/index.ts'
import { RadiusError } from '../errors.ts'
import { Conversation, type ConversationStep, type Opening } from './conversation.ts'
import {
  ConversationStore,
  defaultStoreLimits,
  type Holder,
  type StoreLimits,
} from './conversation-store.ts'
import type { MethodFailure, TlsVersion } from './method.ts'
import {
  decodeEap,
  EapCode,
  type EapPacket,
  EapType,
  encodeEap,
  encodeEapResult,
} from './packet.ts'

/** Keeps a RADIUS packet with its other attributes below 1500 bytes, as FreeRADIUS does. */
const DEFAULT_EAP_BYTES = 1024
/** RFC 2865 §5.12: Framed-MTU is 64 or more. */
const MIN_EAP_BYTES = 64
/** EAPOL's own header, which Framed-MTU counts. */
const EAPOL_BYTES = 4

export interface EapInput<Context, Grant> {
  /** The joined EAP-Message attributes; empty is EAP-Start. */
  readonly eap: Buffer
  readonly state: Buffer | null
  readonly framedMtu: number | null
  /**
   * Who sent it, in whatever words the caller has: the client of the RADIUS server. To anybody else
   * a conversation is unknown, as its end is keys under the secret of who sent the last packet.
   */
  readonly owner: string
  /** Called for the first packet of a conversation; null when nobody may begin one here. */
  readonly open: () => Opening<Context, Grant> | null
}

/** What is known of the peer when a conversation ends. */
export interface PeerFacts<Context> {
  readonly context: Context
  readonly outerIdentity: string | null
  readonly method: string | null
  readonly name: string | null
  readonly tls: TlsVersion | null
  readonly hasTunnel: boolean
}

export type SilenceReason =
  /** A step of the same conversation is under way, or a fault of ours ended it. */
  | 'busy'
  /** RFC 3748 §4.1: a response to a request other than the last is discarded. */
  | 'wrong-identifier'
  | 'too-many-conversations'
  | 'not-a-response'

export type EapAnswer<Context, Grant> =
  | { readonly kind: 'challenge'; readonly eap: Buffer; readonly state: Buffer }
  | {
      readonly kind: 'accept'
      readonly eap: Buffer
      /** 64 bytes, or 32 of a bare EAP-MSCHAPv2. */
      readonly msk: Buffer
      readonly grant: Grant
      readonly peer: PeerFacts<Context>
    }
  | {
      readonly kind: 'reject'
      readonly eap: Buffer
      readonly failure: MethodFailure
      /** Null when the packet led to no conversation. */
      readonly peer: PeerFacts<Context> | null
    }
  | { readonly kind: 'silence'; readonly reason: SilenceReason }

/** How far a peer had come when it said nothing more. */
export type Abandonment =
  /** It had our certificate, and has not gone on: most do so when they do not trust it. */
  | 'after-certificate'
  /** It stopped inside the tunnel, or a method without one. */
  | 'inside'

export interface EapServerOptions<Context> {
  readonly holder: Holder
  /** Told of peers that fell silent once their method was under way; must not throw. */
  readonly onAbandoned?: (peer: PeerFacts<Context>, stage: Abandonment) => void
  readonly limits?: Partial<StoreLimits>
  /** Milliseconds, monotonic. */
  readonly now?: () => number
  /** What steps take turns by: one may cost a handshake's arithmetic, and hundreds come at once. */
  readonly turns?: TurnTaker | undefined
}

/**
 * EAP as a function of bytes: one EAP packet and its State in, one answer out.
 *
 * It knows no sockets and no directory, so it can run in a worker. The caller has checked the
 * Message-Authenticator: what fails there must never come here.
 */
export class EapServer<Context, Grant> {
  readonly #store: ConversationStore<Conversation<Context, Grant>>
  readonly #now: () => number
  readonly #turns: TurnTaker

  constructor(options: EapServerOptions<Context>) {
    const { holder, limits, now = () => performance.now(), onAbandoned } = options
    this.#now = now
    this.#turns = options.turns ?? new Turns()
    this.#store = new ConversationStore<Conversation<Context, Grant>>(
      holder,
      { ...defaultStoreLimits, ...limits },
      {
        now,
        onTimeout(conversation) {
          // One that is busy to its end was ended by a fault of ours.
          if (!conversation.isUnderWay || conversation.phase === 'busy') return
          const peer = factsOf(conversation)
          onAbandoned?.(peer, peer.hasTunnel ? 'inside' : 'after-certificate')
        },
      },
    )
  }

  /** Forgets peers that fell silent; to be called now and then, as a quiet server would not notice. */
  expire(): void {
    this.#store.expire()
  }

  /** Conversations that wait for their peer. */
  get size(): number {
    return this.#store.size
  }

  /** @throws whatever a fault of our own is; the conversation is then dead and silent */
  async answer(
    input: EapInput<Context, Grant>,
    signal: AbortSignal,
  ): Promise<EapAnswer<Context, Grant>> {
    if (input.eap.length === 0) return this.#start(input)
    let response: EapPacket
    try {
      response = decodeEap(input.eap)
    } catch (error) {
      return reject(input.eap[1] ?? 0, failureOf(error), null)
    }
    if (response.code !== EapCode.response) return silence('not-a-response')
    if (input.state !== null)
      return this.#continue({ ...input, state: input.state }, response, signal)
    if (response.type !== EapType.identity) return unknownState(response)
    return this.#begin(input, response, signal)
  }

  closeAll(): void {
    this.#store.closeAll()
  }

  /** RFC 3579 §2.1: an empty EAP-Message asks us to ask for the identity. */
  #start(input: EapInput<Context, Grant>): EapAnswer<Context, Grant> {
    const conversation = this.#open(input)
    if (conversation === null) return reject(0, notOpened, null)
    if (conversation === 'full') return silence('too-many-conversations')
    return this.#request(conversation, 0, { type: EapType.identity, data: Buffer.alloc(0) })
  }

  async #begin(
    input: EapInput<Context, Grant>,
    response: EapPacket,
    signal: AbortSignal,
  ): Promise<EapAnswer<Context, Grant>> {
    const conversation = this.#open(input)
    if (conversation === 'full') return silence('too-many-conversations')
    if (conversation === null) {
      return reject(response.identifier, notOpened, null)
    }
    return this.#step(conversation, response, signal)
  }

  #open({
    framedMtu,
    owner,
    open,
  }: EapInput<Context, Grant>): Conversation<Context, Grant> | 'full' | null {
    const opening = open()
    if (opening === null) return null
    if (!this.#store.makeRoom()) return 'full'
    const mtuBytes = (framedMtu ?? DEFAULT_EAP_BYTES + EAPOL_BYTES) - EAPOL_BYTES
    const maxEapBytes = Math.min(DEFAULT_EAP_BYTES, Math.max(MIN_EAP_BYTES, mtuBytes))
    return new Conversation(opening, {
      owner,
      maxEapBytes,
      tunnel: null,
      startedAtMs: this.#now(),
    })
  }

  async #continue(
    { state, owner }: { readonly state: Buffer; readonly owner: string },
    response: EapPacket,
    signal: AbortSignal,
  ): Promise<EapAnswer<Context, Grant>> {
    const conversation = this.#store.find(state)
    if (conversation === null || conversation.owner !== owner) return unknownState(response)
    if (conversation.phase === 'busy') return silence('busy')
    if (response.identifier !== conversation.expectedIdentifier) return silence('wrong-identifier')
    // The State stays while the step runs, so that a repeated packet finds it busy. After a fault it
    // stays to its timeout: the NAS hears nothing and turns to another server.
    conversation.phase = 'busy'
    await new Promise<void>((resolve) => this.#turns.take(resolve))
    const answer = await this.#step(conversation, response, signal)
    conversation.phase = 'waiting'
    this.#store.remove(state)
    return answer
  }

  async #step(
    conversation: Conversation<Context, Grant>,
    response: EapPacket,
    signal: AbortSignal,
  ): Promise<EapAnswer<Context, Grant>> {
    let step: ConversationStep<Grant>
    try {
      step = await conversation.answer(response, signal)
    } catch (error) {
      if (!(error instanceof RadiusError)) {
        conversation.close()
        throw error
      }
      step = { kind: 'failure', failure: failureOf(error) }
    }
    if (step.kind === 'request') {
      return this.#request(conversation, (response.identifier + 1) & 0xff, step)
    }
    const peer = factsOf(conversation)
    conversation.close()
    return step.kind === 'failure'
      ? reject(response.identifier, step.failure, peer)
      : { ...step, kind: 'accept', eap: encodeEapResult(true, response.identifier), peer }
  }

  #request(
    conversation: Conversation<Context, Grant>,
    identifier: number,
    { type, data }: { readonly type: number; readonly data: Buffer },
  ): EapAnswer<Context, Grant> {
    conversation.expectedIdentifier = identifier
    const eap = encodeEap({ code: EapCode.request, identifier, type, data })
    return { kind: 'challenge', eap, state: this.#store.put(conversation) }
  }
}

const notOpened: MethodFailure = { reason: 'no-network', detail: null, isVerdict: false }
const lost: MethodFailure = { reason: 'unknown-state', detail: null, isVerdict: false }

/** After a restart or a fail-over: the peer is told at once and starts anew. */
function unknownState<Context, Grant>(response: EapPacket): EapAnswer<Context, Grant> {
  return reject(response.identifier, lost, null)
}

function reject<Context, Grant>(
  identifier: number,
  failure: MethodFailure,
  peer: PeerFacts<Context> | null,
): EapAnswer<Context, Grant> {
  return { kind: 'reject', eap: encodeEapResult(false, identifier), failure, peer }
}

function silence<Context, Grant>(reason: SilenceReason): EapAnswer<Context, Grant> {
  return { kind: 'silence', reason }
}

function failureOf(error: unknown): MethodFailure {
  if (!(error instanceof RadiusError)) throw error
  return { reason: 'protocol', detail: `${error.code}: ${error.message}`, isVerdict: false }
}

function factsOf<Context, Grant>(conversation: Conversation<Context, Grant>): PeerFacts<Context> {
  return {
    context: conversation.opening.context,
    outerIdentity: conversation.identity,
    method: conversation.methodName,
    ...conversation.facts,
  }
}
