import type { Nas, Network, NetworkRule, RadiusMethod } from '../../directory/network.ts'
import type { RequestFacts } from './facts.ts'

/** The first network one of whose rules fits; null when none does. */
export function chooseNetwork(
  networks: readonly Network[],
  nas: Nas,
  facts: RequestFacts,
): Network | null {
  return (
    networks.find(({ rules }) => rules.some((rule) => findMismatch(rule, nas, facts) === null)) ??
    null
  )
}

/** What of a rule a request can differ from. */
export type Condition = 'nas' | 'ssid' | 'nas-identifier' | 'port-type'

/** The first condition that does not hold; null when all that are given do. */
export function findMismatch(rule: NetworkRule, nas: Nas, facts: RequestFacts): Condition | null {
  if (!isAmong(rule.nasIds, nas.id)) return 'nas'
  if (!fitsSsid(rule, facts.ssid)) return 'ssid'
  if (!isAmong(rule.nasIdentifiers, facts.nasIdentifier)) return 'nas-identifier'
  return isAmong(rule.portTypes, facts.portType) ? null : 'port-type'
}

function fitsSsid({ ssids, withoutSsid = false }: NetworkRule, ssid: string | null): boolean {
  return (ssid === null && withoutSsid) || isAmong(ssids, ssid)
}

function isAmong<Value>(allowed: readonly Value[] | undefined, value: Value | null): boolean {
  return allowed === undefined || (value !== null && allowed.includes(value))
}

/** NAS-Port-Type of what is in the air: Wireless-Other and Wireless-802.11 (RFC 2865 §5.41). */
const wirelessPortTypes: ReadonlySet<number> = new Set([18, 19])

/** Whether a method serves here: one without a tunnel would be cracked by whoever hears it on Wi-Fi. */
export function isAllowed(
  { methods }: Pick<Network, 'methods'>,
  method: RadiusMethod,
  { portType }: Pick<RequestFacts, 'portType'>,
): boolean {
  if (!methods.includes(method)) return false
  return method !== 'eap-mschapv2' || portType === null || !wirelessPortTypes.has(portType)
}
