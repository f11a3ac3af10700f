import type { DemoFacts } from '../../src/demo/facts.ts'

/** The admin API of a demo, for tests that act as the admin. */
export class Admin {
  readonly #http: DemoFacts['http']

  constructor(facts: Pick<DemoFacts, 'http'>) {
    this.#http = facts.http
  }

  async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.#http.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#http.adminToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as T
  }

  async suspend(...people: string[]): Promise<void> {
    await this.send('POST', '/people/suspend', { people })
  }

  async resume(...people: string[]): Promise<void> {
    await this.send('POST', '/people/resume', { people })
  }

  async activate(...people: string[]): Promise<void> {
    await this.send('POST', '/people/activate', { people })
  }

  async setPassword(person: string, password: string): Promise<void> {
    await this.send('PUT', `/people/${person}/password`, { password })
  }

  /** Runs a round of the only source. */
  async sync(): Promise<void> {
    await this.send('POST', '/sources/contoso/sync', {})
  }

  async setSshKeys(person: string, keys: readonly string[]): Promise<void> {
    await this.send('PUT', `/people/${person}/ssh-keys`, { keys })
  }
}
