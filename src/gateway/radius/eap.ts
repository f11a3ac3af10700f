import {
  AttributeType,
  type EapAnswer,
  type EapAttempt,
  EapServer,
  findInteger,
  findValue,
  type Holder,
  makeMppeKeys,
  makeOctets,
  makeText,
  type Opening,
  PacketCode,
  type RadiusRequest,
  type Reply,
  splitEapMessage,
  type TlsContext,
  type Verdict,
} from '../../../protocols/radius/index.ts'
import type { TurnTaker } from '../../../protocols/wire/index.ts'
import type { Grant } from '../../access/decide.ts'
import type {
  Authenticator,
  CertificateAuthenticator,
  ChallengeAuthenticator,
  Denial,
  Outcome,
  Proved,
  ResumableLogins,
} from '../../credentials/authenticate.ts'
import type { Network } from '../../directory/network.ts'
import { MsChap2Proof } from './challenge-proofs.ts'
import { type Denials, describeVisit, type Visit } from './denials.ts'
import { EapMethods } from './eap-methods.ts'
import { makeStorable, parseLoginName, readText, realmOf } from './facts.ts'
import type { NasClient } from './nas-table.ts'
import { makeReplyAttributes, makeSessionAttributes } from './reply-attributes.ts'
import { Resumptions } from './resumption.ts'
import type { SessionClasses } from './session-class.ts'

/** A visit whose network is known. */
interface NetworkVisit extends Visit {
  readonly network: Network
}

interface Admission extends Proved {
  readonly grant: Grant
}

export interface EapAnswersParts {
  readonly authenticator: Authenticator
  readonly challenges: ChallengeAuthenticator
  /** Null where nobody comes in by certificate. */
  readonly certificates: CertificateAuthenticator | null
  /** Null where each log-in is whole. */
  readonly resumable: ResumableLogins | null
  readonly denials: Denials
  readonly tls: () => TlsContext
  readonly classes: SessionClasses
  readonly holder: Holder
  readonly turns?: TurnTaker | undefined
  /** Whether a network is still what it was when a conversation began. */
  readonly isCurrent: (network: Network) => boolean
}

/** Log-ins by EAP: a conversation of many requests, of which the first decides on the network. */
export class EapAnswers {
  readonly #authenticator: Authenticator
  readonly #isCurrent: (network: Network) => boolean
  readonly #denials: Denials
  readonly #classes: SessionClasses
  readonly #server: EapServer<NetworkVisit, Admission>
  readonly #challenges: ChallengeAuthenticator
  readonly #certificates: CertificateAuthenticator | null
  readonly #resumptions: Resumptions | null
  readonly #methods: EapMethods<NetworkVisit, Admission>

