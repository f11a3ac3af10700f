import { RadiusError } from '../errors.ts'
import type { MethodFacts, MethodRun, MethodSetting, MethodStep, Verdict } from './method.ts'
import {
  authenticateResumed,
  keepSession,
  resumptionRule,
  type TlsMethodOptions,
} from './resumption.ts'
import { type CarrierStep, TlsCarrier } from './tls-carrier.ts'
import type { KeptSession } from './tls-sessions.ts'

/** EAP-TTLSv0 and PEAPv0. */
const VERSION = 0
/** Without client certificates a peer's flight is one or two KiB; inner ones come in fragments. */
const MAX_MESSAGE_BYTES = 16 * 1024

export type Yes<Grant> = Verdict<Grant> & { readonly ok: true }

/** The response a tunnel's content came with. */
export interface Turn {
  readonly signal: AbortSignal
  readonly identifier: number
}

/** One run of a method that has something said inside its tunnel: what those have in common. */
export abstract class TunnelRun<Context, Grant> implements MethodRun<Grant> {
  protected readonly setting: MethodSetting<Context>
  protected readonly carrier: TlsCarrier
  readonly #options: TlsMethodOptions<Context, Grant>

  constructor(
    options: TlsMethodOptions<Context, Grant>,
    setting: MethodSetting<Context>,
    type: number,
  ) {
    this.#options = options
    this.setting = setting
    this.carrier = new TlsCarrier({
      tls: options.tls(),
      type,
      version: VERSION,
      maxDataBytes: setting.maxDataBytes,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      mayResume: resumptionRule(options, setting),
    })
  }

  get facts(): MethodFacts {
    return { name: this.name, tls: this.carrier.tls, hasTunnel: this.carrier.hasTunnel }
  }

  get isUnderWay(): boolean {
    return this.carrier.hasTls
  }

  begin(): Buffer {
    return this.carrier.begin()
  }

  async answer(data: Buffer, signal: AbortSignal, identifier: number): Promise<MethodStep<Grant>> {
    const step = await this.carrier.receive(data)
    switch (step.kind) {
      case 'send':
        return { kind: 'request', data: step.data }
      case 'failure':
        return step
      case 'established':
        if (step.resumed === null) throw new Error('a tunnel stops for no other reason')
        return this.#resume(step.resumed, { signal, identifier })
      default:
        requireWords(step)
        return this.take(step.plaintext, { signal, identifier })
    }
  }

  close(): void {
    this.carrier.close()
  }

  /** Name inside the tunnel; null while none was said. */
  protected abstract get name(): string | null

  /** Takes what came through the tunnel; empty when the peer only acknowledged. */
  protected abstract take(plaintext: Buffer, turn: Turn): Promise<MethodStep<Grant>>

  /** The port has said of the peer of a resumed session whether it may still come in. */
  protected abstract takeResumed(
    verdict: Verdict<Grant>,
    kept: KeptSession,
    turn: Turn,
  ): Promise<MethodStep<Grant>>

  protected async send(plaintext: Buffer): Promise<MethodStep<Grant>> {
    return { kind: 'request', data: await this.carrier.tunnel(plaintext) }
  }

  /** Lets somebody come back who has just been let in. */
  protected keep(verdict: Yes<Grant>, owner: { readonly name: string; readonly method: string }) {
    const { outerIdentity } = this.setting
    keepSession(this.carrier, verdict, { ...owner, outerIdentity })
  }

  async #resume(kept: KeptSession, turn: Turn): Promise<MethodStep<Grant>> {
    const { tls } = this.carrier
    const setting = { ...this.setting, tls }
    const verdict = await authenticateResumed(this.#options, setting, kept, turn.signal)
    if (!verdict.ok) this.carrier.forgetSession()
    return this.takeResumed(verdict, kept, turn)
  }
}

/** An alert is no acknowledgement, though nothing comes out of the tunnel either. */
function requireWords({ plaintext, isAck }: CarrierStep & { readonly kind: 'tunnelled' }): void {
  if (plaintext.length > 0 || isAck) return
  throw new RadiusError('EAP_UNEXPECTED', 'TLS data that says nothing')
}
