import { RadiusError } from '../errors.ts'
import type { Conversation } from './conversation.ts'
import { beginInner, requireIdentifier } from './inner-eap.ts'
import type {
  EapMethod,
  MethodFailure,
  MethodRun,
  MethodSetting,
  MethodStep,
  Verdict,
} from './method.ts'
import { decodeEap, EapCode, type EapPacket, EapType, encodeEap } from './packet.ts'
import { CryptoBinding } from './peap-binding.ts'
import { decodeResult, encodeResult } from './peap-tlv.ts'
import type { TlsMethodOptions } from './resumption.ts'
import type { KeptSession } from './tls-sessions.ts'
import { TunnelRun, type Turn, type Yes } from './tunnel-run.ts'

const KEYS = { label: 'client EAP encryption', type: EapType.peap }
const EAP_HEADER_BYTES = 5

export interface PeapOptions<Context, Grant> extends TlsMethodOptions<Context, Grant> {
  /** What may be shown inside the tunnel, in the order in which it is proposed. */
  readonly methodsOf: (context: Context) => readonly EapMethod<Context, Grant>[]
  /** Whether a peer that does not bind tunnel and inner method is turned away. */
  readonly requiresBinding: (context: Context) => boolean
}

/** PEAPv0 ([MS-PEAP]) over TLS 1.2 and 1.3 (RFC 9427). */
export class EapPeap<Context, Grant> implements EapMethod<Context, Grant> {
  readonly type = EapType.peap
  readonly name = 'eap-peap'
  readonly #options: PeapOptions<Context, Grant>

  constructor(options: PeapOptions<Context, Grant>) {
    this.#options = options
  }

  start(setting: MethodSetting<Context>): MethodRun<Grant> {
    return new PeapRun(this.#options, setting)
  }
}

/** How it went inside, told to the peer and not yet heard back. */
type Result<Grant> =
  | {
      readonly kind: 'success'
      readonly verdict: Yes<Grant>
      readonly binding: CryptoBinding
      readonly owner: { readonly name: string; readonly method: string }
    }
  | { readonly kind: 'failure'; readonly failure: MethodFailure }

class PeapRun<Context, Grant> extends TunnelRun<Context, Grant> {
  readonly #options: PeapOptions<Context, Grant>
  /** Null until the tunnel is up. */
  #inner: Conversation<Context, Grant> | null = null
  #result: Result<Grant> | null = null
  /** Name inside the tunnel of a resumed session. */
  #resumedName: string | null = null

  constructor(options: PeapOptions<Context, Grant>, setting: MethodSetting<Context>) {
    super(options, setting, EapType.peap)
    this.#options = options
  }

  override close(): void {
    this.#inner?.close()
    super.close()
  }

  protected get name(): string | null {
    return this.#resumedName ?? this.#inner?.facts.name ?? this.#inner?.identity ?? null
  }

  protected async take(
    plaintext: Buffer,
    { signal, identifier }: Turn,
  ): Promise<MethodStep<Grant>> {
    if (this.#result !== null) return this.#conclude(this.#result, readInner(plaintext, identifier))
    if (this.#inner === null) {
      if (plaintext.length > 0) throw new RadiusError('EAP_UNEXPECTED', 'data before a request')
      this.#inner = beginInner(
        this.setting,
        this.#options.methodsOf(this.setting.context),
        this.carrier.tls,
      )
      return this.send(Buffer.from([EapType.identity]))
    }
    const step = await this.#inner.answer(readInner(plaintext, identifier), signal)
    if (step.kind === 'request') return this.send(Buffer.from([step.type, ...step.data]))
    if (step.kind === 'failure') return this.#tell(step, identifier)
    const owner = {
      name: this.name ?? '',
      method: this.#inner.methodName ?? 'eap-peap',
    }
    const verdict = { ...step, ok: true } as const
    const binding = CryptoBinding.ofMethod(this.#exportMsk(), step.msk)
    return this.#tell({ kind: 'success', verdict, binding, owner }, identifier)
  }

  /** A resumed session stands for its inner method; only the result is told ([MS-PEAP] 3.1.5.1). */
  protected takeResumed(
    verdict: Verdict<Grant>,
    kept: KeptSession,
    { identifier }: Turn,
  ): Promise<MethodStep<Grant>> {
    this.#resumedName = kept.name
    if (!verdict.ok) {
      const failure = { reason: verdict.reason, detail: null, isVerdict: true }
      return this.#tell({ kind: 'failure', failure }, identifier)
    }
    const binding = CryptoBinding.ofResumption(this.#exportMsk())
    return this.#tell({ kind: 'success', verdict, binding, owner: kept }, identifier)
  }

  /** Both ends say inside the tunnel how it went, so that nobody outside can say otherwise. */
  #tell(result: Result<Grant>, identifier: number): Promise<MethodStep<Grant>> {
    this.#result = result
    const isSuccess = result.kind === 'success'
    const data = encodeResult(isSuccess, isSuccess ? result.binding.makeRequest() : null)
    // [MS-PEAP] 2.2.8: a TLV packet alone keeps its EAP header inside the tunnel.
    const next = { code: EapCode.request, identifier: (identifier + 1) & 0xff }
    return this.send(encodeEap({ ...next, type: EapType.tlv, data }))
  }

  #conclude(result: Result<Grant>, response: EapPacket): MethodStep<Grant> {
    if (result.kind === 'failure') return result
    if (response.type !== EapType.tlv) {
      throw new RadiusError('EAP_UNEXPECTED', `type ${response.type} instead of a result`)
    }
    const { isSuccess, binding } = decodeResult(response.data)
    if (!isSuccess) return refused('peer-refused', 'the result')
    if (binding !== null && !result.binding.isRight(binding)) {
      return refused('crypto-binding', 'wrong')
    }
    if (binding === null && this.#options.requiresBinding(this.setting.context)) {
      return refused('crypto-binding', 'missing')
    }
    this.keep(result.verdict, result.owner)
    const msk = binding === null ? this.#exportMsk() : result.binding.deriveMsk()
    return { kind: 'success', msk, grant: result.verdict.grant }
  }

  #exportMsk(): Buffer {
    return this.carrier.exportMsk(KEYS)
  }
}

/** Inner packets come without their EAP header, but some peers send it all the same. */
function readInner(plaintext: Buffer, identifier: number): EapPacket {
  if (plaintext.length === 0) throw new RadiusError('EAP_UNEXPECTED', 'nothing in the tunnel')
  const hasHeader =
    plaintext.length >= EAP_HEADER_BYTES &&
    plaintext[0] === EapCode.response &&
    plaintext.readUInt16BE(2) === plaintext.length
  if (hasHeader) {
    const packet = decodeEap(plaintext)
    requireIdentifier(packet.identifier, identifier)
    return packet
  }
  const type = plaintext.readUInt8(0)
  return { code: EapCode.response, identifier, type, data: plaintext.subarray(1) }
}

function refused<Grant>(reason: string, detail: string): MethodStep<Grant> {
  return { kind: 'failure', failure: { reason, detail, isVerdict: false } }
}
