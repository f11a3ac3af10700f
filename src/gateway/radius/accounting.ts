import {
  AcctStatusType,
  AttributeType,
  findAddress,
  findInteger,
  type RadiusRequest,
} from '../../../protocols/radius/index.ts'
import type { Directory } from '../../directory/directory.ts'
import { foldText } from '../../directory/fold.ts'
import type { SessionReport } from '../../directory/ports/accounting.ts'
import { parseDevice, parseLoginName, readText } from './facts.ts'
import type { NasClient } from './nas-table.ts'

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

type AccountingRequest = Pick<RadiusRequest, 'packet' | 'address'> & {
  readonly client: Pick<NasClient, 'nas'>
}

/** What an Accounting-Request reports (RFC 2866 §5); null for a status that is none of ours. */
export function readReport(
  { packet: { attributes }, client: { nas }, address }: AccountingRequest,
  { directory, nowMs }: { readonly directory: Directory; readonly nowMs: number },
): SessionReport | null {
  const kind = kinds.get(findInteger(attributes, AttributeType.acctStatusType) ?? 0)
  if (kind === undefined) return null
  const username = readText(attributes, AttributeType.userName) ?? ''
  const person = directory.personByLoginName(foldText(parseLoginName(username)))
  const delaySeconds = findInteger(attributes, AttributeType.acctDelayTime) ?? 0
  const cause = findInteger(attributes, AttributeType.acctTerminateCause)
  return {
    nasId: nas.id,
    reporter: readText(attributes, AttributeType.nasIdentifier) ?? address,
    kind,
    sessionId: readText(attributes, AttributeType.acctSessionId) ?? '',
    username,
    principalId: person?.value.id ?? null,
    device: parseDevice(readText(attributes, AttributeType.callingStationId)) ?? '',
    station: readText(attributes, AttributeType.calledStationId),
    address: findAddress(attributes, AttributeType.framedIpAddress),
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

function readOctets(octets: number | null, gigawords: number | null): bigint | null {
  if (octets === null) return null
  return (BigInt(gigawords ?? 0) << GIGAWORD_BITS) | BigInt(octets)
}
