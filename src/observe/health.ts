/** What one part says of itself. `detail` is for people and holds no secret. */
export interface CheckResult {
  readonly ok: boolean
  readonly detail?: string
}

export interface HealthReport {
  /** `starting` and `stopping` are as good as not ready to a balancer, and different to a reader. */
  readonly state: 'starting' | 'ready' | 'not-ready' | 'stopping'
  readonly ready: boolean
  readonly checks: Readonly<Record<string, CheckResult>>
  /** What an operator should know though nothing is wrong, such as an embedded database. */
  readonly notes: readonly string[]
}

/**
 * Alive and ready. Alive is a process that answers; ready is one that a balancer should send to:
 * started, not stopping, and every check that decides readiness says yes.
 */
export class Health {
  readonly #checks = new Map<string, { check: () => CheckResult; decidesReady: boolean }>()
  readonly #notes: string[] = []
  #phase: 'starting' | 'serving' | 'stopping' = 'starting'

  /**
   * @param check must answer at once from memory; one that throws counts as a no
   * @param options.decidesReady false for what is worth knowing and no reason to send nobody here
   */
  register(
    name: string,
    check: () => CheckResult,
    options: { readonly decidesReady?: boolean } = {},
  ): void {
    this.#checks.set(name, { check, decidesReady: options.decidesReady ?? true })
  }

  addNote(note: string): void {
    this.#notes.push(note)
  }

  /** Everything listens. */
  reportStarted(): void {
    if (this.#phase === 'starting') this.#phase = 'serving'
  }

  /** From now on nobody should send anything new. */
  reportStopping(): void {
    this.#phase = 'stopping'
  }

  get isReady(): boolean {
    return this.report().ready
  }

  report(): HealthReport {
    const checks: Record<string, CheckResult> = {}
    let isFit = true
    for (const [name, { check, decidesReady }] of this.#checks) {
      const result = ask(check)
      checks[name] = result
      if (decidesReady && !result.ok) isFit = false
    }
    const ready = this.#phase === 'serving' && isFit
    return { state: this.#stateOf(ready), ready, checks, notes: [...this.#notes] }
  }

  #stateOf(ready: boolean): HealthReport['state'] {
    if (this.#phase !== 'serving') return this.#phase
    return ready ? 'ready' : 'not-ready'
  }
}

function ask(check: () => CheckResult): CheckResult {
  try {
    return check()
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}