  constructor(parts: EapAnswersParts) {
    this.#authenticator = parts.authenticator
    this.#isCurrent = parts.isCurrent
    this.#denials = parts.denials
    this.#classes = parts.classes
    this.#server = new EapServer({
      holder: parts.holder,
      turns: parts.turns,
      onAbandoned: ({ context, method, name, outerIdentity, tls }, stage) =>
        this.#denials.record(context, {
          reason: 'abandoned',
          method: method ?? 'eap',
          name: makeStorable(name ?? outerIdentity ?? ''),
          detail: stage,
          tls,
        }),
    })
    this.#challenges = parts.challenges
    const { resumable, certificates } = parts
    this.#certificates = certificates
    const resumptions =
      resumable === null ? null : new Resumptions({ logins: resumable, certificates })
    this.#resumptions = resumptions
    this.#methods = new EapMethods({
      tls: parts.tls,
      authenticate: (attempt, signal) => this.#authenticate(attempt, signal),
      ...(resumptions === null
        ? {}
        : { mayResume: (at, resumption) => resumptions.mayResume(placeOf(at), resumption) }),
    })
  }

  /** Conversations that wait for their peer. */
  get size(): number {
    return this.#server.size
  }

  /** @throws {AuthenticationUnavailable} as a rejection, when neither yes nor no can be said */
  async answer(
    request: RadiusRequest<NasClient>,
    parts: { readonly eap: Buffer; readonly visit: () => Visit },
    signal: AbortSignal,
  ): Promise<Reply | null> {
    const { attributes } = request.packet
    const answer = await this.#server.answer(
      {
        eap: parts.eap,
        state: findValue(attributes, AttributeType.state),
        framedMtu: findInteger(attributes, AttributeType.framedMtu),
        owner: request.client.nas.id,
        open: () => this.#open(parts.visit()),
      },
      signal,
    )
    if (answer.kind === 'reject' && !answer.failure.isVerdict) {
      this.#recordDenial(request, answer, parts.visit)
    }
    return toReply(answer, request, this.#classes)
  }

  /** Forgets devices that fell silent; to be called now and then. */
  expire(): void {
    this.#server.expire()
  }

  stop(): void {
    this.#server.closeAll()
  }

  #open(visit: Visit): Opening<NetworkVisit, Admission> | null {
    const { network } = visit
    if (network === null) return null
    const context = { ...visit, network }
    return { context, methods: this.#methods.outerOf(context) }
  }

  async #authenticate(
    attempt: EapAttempt<NetworkVisit>,
    signal: AbortSignal,
  ): Promise<Verdict<Admission>> {
    const { context, name, outerIdentity, proof, method, tls } = attempt
    if (!fitsOuterRealm(name, outerIdentity)) {
      const storable = makeStorable(name)
      const reason = 'realm-mismatch'
      this.#denials.record(context, { reason, method, name: storable, detail: outerIdentity, tls })
      return { ok: false, reason }
    }
    if (!this.#isCurrent(context.network)) {
      const reason = 'network-changed'
      const storable = makeStorable(name)
      this.#denials.record(context, { reason, method, name: storable, detail: null, tls })
      return { ok: false, reason }
    }
    const claimant = {
      subject: { by: 'login-name', name: parseLoginName(makeStorable(name)) },
      resource: { kind: 'network', network: context.network },
      method,
      address: context.address,
      device: context.facts.device,
      detail: describeVisit(context, { tls }),
    } as const
    switch (proof.kind) {
      case 'password': {
        const { password } = proof
        try {
          const outcome = await this.#authenticator.authenticate(
            { ...claimant, password },
            { signal },
          )
          return this.#conclude(outcome, attempt)
        } finally {
          password.fill(0)
        }
      }
      case 'ms-chap-2': {
        const shown = { ...claimant, proof: new MsChap2Proof(proof) }
        const outcome = await this.#challenges.authenticateChallenge(shown, { signal })
        if (!outcome.ok) return deny(outcome)
        return { ...this.#admit(outcome, attempt), msChap: outcome.answer }
      }
      case 'certificate': {
        if (this.#certificates === null) throw new Error('no way to check a certificate')
        const shown = { ...claimant, name: claimant.subject.name, chain: proof.chain }
        const outcome = await this.#certificates.authenticateCertificate(shown, { signal })
        return this.#conclude(outcome, attempt)
      }
      case 'resumption': {
        if (this.#resumptions === null) throw new Error('no way to check a resumed session')
        const detail = describeVisit(context, { tls, resumed: true })
        const again = { ...claimant, name: claimant.subject.name, detail }
        return this.#conclude(
          await this.#resumptions.resume(proof.resumption, again, signal),
          attempt,
        )
      }
    }
  }

  #conclude(outcome: Outcome, attempt: EapAttempt<NetworkVisit>): Verdict<Admission> {
    return outcome.ok ? this.#admit(outcome, attempt) : deny(outcome)
  }

  #admit({ who, grant, credentialId, stamp }: Admission, attempt: EapAttempt<NetworkVisit>) {
    const proved = credentialId === undefined ? { who } : { who, credentialId }
    const checked = stamp === undefined ? proved : { ...proved, stamp }
    const resumption = this.#resumptionOf(attempt, checked)
    return {
      ok: true,
      grant: { ...proved, grant },
      ...(resumption === null ? {} : { resumption }),
    } as const
  }

  /** What is kept of the log-in with its TLS session; null where it must not be resumed. */
  #resumptionOf({ context, proof }: EapAttempt<NetworkVisit>, proved: Proved): string | null {
    if (this.#resumptions === null) return null
    const place = placeOf(context)
    switch (proof.kind) {
      case 'resumption':
        return proof.resumption
      case 'certificate':
        return this.#resumptions.ofCertificate(place, proof.chain)
      default:
        return this.#resumptions.ofPassword(place, proved)
    }
  }

  #recordDenial(
    { packet }: RadiusRequest<NasClient>,
    { failure, peer }: EapAnswer<NetworkVisit, Admission> & { readonly kind: 'reject' },
    visit: () => Visit,
  ): void {
    const outerName = readText(packet.attributes, AttributeType.userName) ?? ''
    this.#denials.record(peer?.context ?? visit(), {
      reason: failure.reason === 'no-method' ? 'method-not-allowed' : failure.reason,
      method: peer?.method ?? 'eap',
      name: makeStorable(peer?.name ?? peer?.outerIdentity ?? outerName),
      detail: failure.detail,
      tls: peer?.tls ?? null,
    })
  }
}

function placeOf({ network, facts }: NetworkVisit) {
  return { network, device: facts.device }
}

function deny({ denial }: { readonly denial: Denial }) {
  return { ok: false, reason: denial } as const
}

/**
 * A proxy leads a log-in by the realm outside the tunnel; a different one inside would let somebody
 * in whom nobody on the way has taken for ours (RFC 7542 §3.1). One without a realm is ours anyway.
 */
function fitsOuterRealm(name: string, outerIdentity: string): boolean {
  const [inner, outer] = [realmOf(name), realmOf(outerIdentity)]
  return inner === null || outer === null || inner === outer
}

function toReply(
  answer: EapAnswer<NetworkVisit, Admission>,
  { packet, secret, client }: RadiusRequest<NasClient>,
  classes: SessionClasses,
): Reply | null {
  switch (answer.kind) {
    case 'challenge':
      return {
        code: PacketCode.accessChallenge,
        attributes: [makeOctets(AttributeType.state, answer.state), ...splitEapMessage(answer.eap)],
      }
    case 'accept': {
      const { who, grant, credentialId = null } = answer.grant
      const { network } = answer.peer.context
      const wrap = { secret: secret.bytes, requestAuthenticator: packet.authenticator }
      return {
        code: PacketCode.accessAccept,
        attributes: [
          ...splitEapMessage(answer.eap),
          // The NAS knows the outer identity only; this names the session in its accounting.
          makeText(AttributeType.userName, nameOf(who)),
          ...makeMppeKeys(answer.msk, wrap),
          ...makeReplyAttributes(grant),
          ...makeSessionAttributes({ who, grant, network, nas: client.nas, credentialId }, classes),
        ],
      }
    }
    case 'reject':
      return { code: PacketCode.accessReject, attributes: splitEapMessage(answer.eap) }
    default:
      return null
  }
}

function nameOf({ value }: Proved['who']): string {
  return value.kind === 'person' ? value.username : value.name
}
