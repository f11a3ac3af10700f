import {
  AttributeType,
  findValue,
  type Holder,
  joinEapMessage,
  type RadiusHandler,
  type RadiusRequest,
  type Reply,
  type TlsContext,
} from '../../../protocols/radius/index.ts'
import type { TurnTaker } from '../../../protocols/wire/index.ts'
import {
  AuthenticationUnavailable,
  type CertificateAuthenticator,
  type ChallengeAuthenticator,
  type ResumableLogins,
} from '../../credentials/authenticate.ts'
import type { SecondStep } from '../../credentials/second-step.ts'
import type { Directory, Freshness } from '../../directory/directory.ts'
import type { SessionReport, SessionStore } from '../../directory/ports/accounting.ts'
import type { AuthEventSink } from '../../observe/auth-event.ts'
import { readReport } from './accounting.ts'
import { ChapAnswers } from './chap.ts'
import { chooseNetwork } from './choose-network.ts'
import { Denials, type Visit } from './denials.ts'
import { DeviceGate, deviceIn } from './device-gate.ts'
import { EapAnswers } from './eap.ts'
import { readFacts } from './facts.ts'
import { MacAnswers } from './mac-bypass.ts'
import type { NasClient } from './nas-table.ts'
import { PapAnswers } from './pap.ts'
import type { RealmProxy } from './proxy/realm-proxy.ts'
import type { SessionClasses } from './session-class.ts'

export interface RadiusAnswersParts {
  readonly directory: Directory
  readonly authenticator: SecondStep
  readonly challenges: ChallengeAuthenticator
  /** Without it nobody comes in by certificate. */
  readonly certificates?: CertificateAuthenticator
  /** Without it every log-in is a whole one. */
  readonly resumable?: ResumableLogins
  readonly events: AuthEventSink
  readonly sessions: SessionStore
  readonly classes: SessionClasses
  /** Told of each session that has begun or goes on, once it is recorded. */
  readonly onSession?: (report: SessionReport) => void
  /** Told of each log-in refused because its device had failed too often. */
  readonly onLimited?: () => void
  readonly freshness: () => Freshness
  readonly tls: () => TlsContext
  readonly holder: Holder
  /** What steps of EAP take turns by, with other costly work of the daemon. */
  readonly turns?: TurnTaker
  /** Answers for the realms that are not ours. */
  readonly proxy: RealmProxy
  readonly nowMs?: () => number
}

/**
 * RADIUS, spoken for our directory. A denial is an Access-Reject whatever its reason; what we can't
 * decide (a directory too old, a fault of our own) gets no answer, so that the NAS asks elsewhere.
 */
export class RadiusAnswers implements RadiusHandler<NasClient> {
  readonly #directory: Directory
  readonly #sessions: SessionStore
  readonly #proxy: RealmProxy
  readonly #classes: SessionClasses
  readonly #onSession: (report: SessionReport) => void
  readonly #freshness: () => Freshness
  readonly #nowMs: () => number
  readonly #gate: DeviceGate
  readonly #mac: MacAnswers
  readonly #pap: PapAnswers
  readonly #chap: ChapAnswers
  readonly #eap: EapAnswers

