import { Vendor } from '../dictionary.ts'
import { RadiusError } from '../errors.ts'
import { withoutPadding } from '../user-password.ts'
import { type Avp, AvpCode, decodeAvps } from './avp.ts'
import type {
  EapMethod,
  MethodFacts,
  MethodFailure,
  MethodRun,
  MethodSetting,
  MethodStep,
  Verdict,
} from './method.ts'
import { EapType } from './packet.ts'
import {
  authenticateResumed,
  keepSession,
  resumptionRule,
  type TlsMethodOptions,
} from './resumption.ts'
import { TlsCarrier } from './tls-carrier.ts'
import type { KeptSession } from './tls-sessions.ts'

const VERSION = 0
const MSK_BYTES = 64
const KEYS = { label: 'ttls keying material', type: EapType.ttls }
const PAP = 'eap-ttls-pap'
const NO_INNER_METHOD = Buffer.from([0])
/** Without client certificates a peer's flight is one or two KiB. */
const MAX_MESSAGE_BYTES = 16 * 1024
/** RFC 2865 §5.1: the longest User-Name. */
const MAX_NAME_BYTES = 253
/** AVPs are not bound to 128 bytes as User-Password is; Entra allows 256 characters. */
const MAX_PASSWORD_BYTES = 1024

/** EAP-TTLSv0 with PAP inside (RFC 5281 §11.2.5). */
export class EapTtls<Context, Grant> implements EapMethod<Context, Grant> {
  readonly type = EapType.ttls
  readonly name = 'eap-ttls'
  readonly #options: TlsMethodOptions<Context, Grant>

  constructor(options: TlsMethodOptions<Context, Grant>) {
    this.#options = options
  }

  start(setting: MethodSetting<Context>): MethodRun<Grant> {
    return new TtlsRun(this.#options, setting)
  }
}

type Yes<Grant> = Verdict<Grant> & { readonly ok: true }

class TtlsRun<Context, Grant> implements MethodRun<Grant> {
  readonly #options: TlsMethodOptions<Context, Grant>
  readonly #setting: MethodSetting<Context>
  readonly #carrier: TlsCarrier
  #name: string | null = null
  /** Set when a resumed session has been found good, and the peer is only to take it so. */
  #resumed: Yes<Grant> | null = null

