import { MicrosoftType, Vendor } from '../dictionary.ts'
import { RadiusError } from '../errors.ts'
import { withoutDomain } from '../ms-chap.ts'
import { type Avp, AvpCode, decodeAvps, encodeAvps } from './avp.ts'
import type { Conversation } from './conversation.ts'
import { beginInner, requireIdentifier } from './inner-eap.ts'
import type {
  EapMethod,
  MethodFailure,
  MethodRun,
  MethodSetting,
  MethodStep,
  Proof,
  Verdict,
} from './method.ts'
import { decodeEap, EapCode, EapType, encodeEap } from './packet.ts'
import type { TlsMethodOptions } from './resumption.ts'
import type { KeptSession } from './tls-sessions.ts'
import { readTtlsInner, type TtlsInner } from './ttls-inner.ts'
import { TunnelRun, type Turn, type Yes } from './tunnel-run.ts'

const KEYS = { label: 'ttls keying material', type: EapType.ttls }
const PAP = 'eap-ttls-pap'
const MS_CHAP_2 = 'eap-ttls-mschapv2'
const NO_INNER_METHOD = Buffer.from([0])
/** RFC 5281 §11.1: sixteen bytes of challenge and one of identifier. */
const CHALLENGE_LABEL = 'ttls challenge'
const CHALLENGE_BYTES = 16

/** What may be shown inside the tunnel. */
export interface TtlsMethods<Context, Grant> {
  readonly pap: boolean
  readonly msChap2: boolean
  /** In the order in which they are proposed. */
  readonly eap: readonly EapMethod<Context, Grant>[]
}

export interface TtlsOptions<Context, Grant> extends TlsMethodOptions<Context, Grant> {
  readonly methodsOf: (context: Context) => TtlsMethods<Context, Grant>
}

/** EAP-TTLSv0 (RFC 5281) with PAP, MS-CHAPv2 or EAP inside. */
export class EapTtls<Context, Grant> implements EapMethod<Context, Grant> {
  readonly type = EapType.ttls
  readonly name = 'eap-ttls'
  readonly #options: TtlsOptions<Context, Grant>

  constructor(options: TtlsOptions<Context, Grant>) {
    this.#options = options
  }

  start(setting: MethodSetting<Context>): MethodRun<Grant> {
    return new TtlsRun(this.#options, setting)
  }
}

class TtlsRun<Context, Grant> extends TunnelRun<Context, Grant> {
  readonly #options: TtlsOptions<Context, Grant>
  #name: string | null = null
  /** Of a peer that runs EAP in the tunnel. */
  #inner: Conversation<Context, Grant> | null = null
  /** Let in, once it has taken what we have last sent: our own proof, or that none is needed. */
  #awaited: Yes<Grant> | null = null

  constructor(options: TtlsOptions<Context, Grant>, setting: MethodSetting<Context>) {
    super(options, setting, EapType.ttls)
    this.#options = options
  }

  override close(): void {
    this.#inner?.close()
    super.close()
  }

  protected get name(): string | null {
    return this.#inner?.facts.name ?? this.#inner?.identity ?? this.#name
  }

  protected async take(plaintext: Buffer, { signal }: Turn): Promise<MethodStep<Grant>> {
    if (this.#awaited !== null) {
      // RFC 5281 §11.2.4: a peer that believes our response says so with an empty packet.
      if (plaintext.length > 0) throw new RadiusError('EAP_UNEXPECTED', 'data behind the success')
      return this.#succeed(this.#awaited)
    }
    if (plaintext.length === 0) throw new RadiusError('EAP_UNEXPECTED', 'nothing in the tunnel')
    const inner = readTtlsInner(decodeAvps(plaintext))
    if (this.#inner !== null || inner.kind === 'eap') return this.#converse(inner, signal)
    this.#name = inner.name?.toString('utf8') ?? ''
    switch (inner.kind) {
      case 'pap':
        return this.#checkPassword(inner, signal)
      case 'ms-chap-2':
        return this.#checkMsChap2(inner, signal)
      default:
        return notServed(inner.method)
    }
  }

  async #checkPassword(
    { password }: TtlsInner & { readonly kind: 'pap' },
    signal: AbortSignal,
  ): Promise<MethodStep<Grant>> {
    if (!this.#methods.pap) return notServed('pap')
    const proof = { kind: 'password', password } as const
    const verdict = await this.#authenticate(proof, PAP, signal)
    if (!verdict.ok) return denied(verdict.reason)
    this.#keepOf(verdict, PAP)
    return this.#succeed(verdict)
  }

  async #checkMsChap2(
    { name, challenge, response }: TtlsInner & { readonly kind: 'ms-chap-2' },
    signal: AbortSignal,
  ): Promise<MethodStep<Grant>> {
    if (!this.#methods.msChap2) return notServed('mschapv2')
    const { ident, peerChallenge, ntResponse } = response
    const implied = this.carrier.exportChallenge(CHALLENGE_LABEL, CHALLENGE_BYTES + 1)
    const given = Buffer.concat([challenge, Buffer.from([ident])])
    // A challenge of the peer's own choice could be one that it has heard the answer to.
    if (!implied.equals(given)) {
      throw new RadiusError('TTLS_BAD_AVP', 'the challenge is not the one the tunnel implies')
    }
    const exchange = { peerChallenge, ntResponse, userName: withoutDomain(name) }
    const proof = { kind: 'ms-chap-2', authenticatorChallenge: challenge, ...exchange } as const
    const verdict = await this.#authenticate(proof, MS_CHAP_2, signal)
    if (!verdict.ok) return denied(verdict.reason)
    if (verdict.msChap === undefined)
      throw new Error('a right MS-CHAPv2 response was given no keys')
    this.#keepOf(verdict, MS_CHAP_2)
    this.#awaited = verdict
    const success = Buffer.from(verdict.msChap.authenticatorResponse)
    return this.#sendAvp({
      vendor: Vendor.microsoft,
      code: MicrosoftType.chap2Success,
      data: Buffer.concat([Buffer.from([ident]), success]),
    })
  }

