import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { NewMail } from '../directory/ports/mail.ts'
import { type Keys, type Place, seal } from './sealing.ts'
import type { Tx } from './written.ts'

/** Puts a mail out for delivery with the transaction that gives rise to it. */
export async function insertMail(tx: Tx, keys: Keys, mail: NewMail): Promise<string> {
  const id = randomUUID()
  const { subject, text, link } = mail
  const content = seal(keys, mailPlace(id), Buffer.from(JSON.stringify({ subject, text, link })))
  await sql`
    insert into mail (id, principal_id, kind, recipient, content, expires_at)
    values (${id}::uuid, ${mail.principalId}::uuid, ${mail.kind}, ${mail.recipient}, ${content},
      clock_timestamp() + make_interval(hours => ${mail.livesHours}::integer))`.execute(tx)
  return id
}

export function mailPlace(id: string): Place {
  return { table: 'mail', column: 'content', row: id }
}
