import { randomUUID } from 'node:crypto'
import type {
  LdapObserver,
  LdapPeer,
  RefusalReason,
  Request,
} from '../../../protocols/ldap/index.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'

/** One line for each reason and address a minute; all are counted. */
const LOG_EVERY_MS = 60_000
const MAX_REMEMBERED = 1_000

type LdapMetrics = Pick<
  Metrics,
  'ldapAnswered' | 'ldapConnected' | 'ldapDisconnected' | 'ldapDropped' | 'faulted'
>

/** Tells the metrics and the log what the LDAP server does. */
export class LdapReporter implements LdapObserver {
  readonly #metrics: LdapMetrics
  readonly #log: Log
  readonly #loggedAtMs = new Map<string, number>()

  constructor(parts: { readonly metrics: LdapMetrics; readonly log: Log }) {
    this.#metrics = parts.metrics
    this.#log = parts.log
  }

  opened(_peer: LdapPeer): void {
    this.#metrics.ldapConnected()
  }

  closed(_peer: LdapPeer): void {
    this.#metrics.ldapDisconnected()
  }

  refused(reason: RefusalReason, address: string): void {
    this.#metrics.ldapDropped(reason)
    const key = `${reason} ${address}`
    const nowMs = Date.now()
    if (nowMs - (this.#loggedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return
    if (this.#loggedAtMs.size >= MAX_REMEMBERED) this.#loggedAtMs.clear()
    this.#loggedAtMs.set(key, nowMs)
    this.#log.info('ldap.refused', { reason, address })
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
