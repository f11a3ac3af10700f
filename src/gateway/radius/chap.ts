import {
  type Attribute,
  AttributeType,
  findValue,
  findVendorValues,
  MicrosoftType,
  type MsChapResult,
  makeChapError,
  makeMppeKeyPair,
  makeVendor,
  PacketCode,
  type RadiusRequest,
  type Reply,
  readChapPassword,
  readMsChap2Response,
  Vendor,
  withoutDomain,
} from '../../../protocols/radius/index.ts'
import type {
  ChallengeAuthenticator,
  ChallengeOutcome,
  ChallengeProof,
} from '../../credentials/authenticate.ts'
import { ChapProof, MsChap2Proof } from './challenge-proofs.ts'
import { type Denials, describeVisit, type Visit } from './denials.ts'
import { parseLoginName, readText } from './facts.ts'
import type { NasClient } from './nas-table.ts'
import { makeReplyAttributes, makeSessionAttributes } from './reply-attributes.ts'
import type { SessionClasses } from './session-class.ts'

const CHALLENGE_BYTES = 16
/** RFC 2548 §2.4.4, §2.4.5: encryption is allowed, and with keys of 128 bits alone. */
const ENCRYPTION_ALLOWED = 1
const ONLY_128_BITS = 4

/** A VPN gateway's log-in that carries no password: MS-CHAPv2 (RFC 2548 §2.3) or CHAP. */
export class ChapAnswers {
  readonly #challenges: ChallengeAuthenticator
  readonly #denials: Denials
  readonly #classes: SessionClasses

  constructor(parts: {
    readonly challenges: ChallengeAuthenticator
    readonly denials: Denials
    readonly classes: SessionClasses
  }) {
    this.#challenges = parts.challenges
    this.#classes = parts.classes
    this.#denials = parts.denials
  }

  /** Null when the request is neither. */
  answer(
    request: RadiusRequest<NasClient>,
    visit: Visit,
    signal: AbortSignal,
  ): Promise<Reply> | null {
    const { attributes } = request.packet
    const response = findMicrosoft(attributes, MicrosoftType.chap2Response)
    if (response !== null) return this.#answerMsChap2(request, { visit, response }, signal)
    const chap = findValue(attributes, AttributeType.chapPassword)
    return chap === null ? null : this.#answerChap(request, { visit, chap }, signal)
  }

  async #answerMsChap2(
    request: RadiusRequest<NasClient>,
    { visit, response }: { readonly visit: Visit; readonly response: Buffer },
    signal: AbortSignal,
  ): Promise<Reply> {
    const { attributes } = request.packet
    const challenge = findMicrosoft(attributes, MicrosoftType.chapChallenge)
    const read = readMsChap2Response(response)
    const userName = withoutDomain(findValue(attributes, AttributeType.userName) ?? Buffer.alloc(0))
    const isWhole = read !== null && challenge?.length === CHALLENGE_BYTES
    const proof = isWhole
      ? new MsChap2Proof({ ...read, authenticatorChallenge: challenge, userName })
      : null
    const method = { name: 'mschapv2', record: 'radius-mschapv2' } as const
    const outcome = await this.#judge(request, { visit, proof, method }, signal)
    const ident = response.subarray(0, 1)
    if (outcome.ok) return acceptMsChap2(request, outcome, ident)
    const error = Buffer.from(makeChapError(challenge ?? Buffer.alloc(CHALLENGE_BYTES)))
    return reject([makeMicrosoft(MicrosoftType.chapError, Buffer.concat([ident, error]))])
  }

  async #answerChap(
    request: RadiusRequest<NasClient>,
    { visit, chap }: { readonly visit: Visit; readonly chap: Buffer },
    signal: AbortSignal,
  ): Promise<Reply> {
    const { attributes, authenticator } = request.packet
    const challenge = findValue(attributes, AttributeType.chapChallenge) ?? authenticator
    const response = readChapPassword(chap, challenge)
    const proof = response === null ? null : new ChapProof(response)
    const method = { name: 'chap', record: 'radius-chap' } as const
    const outcome = await this.#judge(request, { visit, proof, method }, signal)
    return outcome.ok ? accept(outcome, []) : reject([])
  }

  async #judge<Answer>(
    { packet, client }: RadiusRequest<NasClient>,
    {
      visit,
      proof,
      method,
    }: {
      readonly visit: Visit
      /** Null when the attributes make none. */
      readonly proof: ChallengeProof<Answer> | null
      readonly method: { readonly name: 'chap' | 'mschapv2'; readonly record: string }
    },
    signal: AbortSignal,
  ): Promise<Admitted<Answer> | { readonly ok: false }> {
    const name = readText(packet.attributes, AttributeType.userName) ?? ''
    const { network } = visit
    const deny = (reason: string, detail: string | null = null) => {
      this.#denials.record(visit, { reason, method: method.record, name, detail })
      return { ok: false } as const
    }
    if (network === null) return deny('no-network')
    if (!network.methods.includes(method.name)) return deny('method-not-allowed', method.name)
    if (proof === null) return deny('malformed', method.name)
    const outcome = await this.#challenges.authenticateChallenge(
      {
        subject: { by: 'login-name', name: parseLoginName(name) },
        proof,
        resource: { kind: 'network', network },
        method: method.record,
        address: visit.address,
        device: visit.facts.device,
        detail: describeVisit(visit),
      },
      { signal },
    )
    if (!outcome.ok) return outcome
    const { who, grant, credentialId = null } = outcome
    const session = makeSessionAttributes(
      { who, grant, network, nas: client.nas, credentialId },
      this.#classes,
    )
    return { ...outcome, session }
  }
}

type Admitted<Answer> = ChallengeOutcome<Answer> & {
  readonly ok: true
  readonly session: readonly Attribute[]
}

function acceptMsChap2(
  { packet, secret }: RadiusRequest<NasClient>,
  outcome: Admitted<MsChapResult>,
  ident: Buffer,
): Reply {
  const { authenticatorResponse } = outcome.answer
  const wrap = { secret: secret.bytes, requestAuthenticator: packet.authenticator }
  const success = Buffer.concat([ident, Buffer.from(authenticatorResponse)])
  return accept(outcome, [
    makeMicrosoft(MicrosoftType.chap2Success, success),
    makeMicrosoft(MicrosoftType.mppeEncryptionPolicy, uint32(ENCRYPTION_ALLOWED)),
    makeMicrosoft(MicrosoftType.mppeEncryptionTypes, uint32(ONLY_128_BITS)),
    ...makeMppeKeyPair(outcome.answer, wrap),
  ])
}

function accept({ grant, session }: Admitted<unknown>, attributes: readonly Attribute[]): Reply {
  return {
    code: PacketCode.accessAccept,
    attributes: [...attributes, ...makeReplyAttributes(grant), ...session],
  }
}

function reject(attributes: readonly Attribute[]): Reply {
  return { code: PacketCode.accessReject, attributes }
}

function findMicrosoft(attributes: readonly Attribute[], type: number): Buffer | null {
  return findVendorValues(attributes, Vendor.microsoft, type)[0] ?? null
}

function makeMicrosoft(type: number, value: Buffer): Attribute {
  return makeVendor({ vendor: Vendor.microsoft, type, value })
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
