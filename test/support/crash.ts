import type pg from 'pg'
import type { Database } from '../../src/storage/connection.ts'

export class Crash extends Error {
  override readonly name = 'Crash'
}

/**
 * Kills a database's clients at a chosen statement, as SIGKILL does to a process: the statement
 * fails before it is sent, or after it was carried out and before anybody hears of it; whatever
 * transaction is open is lost with its connection; nothing works until the restart.
 */
export class Crasher {
  #left = Number.POSITIVE_INFINITY
  #isAfter = false
  #isDead = false
  readonly #patched = new WeakSet<pg.PoolClient>()

  constructor(database: Database) {
    const { pool } = database
    const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>
    Object.assign(pool, {
      connect: async (...given: unknown[]) => {
        if (given.length > 0) return Reflect.apply(connect, pool, given)
        const client = await connect()
        if (!this.#patched.has(client)) this.#patch(client)
        return client
      },
    })
  }

  /** Statements that still succeed. */
  arm(statements: number, options: { readonly isAfter: boolean }): void {
    this.#left = statements
    this.#isAfter = options.isAfter
  }

  /** Everything works again; true when it had come to a crash. */
  restart(): boolean {
    const wasDead = this.#isDead
    this.#isDead = false
    this.#left = Number.POSITIVE_INFINITY
    return wasDead
  }

  #patch(client: pg.PoolClient): void {
    this.#patched.add(client)
    client.on('error', () => {})
    const query = client.query.bind(client)
    const crash = async (given: unknown[]): Promise<never> => {
      if (!this.#isDead && this.#isAfter) await Reflect.apply(query, client, given)
      this.#isDead = true
      const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
      connection.stream.destroy()
      const release = client.release
      client.release = () => release.call(client, true)
      throw new Crash('killed here')
    }
    Object.assign(client, {
      query: (...given: unknown[]) => {
        // The pool's own queries, which only wake other daemons up.
        if (typeof given.at(-1) === 'function') return Reflect.apply(query, client, given)
        if (this.#isDead) return crash(given)
        this.#left -= 1
        return this.#left < 0 ? crash(given) : Reflect.apply(query, client, given)
      },
    })
  }
}
