import {
  AcctStatusType,
  AttributeType,
  findAddress,
  findInteger,
  type RadiusRequest,
} from '../../../protocols/radius/index.ts'
import type { Directory } from '../../directory/directory.ts'
import { foldText } from '../../directory/fold.ts'
import type {
  Admission,
  SessionIdentity,
  SessionLink,
  SessionReport,
} from '../../directory/ports/accounting.ts'
import { chooseNetwork } from './choose-network.ts'
import { parseDevice, parseLoginName, readFacts, readText } from './facts.ts'
import type { NasClient } from './nas-table.ts'
import type { SessionClass, SessionClasses } from './session-class.ts'

/** A NAS that kept a report for longer than a day has lost count of it. */
const MAX_DELAY_SECONDS = 86_400
/** RFC 2869 §5.1: how often the octet counter has gone round. */
const GIGAWORD_BITS = 32n

const kinds = new Map<number, SessionReport['kind']>([
  [AcctStatusType.start, 'start'],
  [AcctStatusType.stop, 'stop'],
  [AcctStatusType.interimUpdate, 'interim'],
  [AcctStatusType.accountingOn, 'nas-started'],
  [AcctStatusType.accountingOff, 'nas-stopping'],
])

/** RFC 2866 §5.10, in words. */
const terminateCauses = [
  'user-request',
  'lost-carrier',
  'lost-service',
  'idle-timeout',
  'session-timeout',
  'admin-reset',
  'admin-reboot',
  'port-error',
  'nas-error',
  'nas-request',
  'nas-reboot',
  'port-unneeded',
  'port-preempted',
  'port-suspended',
  'service-unavailable',
  'callback',
  'user-error',
  'host-request',
]

/** Signal strength as access points write it into Connect-Info. */
const signalInText = /-\d{1,3} ?dBm|RSSI[:= ]*-?\d{1,3}/i

type AccountingRequest = Pick<RadiusRequest, 'packet' | 'address'> & {
  readonly client: Pick<NasClient, 'nas'>
}

export interface ReportReader {
  readonly directory: Directory
  readonly classes: SessionClasses
  readonly nowMs: number
}

/**
 * What an Accounting-Request reports (RFC 2866 §5); null for a status that is none of ours. Whose
 * session it is stands in our own Class, and only where there is none in the name the NAS knows.
 */
export function readReport(
  request: AccountingRequest,
  { directory, classes, nowMs }: ReportReader,
): SessionReport | null {
  const { packet, client, address } = request
  const { attributes } = packet
  const { nas } = client
  const kind = kinds.get(findInteger(attributes, AttributeType.acctStatusType) ?? 0)
  if (kind === undefined) return null
  const username = readText(attributes, AttributeType.userName) ?? ''
  const admitted = classes.read(attributes)
  const name = foldText(parseLoginName(username))
  const named = directory.personByLoginName(name)?.value ?? directory.guestByName(name)
  const delaySeconds = findInteger(attributes, AttributeType.acctDelayTime) ?? 0
  const cause = findInteger(attributes, AttributeType.acctTerminateCause)
  return {
    nasId: nas.id,
    reporter: readText(attributes, AttributeType.nasIdentifier) ?? address,
    kind,
    sessionId: readText(attributes, AttributeType.acctSessionId) ?? '',
    username,
    principalId: admitted?.principalId ?? named?.id ?? null,
    admission: admissionOf(request, admitted, directory),
    device: parseDevice(readText(attributes, AttributeType.callingStationId)) ?? '',
    station: readText(attributes, AttributeType.calledStationId),
    address: findAddress(attributes, AttributeType.framedIpAddress),
    link: readLink(request),
    identity: readIdentity(request),
    sessionSeconds: findInteger(attributes, AttributeType.acctSessionTime),
    inputOctets: readOctets(
      findInteger(attributes, AttributeType.acctInputOctets),
      findInteger(attributes, AttributeType.acctInputGigawords),
    ),
    outputOctets: readOctets(
      findInteger(attributes, AttributeType.acctOutputOctets),
      findInteger(attributes, AttributeType.acctOutputGigawords),
    ),
    endedBecause: cause === null ? null : (terminateCauses[cause - 1] ?? `cause-${cause}`),
    atMs: nowMs - Math.min(delaySeconds, MAX_DELAY_SECONDS) * 1_000,
  }
}

function admissionOf(
  { packet, client }: AccountingRequest,
  admitted: SessionClass | null,
  directory: Directory,
): Admission {
  if (admitted !== null) {
    const { networkId, credentialId, granted } = admitted
    return { networkId, credentialId, granted }
  }
  const network = chooseNetwork(directory.networks(), client.nas, readFacts(packet))
  return { networkId: network?.id ?? null, credentialId: null, granted: null }
}

function readLink({ packet }: AccountingRequest): SessionLink {
  const { attributes } = packet
  const connectInfo = readText(attributes, AttributeType.connectInfo)
  return {
    ssid: readFacts(packet).ssid,
    ipv6: findAddress(attributes, AttributeType.framedIpv6Address),
    signal: (connectInfo === null ? null : signalInText.exec(connectInfo)?.[0]) ?? null,
    connectInfo,
  }
}

function readIdentity({ packet: { attributes }, address }: AccountingRequest): SessionIdentity {
  return {
    from: address,
    nasIpAddress: findAddress(attributes, AttributeType.nasIpAddress),
    nasIpv6Address: findAddress(attributes, AttributeType.nasIpv6Address),
    nasIdentifier: readText(attributes, AttributeType.nasIdentifier),
    nasPort: findInteger(attributes, AttributeType.nasPort),
    nasPortId: readText(attributes, AttributeType.nasPortId),
    multiSessionId: readText(attributes, AttributeType.acctMultiSessionId),
    callingStationId: readText(attributes, AttributeType.callingStationId),
  }
}

function readOctets(octets: number | null, gigawords: number | null): bigint | null {
  if (octets === null) return null
  return (BigInt(gigawords ?? 0) << GIGAWORD_BITS) | BigInt(octets)
}
