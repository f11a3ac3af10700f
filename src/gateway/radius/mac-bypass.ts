import {
  AttributeType,
  checkChap,
  findInteger,
  findText,
  findValue,
  PacketCode,
  RadiusError,
  type RadiusRequest,
  type Reply,
  readChapPassword,
  revealUserPassword,
} from '../../../protocols/radius/index.ts'
import { decideDevice } from '../../access/device.ts'
import type { Directory } from '../../directory/directory.ts'
import { readMac } from '../../directory/mac.ts'
import type { AuthEventSink } from '../../observe/auth-event.ts'
import { type Denials, describeVisit, type Visit } from './denials.ts'
import type { NasClient } from './nas-table.ts'
import { makeReplyAttributes, makeSessionAttributes } from './reply-attributes.ts'
import type { SessionClasses } from './session-class.ts'

const METHOD = 'radius-mac'
/** RFC 2865 §5.6: the NAS asks whether a caller may be served, before anybody logs in. */
const CALL_CHECK = 10
/** `aabbccddeeff` and `aa:bb:cc:dd:ee:ff`. */
const MIN_MAC_CHARACTERS = 12
const MAX_MAC_CHARACTERS = 17
const reject: Reply = { code: PacketCode.accessReject, attributes: [] }

/** A request on behalf of a device that has shown nothing but its address. */
export interface MacBypass {
  readonly userName: string
  /** Null when Calling-Station-Id tells of another device, or of none. */
  readonly mac: string | null
}

/**
 * Null unless the NAS asks for a device: the name is a MAC address, and either the password is that
 * very name (in clear or by CHAP) and Calling-Station-Id the same address, or Service-Type says
 * Call-Check. Anything else is somebody's log-in, whatever her name looks like.
 */
export function readMacBypass(request: RadiusRequest<NasClient>): MacBypass | null {
  const { attributes } = request.packet
  const userName = findText(attributes, AttributeType.userName)
  if (userName === null || !hasLengthOfMac(userName)) return null
  const named = readMac(userName)
  if (named === null) return null
  const caller = findText(attributes, AttributeType.callingStationId)
  const isSame = caller !== null && readMac(caller.trim()) === named
  if (findInteger(attributes, AttributeType.serviceType) === CALL_CHECK)
    return { userName, mac: isSame ? named : null }
  return isSame && isPasswordOwnName(request, userName) ? { userName, mac: named } : null
}

function hasLengthOfMac({ length }: string): boolean {
  return length >= MIN_MAC_CHARACTERS && length <= MAX_MAC_CHARACTERS
}

function isPasswordOwnName(
  { packet: { attributes, authenticator }, secret }: RadiusRequest<NasClient>,
  userName: string,
): boolean {
  const name = Buffer.from(userName)
  const hidden = findValue(attributes, AttributeType.userPassword)
  if (hidden !== null) {
    const password = revealOrNull(hidden, secret.bytes, authenticator)
    const isName = password?.equals(name) === true
    // Where it is not, it may be somebody's.
    password?.fill(0)
    return isName
  }
  const chap = findValue(attributes, AttributeType.chapPassword)
  if (chap === null) return false
  const challenge = findValue(attributes, AttributeType.chapChallenge) ?? authenticator
  const response = readChapPassword(chap, challenge)
  return response !== null && checkChap(name, response)
}

function revealOrNull(hidden: Buffer, secret: Buffer, authenticator: Buffer): Buffer | null {
  try {
    return revealUserPassword(hidden, secret, authenticator)
  } catch (error) {
    if (error instanceof RadiusError) return null
    throw error
  }
}

/** MAC authentication bypass: devices of the list, on networks that allow it, and nobody else. */
export class MacAnswers {
  readonly #directory: Directory
  readonly #denials: Denials
  readonly #classes: SessionClasses
  readonly #events: AuthEventSink
  readonly #nowMs: () => number

  constructor(parts: {
    readonly directory: Directory
    readonly denials: Denials
    readonly classes: SessionClasses
    readonly events: AuthEventSink
    readonly nowMs: () => number
  }) {
    this.#directory = parts.directory
    this.#denials = parts.denials
    this.#classes = parts.classes
    this.#events = parts.events
    this.#nowMs = parts.nowMs
  }

  /** Whether a device asks that would be let in now. It records nothing. */
  isListed(request: RadiusRequest<NasClient>, { network }: Visit): boolean {
    const mac = readMacBypass(request)?.mac ?? null
    if (mac === null || network === null || !network.methods.includes('mac')) return false
    const device = this.#directory.deviceByMac(mac)
    if (device === null) return false
    return decideDevice(this.#directory, device, { network, atMs: this.#nowMs() }).ok
  }

  /** Null when the request is none of a device. */
  answer(request: RadiusRequest<NasClient>, visit: Visit): Reply | null {
    const asked = readMacBypass(request)
    if (asked === null) return null
    const { mac, userName } = asked
    const deny = (reason: string, detail: string | null = null) => {
      this.#denials.record(visit, { reason, method: METHOD, name: userName, detail })
      return reject
    }
    const { network } = visit
    if (network === null) return deny('no-network')
    if (!network.methods.includes('mac')) return deny('method-not-allowed', 'mac')
    if (mac === null) return deny('mac-mismatch')
    const device = this.#directory.deviceByMac(mac)
    if (device === null) return deny('unknown-device')
    const atMs = this.#nowMs()
    const decision = decideDevice(this.#directory, device, { network, atMs })
    if (!decision.ok) return deny(decision.denial, device.name)
    const { grant } = decision
    this.#events.record({
      atMs,
      outcome: 'success',
      reason: null,
      resourceKind: 'network',
      resourceName: network.name,
      method: METHOD,
      principalId: device.id,
      name: userName,
      address: visit.address,
      device: mac,
      detail: describeVisit(visit, { why: grant.why }),
    })
    const admitted = { who: { value: device }, grant, network, nas: request.client.nas }
    return {
      code: PacketCode.accessAccept,
      attributes: [
        ...makeReplyAttributes(grant),
        ...makeSessionAttributes(admitted, this.#classes),
      ],
    }
  }
}
