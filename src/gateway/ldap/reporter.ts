import { randomUUID } from 'node:crypto'
import type {
  LdapObserver,
  LdapPeer,
  RefusalReason,
  Request,
} from '../../../protocols/ldap/index.ts'
import { LineLimit } from '../../observe/line-limit.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'

type LdapMetrics = Pick<
  Metrics,
  'ldapAnswered' | 'ldapConnected' | 'ldapDisconnected' | 'ldapDropped' | 'faulted'
>

/** Tells the metrics and the log what the LDAP server does. */
export class LdapReporter implements LdapObserver {
  readonly #metrics: LdapMetrics
  readonly #log: Log
  readonly #lines: LineLimit

  constructor(parts: {
    readonly metrics: LdapMetrics
    readonly log: Log
    readonly nowMs?: () => number
  }) {
    this.#metrics = parts.metrics
    this.#log = parts.log
    this.#lines = new LineLimit({
      tellRest: (reason, count) => this.#log.info('ldap.refused', { reason, address: null, count }),
      ...(parts.nowMs === undefined ? {} : { nowMs: parts.nowMs }),
    })
  }

  opened(_peer: LdapPeer): void {
    this.#metrics.ldapConnected()
  }

  closed(_peer: LdapPeer): void {
    this.#metrics.ldapDisconnected()
  }

  refused(reason: RefusalReason, address: string): void {
    this.#metrics.ldapDropped(reason)
    const count = this.#lines.count(reason, address)
    if (count > 0) this.#log.info('ldap.refused', { reason, address, count })
  }

  answered(kind: Request['kind'], code: number): void {
    this.#metrics.ldapAnswered(kind, code)
  }

  fault(error: unknown): string {
    const id = randomUUID()
    this.#metrics.faulted('ldap')
    this.#log.error('ldap.fault', { id, error })
    return `internal error, see the log under ${id}`
  }
}
