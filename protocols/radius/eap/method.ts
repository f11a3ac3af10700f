import type { MsChap2Response, MsChapResult } from '../ms-chap.ts'

/** Which EAP method said no, and about what; for the log, never for the peer. */
export interface MethodFailure {
  /** A word for grouping: `tls-alert`, `inner-method`, or what the authenticate port said. */
  readonly reason: string
  /** The particulars: an OpenSSL error code, a malformed field; never a secret. */
  readonly detail: string | null
  /** The authenticate port said no, and so knows of it already. */
  readonly isVerdict: boolean
}

/** TLS as the record of a log-in names it. */
export type TlsVersion = '1.2' | '1.3'

/** What a method has found out by the time it ends, as far as it came. */
export interface MethodFacts {
  /** Name inside the tunnel; null when the peer never said it. */
  readonly name: string | null
  /** As agreed in the hellos, whether or not a tunnel came of it; null before, and without TLS. */
  readonly tls: TlsVersion | null
  /** Whether the handshake has come to its end. */
  readonly hasTunnel: boolean
}

export interface MethodSuccess<Grant> {
  /**
   * 64 bytes, or the 32 of a bare EAP-MSCHAPv2, each half a key; nothing of an inner method that makes
   * no keys.
   */
  readonly msk: Buffer
  readonly grant: Grant
  /** Of an inner method: what the session of its tunnel may be resumed by, as the port gave it. */
  readonly resumption?: string
}

export type MethodStep<Grant> =
  /** Send this as the data of a request of the method's type. */
  | { readonly kind: 'request'; readonly data: Buffer }
  | ({ readonly kind: 'success' } & MethodSuccess<Grant>)
  | { readonly kind: 'failure'; readonly failure: MethodFailure }

/** One run of a method with one peer. */
export interface MethodRun<Grant> {
  readonly facts: MethodFacts
  /** False while nothing has been spent on it yet, so that it may be given up for another. */
  readonly isUnderWay: boolean
  /** Data of the method's first request. */
  begin(): Buffer
  /**
   * Takes the data of a response.
   *
   * @param identifier of the response; the next request has the one after it
   * @throws {RadiusError} when the peer's bytes break a rule; anything else is a fault of our own
   */
  answer(data: Buffer, signal: AbortSignal, identifier: number): Promise<MethodStep<Grant>>
  close(): void
}

/** What a peer shows of who it is. The bytes are the port's to wipe. */
export type Proof =
  /** As typed, without padding. */
  | { readonly kind: 'password'; readonly password: Buffer }
  | ({ readonly kind: 'ms-chap-2' } & MsChap2Response)
  /** DER, leaf first; TLS has proved the key and built a chain to an authority of ours. */
  | { readonly kind: 'certificate'; readonly chain: readonly Buffer[] }
  /** What the port gave as `resumption` when this peer came with a whole proof. */
  | { readonly kind: 'resumption'; readonly resumption: string }

/** A peer's claim to be somebody, to be checked. */
export interface EapAttempt<Context> {
  /** What the authenticate port was given when the conversation began. */
  readonly context: Context
  /** Identity outside the tunnel; decides nothing (RFC 5281 §7.3). */
  readonly outerIdentity: string
  /** Identity inside; of a certificate alone, the outer one. */
  readonly name: string
  readonly proof: Proof
  /** `eap-ttls-pap` … */
  readonly method: string
  /** Of a method inside another, that of the tunnel: it is what the device and we agreed on. */
  readonly tls: TlsVersion | null
}

export type Verdict<Grant> =
  | {
      readonly ok: true
      readonly grant: Grant
      /** With a proof of the kind `ms-chap-2`, and only with it. */
      readonly msChap?: MsChapResult
      /** What a resumed session is to be checked by; none where it must not be resumed. */
      readonly resumption?: string
    }
  | { readonly ok: false; readonly reason: string }

/** The step that ends a method whose peer the port lets in. */
export function succeed<Grant>(
  { grant, resumption }: Verdict<Grant> & { readonly ok: true },
  msk: Buffer,
): MethodStep<Grant> & { readonly kind: 'success' } {
  return { kind: 'success', msk, grant, ...(resumption === undefined ? {} : { resumption }) }
}

/** The one thing EAP asks of the world. A fault (throw) becomes silence, never a rejection. */
export type Authenticate<Context, Grant> = (
  attempt: EapAttempt<Context>,
  signal: AbortSignal,
) => Verdict<Grant> | Promise<Verdict<Grant>>

/** What a method is given about the conversation it runs in. */
export interface MethodSetting<Context> {
  readonly context: Context
  readonly outerIdentity: string
  /** What the peer called itself in the EAP the method runs in: of an outer method the same. */
  readonly identity: string
  /** Most bytes of a request's data behind the type octet. */
  readonly maxDataBytes: number
  /** Of the tunnel the method runs in; null outside one. */
  readonly tls: TlsVersion | null
}

export interface EapMethod<Context, Grant> {
  readonly type: number
  readonly name: string
  start(setting: MethodSetting<Context>): MethodRun<Grant>
}
