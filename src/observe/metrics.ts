import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { AuthEvent } from './auth-event.ts'
import { Tally } from './tally.ts'

/** Seconds; answers from memory take microseconds, argon2 some tens of milliseconds. */
const FAST_SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
const SLOW_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 1_800]

export interface MetricsOptions {
  /** Off in tests: its observers of the event loop and the collector keep running. */
  readonly withProcessMetrics?: boolean
}

/**
 * What Prometheus is told: one function for each event, so that a caller knows no metric's name and
 * no label can grow without bound. Names of people, addresses and devices are never labels.
 */
export class Metrics {
  readonly registry = new Registry()
  readonly #ldapTally = new Tally<[operation: string, result: number]>()
  readonly #radiusTally = new Tally<[kind: string, result: string]>()
  readonly #authenticationTally = new Tally<[resource: string, outcome: string, reason: string]>()
  readonly #ldapOperations = this.#counter('ldap_operations_total', 'LDAP operations answered', [
    'operation',
    'result',
  ])
  readonly #ldapConnections = this.#gauge('ldap_connections', 'LDAP connections open')
  readonly #ldapDropped = this.#counter('ldap_dropped_total', 'LDAP connections closed by us', [
    'reason',
  ])
  readonly #radiusRequests = this.#counter('radius_requests_total', 'RADIUS requests by result', [
    'kind',
    'result',
  ])
  readonly #radiusSeconds = this.#histogram('radius_request_seconds', 'Time to a RADIUS reply', {
    labels: ['kind'],
    buckets: FAST_SECONDS,
  })
  readonly #radiusDropped = this.#counter('radius_dropped_total', 'RADIUS packets not answered', [
    'reason',
  ])
  readonly #radiusLimited = this.#counter(
    'radius_limited_total',
    'Log-ins refused because their device had failed too often',
    [],
  )
  readonly #httpRequests = this.#counter('http_requests_total', 'HTTP requests answered', [
    'surface',
    'method',
    'status',
  ])
  readonly #httpSeconds = this.#histogram('http_request_seconds', 'Time to an HTTP answer', {
    labels: ['surface'],
    buckets: FAST_SECONDS,
  })
  readonly #authentications = this.#counter('authentications_total', 'Answers to log-ins', [
    'resource',
    'outcome',
    'reason',
  ])
  readonly #argon2Seconds = this.#histogram('argon2_seconds', 'Time of one verification', {
    labels: [],
    buckets: FAST_SECONDS,
  })
  readonly #argon2Waited = this.#histogram('argon2_waited_seconds', 'Time before its turn', {
    labels: [],
    buckets: FAST_SECONDS,
  })
  readonly #authEventFaults = this.#counter(
    'auth_event_write_failures_total',
    'Batches of auth events that had to be written again',
  )
  readonly #authEventsLost = this.#counter(
    'auth_events_lost_total',
    'Answers that never reached the table, at a stop without a database',
  )
  readonly #feedLag = this.#gauge('feed_lag_seconds', 'Age of the last confirmed read model')
  readonly #feedUsn = this.#gauge('feed_usn', 'Journal number the read model has reached')
  readonly #feedApplied = this.#counter('feed_changes_total', 'Changes applied to the read model')
  readonly #syncRounds = this.#counter('sync_rounds_total', 'Rounds of a source', [
    'source',
    'result',
  ])
  readonly #syncSeconds = this.#histogram('sync_round_seconds', 'Time of a round', {
    labels: ['source'],
    buckets: SLOW_SECONDS,
  })
  readonly #syncChanges = this.#counter('sync_changes_total', 'What rounds changed', [
    'source',
    'change',
  ])
  readonly #syncConfirmed = this.#gauge(
    'sync_confirmed_timestamp_seconds',
    'When the answers of a source were last complete',
    ['source'],
  )
  readonly #notifications = this.#counter('notifications_total', 'Change notifications received', [
    'source',
    'outcome',
  ])
  readonly #graphThrottled = this.#counter(
    'graph_throttled_total',
    'Answers of a source that asked to slow down',
    ['source'],
  )
  readonly #forwarded = this.#counter(
    'passwords_forwarded_total',
    'Passwords checked where people come from',
    ['source', 'outcome'],
  )
  readonly #faults = this.#counter('faults_total', 'Bugs and faults, each logged with an id', [
    'area',
  ])

  constructor(options: MetricsOptions = {}) {
    if (options.withProcessMetrics ?? true) {
      collectDefaultMetrics({ register: this.registry, prefix: 'gatehouse_' })
    }
  }

  /** @param result LDAP's result code */
  ldapAnswered(operation: string, result: number): void {
    this.#ldapTally.add(operation, result)
  }

  ldapConnected(): void {
    this.#ldapConnections.inc()
  }

  ldapDisconnected(): void {
    this.#ldapConnections.dec()
  }

  /** @param reason a word of the listener's, such as `malformed`, `idle`, `too-many` */
  ldapDropped(reason: string): void {
    this.#ldapDropped.inc({ reason })
  }

  radiusAnswered(
    kind: 'auth' | 'acct' | 'status',
    result: 'accept' | 'reject' | 'challenge' | 'response',
  ): void {
    this.#radiusTally.add(kind, result)
  }

  /** The time to one reply. */
  radiusTook(kind: 'auth' | 'acct' | 'status', tookMs: number): void {
    this.#radiusSeconds.observe({ kind }, tookMs / 1_000)
  }

  radiusUnknownClient(): void {
    this.#radiusDropped.inc({ reason: 'unknown-client' })
  }

  radiusWrongSecret(): void {
    this.#radiusDropped.inc({ reason: 'wrong-secret' })
  }

  /** @param reason a word of the listener's, such as `malformed`, `duplicate`, `overloaded` */
  radiusDropped(reason: string): void {
    this.#radiusDropped.inc({ reason })
  }

  radiusLimited(): void {
    this.#radiusLimited.inc()
  }

  /** @param surface `scim`, `admin`, `console` … and never a path */
  httpAnswered(surface: string, request: { method: string; status: number; tookMs: number }): void {
    this.#httpRequests.inc({ surface, method: request.method, status: String(request.status) })
    this.#httpSeconds.observe({ surface }, request.tookMs / 1_000)
  }

  authenticationAnswered({ resourceKind, outcome, reason }: AuthEvent): void {
    this.#authenticationTally.add(resourceKind, outcome, reason ?? '')
  }

  argon2Verified(time: { readonly waitedMs: number; readonly tookMs: number }): void {
    this.#argon2Seconds.observe(time.tookMs / 1_000)
    this.#argon2Waited.observe(time.waitedMs / 1_000)
  }

  /** Reads a number whenever Prometheus asks, for what is cheaper to read than to follow. */
  watch(name: string, help: string, read: () => number): void {
    const gauge = this.#gauge(name, help)
    this.#collectors.push(() => gauge.set(read()))
  }

  /** As {@link watch}, for several under one name; what is left out of the answer is told no more. */
  watchEach(
    name: string,
    options: { readonly help: string; readonly label: string },
    read: () => Readonly<Record<string, number>>,
  ): void {
    const { help, label } = options
    const gauge = this.#gauge(name, help, [label])
    this.#collectors.push(() => {
      gauge.reset()
      for (const [value, number] of Object.entries(read())) gauge.set({ [label]: value }, number)
    })
  }

  authEventWriteFailed(): void {
    this.#authEventFaults.inc()
  }

  authEventsLost(count: number): void {
    this.#authEventsLost.inc(count)
  }

  feedApplied(changes: number, usn: number): void {
    this.#feedApplied.inc(changes)
    this.#feedUsn.set(usn)
  }

  feedConfirmed(ageMs: number): void {
    this.#feedLag.set(ageMs / 1_000)
  }

  syncRoundEnded(source: string, result: 'done' | 'failed' | 'waiting', tookMs: number): void {
    this.#syncRounds.inc({ source, result })
    this.#syncSeconds.observe({ source }, tookMs / 1_000)
  }

  sourceThrottled(source: string): void {
    this.#graphThrottled.inc({ source })
  }

  syncConfirmed(source: string, atMs: number): void {
    this.#syncConfirmed.set({ source }, atMs / 1_000)
  }

  /** @param source empty for one that is not here */
  notificationReceived(source: string, outcome: 'proven' | 'refused' | 'too-many'): void {
    this.#notifications.inc({ source, outcome })
  }

  syncChanged(source: string, change: 'added' | 'changed' | 'removed', count: number): void {
    this.#syncChanges.inc({ source, change }, count)
  }

  /** @param outcome `right`, `wrong`, `transient`, `misconfigured`, `foreign`, or why it was refused */
  passwordForwarded(source: string, outcome: string): void {
    this.#forwarded.inc({ source, outcome })
  }

  faulted(area: string): void {
    this.#faults.inc({ area })
  }

  readonly #collectors: (() => void)[] = []

  /** The page Prometheus reads, and its content type. */
  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    this.#drainTallies()
    for (const collect of this.#collectors) collect()
    return { contentType: this.registry.contentType, body: await this.registry.metrics() }
  }

  #drainTallies(): void {
    this.#ldapTally.drain((count, [operation, result]) =>
      this.#ldapOperations.inc({ operation, result }, count),
    )
    this.#radiusTally.drain((count, [kind, result]) =>
      this.#radiusRequests.inc({ kind, result }, count),
    )
    this.#authenticationTally.drain((count, [resource, outcome, reason]) =>
      this.#authentications.inc({ resource, outcome, reason }, count),
    )
  }

  #counter<Label extends string = never>(name: string, help: string, labels: Label[] = []) {
    const registers = [this.registry]
    return new Counter({ name: `gatehouse_${name}`, help, labelNames: labels, registers })
  }

  #gauge<Label extends string = never>(name: string, help: string, labelNames: Label[] = []) {
    return new Gauge({ name: `gatehouse_${name}`, help, labelNames, registers: [this.registry] })
  }

  #histogram<Label extends string>(
    name: string,
    help: string,
    { labels, buckets }: { readonly labels: Label[]; readonly buckets: number[] },
  ) {
    const registers = [this.registry]
    return new Histogram({
      name: `gatehouse_${name}`,
      help,
      labelNames: labels,
      buckets,
      registers,
    })
  }
}