  constructor(parts: RadiusAnswersParts) {
    this.#directory = parts.directory
    this.#sessions = parts.sessions
    this.#proxy = parts.proxy
    this.#classes = parts.classes
    this.#onSession = parts.onSession ?? (() => undefined)
    this.#freshness = parts.freshness
    this.#nowMs = parts.nowMs ?? Date.now
    const denials = new Denials(parts.events, this.#nowMs)
    const { onLimited = () => undefined } = parts
    const mac = new MacAnswers({ ...parts, denials, nowMs: this.#nowMs })
    this.#mac = mac
    this.#gate = new DeviceGate({
      denials,
      isListed: (request, visit) => mac.isListed(request, visit),
      onRefused: onLimited,
    })
    this.#pap = new PapAnswers({ ...parts, denials })
    this.#chap = new ChapAnswers({ ...parts, denials })
    this.#eap = new EapAnswers({
      authenticator: parts.authenticator,
      challenges: parts.challenges,
      certificates: parts.certificates ?? null,
      resumable: parts.resumable ?? null,
      denials,
      tls: parts.tls,
      classes: parts.classes,
      holder: parts.holder,
      turns: parts.turns,
      isCurrent: ({ id, version }) =>
        parts.directory
          .networks()
          .some((network) => network.id === id && network.version === version),
    })
  }

  /** EAP conversations that wait for their peer. */
  get conversations(): number {
    return this.#eap.size
  }

  access(
    request: RadiusRequest<NasClient>,
    signal: AbortSignal,
  ): Reply | null | Promise<Reply | null> {
    if (this.#freshness() === 'too-stale') return null
    try {
      const away = this.#proxy.access(request, signal)
      if (away !== 'local') return away
      const reply = this.#answer(request, signal)
      return reply instanceof Promise ? reply.catch(silenceWhenUnavailable) : reply
    } catch (error) {
      return silenceWhenUnavailable(error)
    }
  }

  async account(request: RadiusRequest<NasClient>, signal: AbortSignal): Promise<boolean> {
    const report = readReport(request, {
      directory: this.#directory,
      classes: this.#classes,
      nowMs: this.#nowMs(),
    })
    // A status we keep nothing of is acknowledged all the same, or the NAS would repeat it for ever.
    if (report !== null) {
      await this.#sessions.record(report)
      if (report.kind === 'start' || report.kind === 'interim') this.#onSession(report)
    }
    return (await this.#proxy.account(request, signal)) ?? true
  }

  /** Forgets devices that fell silent; to be called now and then. */
  expire(): void {
    this.#eap.expire()
    this.#pap.expire()
  }

  stop(): void {
    this.#eap.stop()
    this.#proxy.stop()
  }

  #answer(
    request: RadiusRequest<NasClient>,
    signal: AbortSignal,
  ): Reply | null | Promise<Reply | null> {
    const { attributes } = request.packet
    const eap = joinEapMessage(attributes)
    const isUnderWay = findValue(attributes, AttributeType.state) !== null
    if (eap !== null && isUnderWay) {
      const visit = () => this.#visitOf(request)
      return this.#gate.continue(request, this.#eap.answer(request, { eap, visit }, signal))
    }
    const visit = this.#visitOf(request)
    const device = deviceIn(request, visit)
    const refusal = isUnderWay ? null : this.#gate.refuse(request, { visit, device, eap })
    if (refusal !== null) return refusal
    if (eap !== null) {
      const begun = this.#eap.answer(request, { eap, visit: () => visit }, signal)
      return this.#gate.begin(device, begun)
    }
    const reply = this.#answerPlain(request, visit, signal)
    return reply instanceof Promise
      ? reply.then((settled) => this.#gate.settle(device, settled))
      : this.#gate.settle(device, reply)
  }

  #answerPlain(
    request: RadiusRequest<NasClient>,
    visit: Visit,
    signal: AbortSignal,
  ): Reply | Promise<Reply> {
    const { attributes } = request.packet
    const device = this.#mac.answer(request, visit)
    if (device !== null) return device
    const hasPassword = findValue(attributes, AttributeType.userPassword) !== null
    const chap = hasPassword ? null : this.#chap.answer(request, visit, signal)
    return chap ?? this.#pap.answer(request, visit, signal)
  }

  #visitOf({ packet, client, address }: RadiusRequest<NasClient>): Visit {
    const facts = readFacts(packet)
    const network = chooseNetwork(this.#directory.networks(), client.nas, facts)
    return { client, address, facts, network }
  }
}

function silenceWhenUnavailable(error: unknown): null {
  if (error instanceof AuthenticationUnavailable) return null
  throw error
}
