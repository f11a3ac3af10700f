import { ByteReader, WireError } from '../../wire/index.ts'
import { RadiusError } from '../errors.ts'
import { type MsChap2Response, makeChapError, withoutDomain } from '../ms-chap.ts'
import { takeRandom } from '../random.ts'
import type { InnerMethodOptions } from './gtc.ts'
import {
  type EapMethod,
  type MethodFacts,
  type MethodFailure,
  type MethodRun,
  type MethodSetting,
  type MethodStep,
  succeed,
  type Verdict,
} from './method.ts'
import { EapType } from './packet.ts'

/** draft-kamath-pppext-eap-mschapv2-02 §2. */
const OpCode = { challenge: 1, response: 2, success: 3, failure: 4 } as const

const CHALLENGE_BYTES = 16
const HEADER_BYTES = 4
/** Peer challenge, reserved octets, response, flags. */
const VALUE_BYTES = 49
const RESERVED_BYTES = 8
const RESPONSE_BYTES = 24
const MAX_NAME_BYTES = 253
/** Shown by some supplicants as who asks. */
const SERVER_NAME = Buffer.from('radius')

/**
 * EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02). It can be cracked by whoever hears it, so offer
 * it inside a tunnel alone: one of EAP, or IKEv2's. A wrong password ends it: no retry is offered (`R=0`).
 */
export class EapMsChapV2<Context, Grant> implements EapMethod<Context, Grant> {
  readonly type = EapType.msChapV2
  readonly name: string
  readonly #options: InnerMethodOptions<Context, Grant>

  constructor(options: InnerMethodOptions<Context, Grant>) {
    this.name = options.name
    this.#options = options
  }

  start(setting: MethodSetting<Context>): MethodRun<Grant> {
    return new MsChapV2Run(this.#options, setting)
  }
}

/** What is told when the peer has acknowledged our success or failure packet. */
type Outcome<Grant> = Exclude<MethodStep<Grant>, { readonly kind: 'request' }>

class MsChapV2Run<Context, Grant> implements MethodRun<Grant> {
  readonly isUnderWay = true
  readonly #options: InnerMethodOptions<Context, Grant>
  readonly #setting: MethodSetting<Context>
  readonly #challenge = takeRandom(CHALLENGE_BYTES)
  readonly #id = takeRandom(1).readUInt8(0)
  #outcome: Outcome<Grant> | null = null

  constructor(options: InnerMethodOptions<Context, Grant>, setting: MethodSetting<Context>) {
    this.#options = options
    this.#setting = setting
  }

  get facts(): MethodFacts {
    return { name: this.#setting.identity, tls: null, hasTunnel: false }
  }

  begin(): Buffer {
    return this.#packet(OpCode.challenge, [
      Buffer.from([CHALLENGE_BYTES]),
      this.#challenge,
      SERVER_NAME,
    ])
  }

  async answer(data: Buffer, signal: AbortSignal): Promise<MethodStep<Grant>> {
    if (this.#outcome !== null) return conclude(this.#outcome, data)
    const { name, response } = readResponse(data, this.#challenge)
    const { context, outerIdentity, identity, tls } = this.#setting
    // The hash is over the name in the response; who it is about was said before.
    if (!response.userName.equals(withoutDomain(Buffer.from(identity)))) {
      return failure({ reason: 'name-mismatch', detail: name, isVerdict: false })
    }
    const proof = { kind: 'ms-chap-2', ...response } as const
    const { name: method } = this.#options
    const attempt = { context, outerIdentity, name: identity, proof, method, tls }
    return this.#judge(await this.#options.authenticate(attempt, signal))
  }

  close(): void {
    // Nothing is held.
  }

  #judge(verdict: Verdict<Grant>): MethodStep<Grant> {
    if (!verdict.ok) {
      this.#outcome = failure({ reason: verdict.reason, detail: null, isVerdict: true })
      return this.#request(OpCode.failure, makeChapError(this.#challenge))
    }
    const { msChap } = verdict
    if (msChap === undefined) throw new Error('a right MS-CHAPv2 response was given no keys')
    const msk = Buffer.concat([msChap.receiveKey, msChap.sendKey])
    this.#outcome = succeed(verdict, msk)
    return this.#request(OpCode.success, `${msChap.authenticatorResponse} M=OK`)
  }

  #request(code: number, message: string): MethodStep<Grant> {
    return { kind: 'request', data: this.#packet(code, [Buffer.from(message)]) }
  }

  #packet(code: number, parts: readonly Buffer[]): Buffer {
    const header = Buffer.from([code, this.#id, 0, 0])
    const packet = Buffer.concat([header, ...parts])
    packet.writeUInt16BE(packet.length, 2)
    return packet
  }
}

/** The peer says whether it believes our success; a failure it can only take note of. */
function conclude<Grant>(outcome: Outcome<Grant>, data: Buffer): MethodStep<Grant> {
  if (outcome.kind === 'failure' || data[0] === OpCode.success) return outcome
  return failure({ reason: 'peer-refused', detail: 'our MS-CHAPv2 response', isVerdict: false })
}

/** @throws {RadiusError} `EAP_MALFORMED`, `EAP_UNEXPECTED` */
function readResponse(
  data: Buffer,
  authenticatorChallenge: Buffer,
): { readonly name: string; readonly response: MsChap2Response } {
  try {
    const reader = new ByteReader(data)
    const code = reader.uint8()
    if (code !== OpCode.response) throw new RadiusError('EAP_UNEXPECTED', `MS-CHAPv2 code ${code}`)
    reader.skip(HEADER_BYTES - 1)
    const valueBytes = reader.uint8()
    if (valueBytes !== VALUE_BYTES) throw malformed(`value of ${valueBytes} bytes`)
    const peerChallenge = reader.bytes(CHALLENGE_BYTES)
    reader.skip(RESERVED_BYTES)
    const ntResponse = reader.bytes(RESPONSE_BYTES)
    reader.skip(1)
    if (reader.remaining > MAX_NAME_BYTES) throw malformed(`name of ${reader.remaining} bytes`)
    const name = reader.bytes(reader.remaining)
    const userName = withoutDomain(name)
    const response = { authenticatorChallenge, peerChallenge, ntResponse, userName }
    return { name: name.toString('utf8'), response }
  } catch (error) {
    if (error instanceof WireError && !(error instanceof RadiusError))
      throw malformed(error.message)
    throw error
  }
}

function malformed(message: string): RadiusError {
  return new RadiusError('EAP_MALFORMED', message)
}

function failure<Grant>(failed: MethodFailure): Outcome<Grant> {
  return { kind: 'failure', failure: failed }
}
