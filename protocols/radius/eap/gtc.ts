import { RadiusError } from '../errors.ts'
import {
  type Authenticate,
  type EapMethod,
  type MethodFacts,
  type MethodRun,
  type MethodSetting,
  type MethodStep,
  succeed,
} from './method.ts'
import { EapType } from './packet.ts'

/** RFC 3748 §5.6: something to show, of one octet at least. */
const PROMPT = Buffer.from('Password: ')
/** As much as a tunnelled User-Password may have. */
const MAX_PASSWORD_BYTES = 1024
const noKeys = Buffer.alloc(0)

export interface InnerMethodOptions<Context, Grant> {
  readonly authenticate: Authenticate<Context, Grant>
  /** `eap-peap-gtc` …: what an attempt says of how it was made. */
  readonly name: string
}

/**
 * EAP-GTC (RFC 3748 §5.6) with the password as the token. It is sent as it is, so offer it inside a
 * tunnel alone.
 */
export class EapGtc<Context, Grant> implements EapMethod<Context, Grant> {
  readonly type = EapType.gtc
  readonly name: string
  readonly #options: InnerMethodOptions<Context, Grant>

  constructor(options: InnerMethodOptions<Context, Grant>) {
    this.name = options.name
    this.#options = options
  }

  start(setting: MethodSetting<Context>): MethodRun<Grant> {
    return new GtcRun(this.#options, setting)
  }
}

class GtcRun<Context, Grant> implements MethodRun<Grant> {
  readonly isUnderWay = true
  readonly #options: InnerMethodOptions<Context, Grant>
  readonly #setting: MethodSetting<Context>

  constructor(options: InnerMethodOptions<Context, Grant>, setting: MethodSetting<Context>) {
    this.#options = options
    this.#setting = setting
  }

  get facts(): MethodFacts {
    return { name: this.#setting.identity, tls: null, hasTunnel: false }
  }

  begin(): Buffer {
    return PROMPT
  }

  async answer(data: Buffer, signal: AbortSignal): Promise<MethodStep<Grant>> {
    if (data.length === 0 || data.length > MAX_PASSWORD_BYTES) {
      throw new RadiusError('EAP_MALFORMED', `token of ${data.length} bytes`)
    }
    const { context, outerIdentity, identity, tls } = this.#setting
    const verdict = await this.#options.authenticate(
      {
        context,
        outerIdentity,
        name: identity,
        proof: { kind: 'password', password: data },
        method: this.#options.name,
        tls,
      },
      signal,
    )
    return verdict.ok
      ? succeed(verdict, noKeys)
      : { kind: 'failure', failure: { reason: verdict.reason, detail: null, isVerdict: true } }
  }

  close(): void {
    // Nothing is held.
  }
}