  async #converse(inner: TtlsInner, signal: AbortSignal): Promise<MethodStep<Grant>> {
    if (inner.kind !== 'eap') throw new RadiusError('EAP_UNEXPECTED', `${inner.kind} within EAP`)
    const { eap: methods } = this.#methods
    if (methods.length === 0) return notServed('eap')
    this.#inner ??= beginInner(this.setting, methods, this.carrier.tls)
    const response = decodeEap(inner.message)
    if (response.code !== EapCode.response) throw new RadiusError('EAP_UNEXPECTED', 'no response')
    requireIdentifier(response.identifier, this.#inner.expectedIdentifier)
    const step = await this.#inner.answer(response, signal)
    if (step.kind === 'failure') return step
    if (step.kind === 'success') {
      const verdict = { ...step, ok: true } as const
      this.#keepOf(verdict, this.#inner.methodName ?? 'eap-ttls')
      return this.#succeed(verdict)
    }
    const identifier = (response.identifier + 1) & 0xff
    this.#inner.expectedIdentifier = identifier
    const request = encodeEap({ ...step, code: EapCode.request, identifier })
    return this.#sendAvp({ vendor: null, code: AvpCode.eapMessage, data: request })
  }

  get #methods(): TtlsMethods<Context, Grant> {
    return this.#options.methodsOf(this.setting.context)
  }

  #authenticate(proof: Proof, method: string, signal: AbortSignal) {
    const { context, outerIdentity } = this.setting
    const { tls } = this.carrier
    const name = this.#name ?? ''
    return this.#options.authenticate({ context, outerIdentity, name, proof, method, tls }, signal)
  }

  #sendAvp(avp: Omit<Avp, 'isMandatory'>): Promise<MethodStep<Grant>> {
    return this.send(encodeAvps([{ ...avp, isMandatory: true }]))
  }

  /**
   * A resumed session stands for its inner method (RFC 5281 §15.4). In TLS 1.3 the peer has to hear
   * that none follows (RFC 9427 §4).
   */
  protected async takeResumed(
    verdict: Verdict<Grant>,
    kept: KeptSession,
  ): Promise<MethodStep<Grant>> {
    this.#name = kept.name
    if (!verdict.ok) return denied(verdict.reason)
    this.keep(verdict, kept)
    if (this.carrier.tls !== '1.3') return this.#succeed(verdict)
    this.#awaited = verdict
    return this.send(NO_INNER_METHOD)
  }

  #keepOf(verdict: Yes<Grant>, method: string): void {
    this.keep(verdict, { name: this.name ?? '', method })
  }

  #succeed({ grant }: Yes<Grant>): MethodStep<Grant> {
    return { kind: 'success', msk: this.carrier.exportMsk(KEYS), grant }
  }
}

function notServed<Grant>(detail: string): MethodStep<Grant> {
  return failure({ reason: 'inner-method', detail, isVerdict: false })
}

function denied<Grant>(reason: string): MethodStep<Grant> {
  return failure({ reason, detail: null, isVerdict: true })
}

function failure<Grant>(failed: MethodFailure): MethodStep<Grant> {
  return { kind: 'failure', failure: failed }
}
