import type { TlsVersion } from '../../../protocols/radius/index.ts'
import type { Network } from '../../directory/network.ts'
import type { AuthEventSink } from '../../observe/auth-event.ts'
import type { RequestFacts } from './facts.ts'
import type { NasClient } from './nas-table.ts'

/** What the record keeps of a name. */
const RECORDED_CHARACTERS = 256

/** Where a log-in came from and what it is for; for EAP the same from the first packet to the last. */
export interface Visit {
  readonly client: NasClient
  readonly address: string
  readonly facts: RequestFacts
  readonly network: Network | null
}

export interface VisitDenial {
  readonly reason: string
  readonly method: string
  readonly name: string
  /** Particulars beside the reason; null when it says all. */
  readonly detail: string | null
  /** Where there was TLS by then. */
  readonly tls?: TlsVersion | null
  /** Of how many this one tells; left out for itself alone. */
  readonly count?: number
}

interface Particulars {
  /** Null before there was any. */
  readonly tls?: TlsVersion | null
  readonly resumed?: true
  readonly why?: string
  readonly count?: number
}

/** What an auth event says of a visit beside the usual. */
export function describeVisit(
  { client, facts }: Visit,
  { tls = null, ...more }: Particulars = {},
): Readonly<Record<string, string | number | boolean>> {
  return {
    nas: client.name,
    ...(facts.ssid === null ? {} : { ssid: facts.ssid }),
    ...(facts.nasIdentifier === null ? {} : { nasIdentifier: facts.nasIdentifier }),
    ...(tls === null ? {} : { tls }),
    ...more,
  }
}

/** Records the denials that happen before a password could be checked. */
export class Denials {
  readonly #events: AuthEventSink
  readonly #nowMs: () => number

  constructor(events: AuthEventSink, nowMs: () => number) {
    this.#events = events
    this.#nowMs = nowMs
  }

  record(visit: Visit, { reason, method, name, detail, count, tls = null }: VisitDenial): void {
    this.#events.record({
      atMs: this.#nowMs(),
      outcome: 'denied',
      reason,
      resourceKind: 'network',
      resourceName: visit.network?.name ?? null,
      method,
      principalId: null,
      name: name.slice(0, RECORDED_CHARACTERS),
      address: visit.address,
      device: visit.facts.device,
      detail: describeVisit(visit, {
        tls,
        ...(detail === null ? {} : { why: detail }),
        ...(count === undefined ? {} : { count }),
      }),
    })
  }
}
