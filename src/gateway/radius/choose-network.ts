import type { Nas, Network, NetworkRule } from '../../directory/network.ts'
import type { RequestFacts } from './facts.ts'

/** The first network one of whose rules fits; null when none does. */
export function chooseNetwork(
  networks: readonly Network[],
  nas: Nas,
  facts: RequestFacts,
): Network | null {
  return networks.find(({ rules }) => rules.some((rule) => fits(rule, nas, facts))) ?? null
}

/** All conditions that are given must hold. */
function fits(rule: NetworkRule, nas: Nas, facts: RequestFacts): boolean {
  return (
    isAmong(rule.nasIds, nas.id) &&
    fitsSsid(rule, facts.ssid) &&
    isAmong(rule.nasIdentifiers, facts.nasIdentifier) &&
    isAmong(rule.portTypes, facts.portType)
  )
}

function fitsSsid({ ssids, withoutSsid = false }: NetworkRule, ssid: string | null): boolean {
  return (ssid === null && withoutSsid) || isAmong(ssids, ssid)
}

function isAmong<Value>(allowed: readonly Value[] | undefined, value: Value | null): boolean {
  return allowed === undefined || (value !== null && allowed.includes(value))
}
