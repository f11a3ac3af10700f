import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Database } from './connection.ts'
import { type Keys, seal, unseal } from './sealing.ts'

/** A certificate chain and its private key, both PEM. */
export interface StoredCertificate {
  readonly certificate: string
  readonly privateKey: string
}

/**
 * Certificates that every daemon on the database shares, one for each purpose, so that to a device
 * they are all the same server. Private keys are sealed.
 */
export class CertificateStore {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  async find(purpose: string): Promise<StoredCertificate | null> {
    const row = await this.#database.kysely
      .selectFrom('certificate_authority')
      .select(['id', 'certificate', 'private_key'])
      .where('purpose', '=', purpose)
      .executeTakeFirst()
    if (row === undefined) return null
    const key = unseal(this.#keys, place(row.id), row.private_key)
    return { certificate: row.certificate, privateKey: key.toString('utf8') }
  }

  /**
   * The stored one while it is good; else what `make` gives, stored. Two daemons that find none at
   * the same moment end up with the same one: the second keeps the first one's.
   */
  async ensure(
    purpose: string,
    isGood: (stored: StoredCertificate) => boolean,
    make: () => Promise<StoredCertificate>,
  ): Promise<StoredCertificate> {
    const found = await this.find(purpose)
    if (found !== null && isGood(found)) return found
    const made = await make()
    const id = randomUUID()
    await this.#database.transaction(async (tx) => {
      await sql`select pg_advisory_xact_lock(hashtext(${`certificate ${purpose}`}))`.execute(tx)
      let query = tx.deleteFrom('certificate_authority').where('purpose', '=', purpose)
      if (found !== null) query = query.where('certificate', '=', found.certificate)
      else query = query.where(sql<boolean>`false`)
      await query.execute()
      await tx
        .insertInto('certificate_authority')
        .values({
          id,
          purpose,
          certificate: made.certificate,
          private_key: seal(this.#keys, place(id), Buffer.from(made.privateKey)),
        })
        .onConflict((conflict) => conflict.column('purpose').doNothing())
        .execute()
    })
    return (await this.find(purpose)) ?? made
  }
}

function place(id: string) {
  return { table: 'certificate_authority', column: 'private_key', row: id }
}
