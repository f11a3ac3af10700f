/** Which EAP method said no, and about what; for the log, never for the peer. */
export interface MethodFailure {
  /** A word for grouping: `tls-alert`, `inner-method`, or what the authenticate port said. */
  readonly reason: string
  /** The particulars: an OpenSSL error code, a malformed field; never a secret. */
  readonly detail: string | null
  /** The authenticate port said no, and so knows of it already. */
  readonly isVerdict: boolean
}

/** What a method has found out by the time it ends, as far as it came. */
export interface MethodFacts {
  /** Name inside the tunnel; null when the peer never said it. */
  readonly name: string | null
  readonly tlsProtocol: string | null
}

export type MethodStep<Grant> =
  /** Send this as the data of a request of the method's type. */
  | { readonly kind: 'request'; readonly data: Buffer }
  | { readonly kind: 'success'; readonly msk: Buffer; readonly grant: Grant }
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
   * @throws {RadiusError} when the peer's bytes break a rule; anything else is a fault of our own
   */
  answer(data: Buffer, signal: AbortSignal): Promise<MethodStep<Grant>>
  close(): void
}

/** A password that arrived through a method, to be checked. */
export interface PasswordAttempt<Context> {
  /** What the authenticate port was given when the conversation began. */
  readonly context: Context
  /** Identity outside the tunnel; decides nothing (RFC 5281 §7.3). */
  readonly outerIdentity: string
  readonly name: string
  readonly password: Buffer
  /** `eap-ttls-pap` … */
  readonly method: string
}

export type Verdict<Grant> =
  | { readonly ok: true; readonly grant: Grant }
  | { readonly ok: false; readonly reason: string }

/** The one thing EAP asks of the world. A fault (throw) becomes silence, never a rejection. */
export type AuthenticatePassword<Context, Grant> = (
  attempt: PasswordAttempt<Context>,
  signal: AbortSignal,
) => Verdict<Grant> | Promise<Verdict<Grant>>

/** What a method is given about the conversation it runs in. */
export interface MethodSetting<Context> {
  readonly context: Context
  readonly outerIdentity: string
  /** Most bytes of a request's data behind the type octet. */
  readonly maxDataBytes: number
}

export interface EapMethod<Context, Grant> {
  readonly type: number
  readonly name: string
  start(setting: MethodSetting<Context>): MethodRun<Grant>
}
