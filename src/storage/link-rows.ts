import { sql, type Transaction } from 'kysely'
import type { Tables } from './database.ts'

type Tx = Transaction<Tables>

/** Why links end that nobody used. */
type Ending = 'newer-link' | 'suspended' | 'password-set'

/** Ends the open links of these people. */
export async function voidLinks(
  tx: Tx,
  principalIds: readonly string[],
  by: Ending,
): Promise<void> {
  await sql`
    update one_time_link set ended_at = clock_timestamp(), ended_by = ${by}
    where principal_id = any (${[...principalIds]}::uuid[]) and ended_at is null`.execute(tx)
}

/** A link lies in the mailbox it was sent to, which after this may be somebody else's. */
export async function voidLinksOfMoved(
  tx: Tx,
  people: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  const addresses = people.map(({ id, mail }) => ({ id, mail }))
  await sql`
    update one_time_link l set ended_at = clock_timestamp(), ended_by = 'address-changed'
    from jsonb_to_recordset(${JSON.stringify(addresses)}::jsonb) as r (id uuid, mail text)
    join person p on p.id = r.id
    where l.principal_id = r.id and l.ended_at is null and p.mail is distinct from r.mail`.execute(
    tx,
  )
}
