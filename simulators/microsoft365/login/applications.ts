import type { Application } from './application.ts'

/** The applications that have a service principal in this tenant, or had one. */
export class Applications {
  readonly #byClientId = new Map<string, Application>()

  constructor(applications: readonly Application[]) {
    for (const application of applications) this.add(application)
  }

  add(application: Application): void {
    this.#byClientId.set(application.clientId.toLowerCase(), application)
  }

  find(clientId: string): Application | null {
    return this.#byClientId.get(clientId.toLowerCase()) ?? null
  }

  all(): readonly Application[] {
    return [...this.#byClientId.values()]
  }
}
