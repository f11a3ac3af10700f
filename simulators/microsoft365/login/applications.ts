import type { Application } from './application.ts'

/** The applications that have a service principal in this tenant, had one, or may be given one. */
export class Applications {
  readonly #byClientId = new Map<string, Application>()

  constructor(applications: readonly Application[]) {
    for (const application of applications) this.add(application)
  }

  add(application: Application): void {
    this.#byClientId.set(application.clientId.toLowerCase(), application)
  }

  /** One that exists in this tenant; null for one that nobody has consented to. */
  findHere(clientId: string, nowMs = Number.POSITIVE_INFINITY): Application | null {
    const application = this.find(clientId)
    const isHere =
      application?.isInstalled === true &&
      application.state !== 'removed' &&
      application.knownFromMs <= nowMs
    return isHere ? application : null
  }

  find(clientId: string): Application | null {
    return this.#byClientId.get(clientId.toLowerCase()) ?? null
  }

  all(): readonly Application[] {
    return [...this.#byClientId.values()]
  }
}
