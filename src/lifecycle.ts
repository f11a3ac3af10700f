/** Something that listens, polls or holds connections. */
export interface Service {
  readonly name: string
  /** Resolves when it can do its work. `signal` aborts a start that takes too long. */
  start(signal: AbortSignal): Promise<void>
  /** Stops taking work, finishes what is under way, frees everything. Called once at most. */
  stop(): Promise<void>
}

/** Starts services one after the other; if one fails, those already started are stopped again. */
export async function startAll(services: readonly Service[], signal: AbortSignal): Promise<void> {
  const started: Service[] = []
  for (const service of services) {
    try {
      signal.throwIfAborted()
      await service.start(signal)
      started.push(service)
    } catch (cause) {
      await stopAll(started)
      throw new Error(`${service.name} did not start`, { cause })
    }
  }
}

/**
 * Stops services in reverse order. One that fails does not keep the others from stopping.
 *
 * @throws {AggregateError} after the last one, when any failed
 */
export async function stopAll(services: readonly Service[]): Promise<void> {
  const failures: unknown[] = []
  for (const service of services.toReversed()) {
    try {
      await service.stop()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not everything stopped cleanly')
}
