import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { LinkStore, NewLink } from '../account/link.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'
import { rethrow } from './fault.ts'
import { journal } from './journal.ts'
import { voidLinks } from './link-rows.ts'
import { insertMail } from './mail-rows.ts'
import type { Keys } from './sealing.ts'
import type { Tx } from './written.ts'

/** Nobody's mailbox is to be filled by somebody else's mistake. */
const MAX_PER_DAY = 5

export class PostgresLinkStore implements LinkStore {
  readonly #database: Database
  readonly #keys: Keys

  constructor(database: Database, keys: Keys) {
    this.#database = database
    this.#keys = keys
  }

  async issue(link: NewLink, actor: Actor): Promise<void> {
    const { principalId, digest, livesHours, mail } = link
    const id = randomUUID()
    await this.#database.write(async (tx) => {
      await requireWelcome(tx, principalId)
      await voidLinks(tx, [principalId], 'newer-link')
      await sql`
        insert into one_time_link (id, principal_id, digest, expires_at)
        values (${id}::uuid, ${principalId}::uuid, ${digest},
          clock_timestamp() + make_interval(hours => ${livesHours}::integer))`.execute(tx)
      if (mail !== null) await insertMail(tx, this.#keys, mail)
      const detail = { livesHours, to: mail?.recipient ?? null }
      journal(tx, { kind: 'admin.link-issued', entity: principalId, actor, detail })
    })
  }

  async find(digest: Buffer) {
    const { rows } = await sql<{ id: string; principal_id: string }>`
      select id, principal_id from one_time_link
      where digest = ${digest} and ended_at is null and expires_at > clock_timestamp()`
      .execute(this.#database.kysely)
      .catch(rethrow)
    const [row] = rows
    return row === undefined ? null : { id: row.id, principalId: row.principal_id as PrincipalId }
  }
}

async function requireWelcome(tx: Tx, id: string): Promise<void> {
  const { rows } = await sql<{ is_held: boolean; today: number }>`
    select exists (select from hold where principal_id = p.id) as is_held,
      (select count(*) from one_time_link l
       where l.principal_id = p.id and l.created_at > clock_timestamp() - interval '1 day')::integer
        as today
    from principal p where p.id = ${id}::uuid and p.lifecycle <> 'deleted' for update`.execute(tx)
  const [row] = rows
  if (row === undefined)
    throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is nobody with such an id')
  if (row.is_held)
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      'whoever is suspended is given no link: resume them first',
    )
  if (row.today >= MAX_PER_DAY)
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      `there have been ${MAX_PER_DAY} links in a day already; wait, or set a temporary password`,
    )
}
