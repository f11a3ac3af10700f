import { RadiusError } from '../errors.ts'
import {
  type EapMethod,
  type MethodFacts,
  type MethodRun,
  type MethodSetting,
  type MethodStep,
  succeed,
  type TlsVersion,
  type Verdict,
} from './method.ts'
import { EapType } from './packet.ts'
import {
  authenticateResumed,
  keepSession,
  resumptionRule,
  type TlsMethodOptions,
} from './resumption.ts'
import { describeCertificateFault, type TlsAlert } from './tls-alert.ts'
import { TlsCarrier } from './tls-carrier.ts'
import type { KeptSession } from './tls-sessions.ts'

const VERSION = 0
const KEYS = { label: 'client EAP encryption', type: EapType.tls }
/** As hostapd: room for a chain of several certificates with many names. */
const MAX_MESSAGE_BYTES = 64 * 1024
/** RFC 9190 §2.5: one octet of application data says that no more of the handshake follows. */
const COMMITMENT = Buffer.from([0])

export interface TlsOptions<Context, Grant> extends TlsMethodOptions<Context, Grant> {
  /** What the port hears of how the proof came; inside another method it is another. */
  readonly method?: string
}

/** EAP-TLS: the peer shows a certificate, in TLS 1.2 (RFC 5216) or 1.3 (RFC 9190). */
export class EapTls<Context, Grant> implements EapMethod<Context, Grant> {
  readonly type = EapType.tls
  readonly name: string
  readonly #options: TlsOptions<Context, Grant>

  constructor(options: TlsOptions<Context, Grant>) {
    this.#options = options
    this.name = options.method ?? 'eap-tls'
  }

  start(setting: MethodSetting<Context>): MethodRun<Grant> {
    return new TlsRun(this.#options, setting, this.name)
  }
}

class TlsRun<Context, Grant> implements MethodRun<Grant> {
  readonly #options: TlsOptions<Context, Grant>
  readonly #setting: MethodSetting<Context>
  readonly #method: string
  readonly #carrier: TlsCarrier
  /** Set when the port has said yes, and only the end of the handshake is to be taken. */
  #verdict: (Verdict<Grant> & { readonly ok: true }) | null = null

  constructor(
    options: TlsOptions<Context, Grant>,
    setting: MethodSetting<Context>,
    method: string,
  ) {
    this.#options = options
    this.#setting = setting
    this.#method = method
    this.#carrier = new TlsCarrier({
      tls: options.tls(),
      type: EapType.tls,
      version: VERSION,
      maxDataBytes: setting.maxDataBytes,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      mayResume: resumptionRule(options, setting),
      requestsCertificate: true,
    })
  }

  /** Who somebody is, her certificate says: that is for the port to read. */
  get facts(): MethodFacts {
    return { name: null, tls: this.#carrier.tls, hasTunnel: this.#carrier.hasTunnel }
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
        return step.resumed === null
          ? this.#authenticate(signal)
          : this.#resume(step.resumed, signal)
      default:
        return this.#finish(step.isAck)
    }
  }

  close(): void {
    this.#carrier.close()
  }

  async #authenticate(signal: AbortSignal): Promise<MethodStep<Grant>> {
    const { chain, error } = this.#carrier.readCertificate()
    if (chain.length === 0) return this.#refuse('certificate-missing', null, 'handshake_failure')
    if (error !== null) {
      const { reason, alert } = describeCertificateFault(error)
      return this.#refuse(reason, error, alert)
    }
    const { context, outerIdentity } = this.#setting
    const verdict = await this.#options.authenticate(
      {
        context,
        outerIdentity,
        name: this.#setting.identity,
        proof: { kind: 'certificate', chain },
        method: this.#method,
        tls: this.#tls,
      },
      signal,
    )
    return this.#conclude(verdict, { name: this.#setting.identity, method: this.#method })
  }

  /** What the record names: of a tunnel around this method, the tunnel's. */
  get #tls(): TlsVersion | null {
    return this.#setting.tls ?? this.#carrier.tls
  }

  async #resume(kept: KeptSession, signal: AbortSignal): Promise<MethodStep<Grant>> {
    const setting = { ...this.#setting, tls: this.#tls }
    return this.#conclude(await authenticateResumed(this.#options, setting, kept, signal), kept)
  }

  async #conclude(
    verdict: Verdict<Grant>,
    owner: Pick<KeptSession, 'name' | 'method'>,
  ): Promise<MethodStep<Grant>> {
    if (!verdict.ok) {
      const failure = { reason: verdict.reason, detail: null, isVerdict: true }
      return toStep(this.#carrier.refuse(failure, 'access_denied'))
    }
    this.#verdict = verdict
    const { outerIdentity } = this.#setting
    keepSession(this.#carrier, verdict, { ...owner, outerIdentity })
    if (this.#carrier.tls === '1.3') {
      return { kind: 'request', data: await this.#carrier.tunnel(COMMITMENT) }
    }
    const last = this.#carrier.proceed()
    return last === null ? this.#succeed(verdict) : { kind: 'request', data: last }
  }

  /** The peer has taken the end of the handshake, by an empty response. */
  #finish(isAck: boolean): MethodStep<Grant> {
    if (!isAck || this.#verdict === null) {
      throw new RadiusError('EAP_UNEXPECTED', 'TLS data instead of an acknowledgement')
    }
    return this.#succeed(this.#verdict)
  }

  #succeed(verdict: Verdict<Grant> & { readonly ok: true }): MethodStep<Grant> {
    return succeed(verdict, this.#carrier.exportMsk(KEYS))
  }

  #refuse(reason: string, detail: string | null, alert: TlsAlert): MethodStep<Grant> {
    return toStep(this.#carrier.refuse({ reason, detail, isVerdict: false }, alert))
  }
}

function toStep<Grant>(step: ReturnType<TlsCarrier['refuse']>): MethodStep<Grant> {
  return step.kind === 'send' ? { kind: 'request', data: step.data } : step
}