  constructor(options: TlsMethodOptions<Context, Grant>, setting: MethodSetting<Context>) {
    this.#options = options
    this.#setting = setting
    this.#carrier = new TlsCarrier({
      tls: options.tls(),
      type: EapType.ttls,
      version: VERSION,
      maxDataBytes: setting.maxDataBytes,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      mayResume: resumptionRule(options, setting),
    })
  }

  get facts(): MethodFacts {
    return { name: this.#name, tlsProtocol: this.#carrier.protocol }
  }

  get isUnderWay(): boolean {
    return this.#carrier.hasTls
  }

  begin(): Buffer {
    return this.#carrier.begin()
  }

  async answer(data: Buffer, signal: AbortSignal): Promise<MethodStep<Grant>> {
    const step = await this.#carrier.receive(data)
    switch (step.kind) {
      case 'send':
        return { kind: 'request', data: step.data }
      case 'failure':
        return step
      case 'established':
        return this.#resume(step.resumed, signal)
      default:
        return this.#resumed === null
          ? this.#authenticate(step.plaintext, signal)
          : this.#succeed(this.#resumed)
    }
  }

  close(): void {
    this.#carrier.close()
  }

  async #authenticate(plaintext: Buffer, signal: AbortSignal): Promise<MethodStep<Grant>> {
    if (plaintext.length === 0) throw new RadiusError('EAP_UNEXPECTED', 'nothing in the tunnel')
    const inner = readInner(decodeAvps(plaintext))
    this.#name = inner.name
    if (inner.password === null) {
      return failure({ reason: 'inner-method', detail: inner.offered, isVerdict: false })
    }
    const verdict = await this.#options.authenticate(
      {
        context: this.#setting.context,
        outerIdentity: this.#setting.outerIdentity,
        name: inner.name,
        proof: { kind: 'password', password: inner.password },
        method: PAP,
      },
      signal,
    )
    if (!verdict.ok) return failure({ reason: verdict.reason, detail: null, isVerdict: true })
    const { outerIdentity } = this.#setting
    keepSession(this.#carrier, verdict, { outerIdentity, name: inner.name, method: PAP })
    return this.#succeed(verdict)
  }

  /**
   * A resumed session stands for its inner method (RFC 5281 §15.4). In TLS 1.3 the peer has to hear
   * that none follows (RFC 9427 §4).
   */
  async #resume(kept: KeptSession | null, signal: AbortSignal): Promise<MethodStep<Grant>> {
    if (kept === null) throw new Error('a handshake of EAP-TTLS stops for no other reason')
    this.#name = kept.name
    const verdict = await authenticateResumed(this.#options, this.#setting, kept, signal)
    if (!verdict.ok) {
      this.#carrier.forgetSession()
      return failure({ reason: verdict.reason, detail: null, isVerdict: true })
    }
    keepSession(this.#carrier, verdict, kept)
    if (this.#carrier.protocol !== 'TLSv1.3') return this.#succeed(verdict)
    this.#resumed = verdict
    return { kind: 'request', data: await this.#carrier.tunnel(NO_INNER_METHOD) }
  }

  #succeed({ grant }: Yes<Grant>): MethodStep<Grant> {
    const msk = this.#carrier.exportKeys(KEYS).subarray(0, MSK_BYTES)
    return { kind: 'success', msk, grant }
  }
}

interface Inner {
  readonly name: string
  /** Null when the peer wants an inner method other than PAP. */
  readonly password: Buffer | null
  /** Which, as far as it can be told. */
  readonly offered: string
}

function readInner(avps: readonly Avp[]): Inner {
  const name = findOnly(avps, AvpCode.userName, MAX_NAME_BYTES)
  const password = findOnly(avps, AvpCode.userPassword, MAX_PASSWORD_BYTES)
  const other = avps.map(otherMethod).find((method) => method !== null) ?? null
  const unknown = avps.find((avp) => avp.isMandatory && !isUnderstood(avp))
  if (unknown !== undefined) throw badAvp(`mandatory AVP ${unknown.vendor ?? 0}:${unknown.code}`)
  if (other !== null || password === null) {
    return { name: textOf(name), password: null, offered: other ?? 'none' }
  }
  if (name === null || name.length === 0) throw badAvp('no User-Name')
  return { name: textOf(name), password: withoutPadding(password), offered: 'pap' }
}

function isUnderstood(avp: Avp): boolean {
  if (otherMethod(avp) !== null) return true
  return avp.vendor === null && (avp.code === AvpCode.userName || avp.code === AvpCode.userPassword)
}

/** Names the inner methods we know of but do not serve, so that the log can say what to change. */
function otherMethod({ vendor, code }: Avp): string | null {
  if (vendor === Vendor.microsoft) return 'mschap'
  if (vendor !== null) return null
  if (code === AvpCode.chapPassword || code === AvpCode.chapChallenge) return 'chap'
  return code === AvpCode.eapMessage ? 'eap' : null
}

/** Null when absent; a second one could be meant to be read by somebody else than the first. */
function findOnly(avps: readonly Avp[], code: number, maxBytes: number): Buffer | null {
  const [avp, second] = avps.filter((each) => each.vendor === null && each.code === code)
  if (second !== undefined) throw badAvp(`second AVP ${code}`)
  if (avp === undefined) return null
  if (avp.data.length > maxBytes) throw badAvp(`AVP ${code} of ${avp.data.length} bytes`)
  return avp.data
}

function textOf(name: Buffer | null): string {
  return name?.toString('utf8') ?? ''
}

function badAvp(message: string): RadiusError {
  return new RadiusError('TTLS_BAD_AVP', message)
}

function failure<Grant>(failed: MethodFailure): MethodStep<Grant> {
  return { kind: 'failure', failure: failed }
}
