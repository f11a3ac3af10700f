import { decide, type Grant } from '../../access/decide.ts'
import type { Directory } from '../../directory/directory.ts'
import type { Nas, Network, RadiusMethod } from '../../directory/network.ts'
import type { Entry } from '../../directory/query.ts'
import { type Condition, chooseNetwork, findMismatch, isAllowed } from './choose-network.ts'
import type { RequestFacts } from './facts.ts'

/** A log-in that is only thought of. */
export interface ImaginedLogIn {
  readonly who: Entry
  readonly nas: Nas
  readonly facts: RequestFacts
  readonly method: RadiusMethod
  readonly atMs: number
}

export interface Explanation {
  /** Those tried before one fitted, and what about each rule did not; the one that did has none. */
  readonly tried: readonly { readonly network: string; readonly differs: readonly Condition[] }[]
  readonly network: Network | null
  /** Why not, in the words of the auth events; null when she would get in. */
  readonly denial: string | null
  readonly grant: Grant | null
}

/** What would come of a log-in once its proof is found right. Asks memory, and changes nothing. */
export function explainLogIn(directory: Directory, logIn: ImaginedLogIn): Explanation {
  const { nas, facts, method, who, atMs } = logIn
  const networks = directory.networks()
  const network = chooseNetwork(networks, nas, facts)
  const until = network === null ? networks.length : networks.indexOf(network) + 1
  const tried = networks.slice(0, until).map((one) => ({
    network: one.name,
    differs:
      one === network ? [] : one.rules.flatMap((rule) => findMismatch(rule, nas, facts) ?? []),
  }))
  const told = (denial: string | null, grant: Grant | null = null) => ({
    tried,
    network,
    denial,
    grant,
  })
  if (network === null) return told('no-network')
  if (!isAllowed(network, method, facts)) return told('method-not-allowed')
  // A device's way in, which is nobody's.
  if (method === 'mac') return told('wrong-kind')
  const decision = decide(directory, who, { kind: 'network', network, atMs })
  return decision.ok ? told(null, decision.grant) : told(decision.denial)
}
