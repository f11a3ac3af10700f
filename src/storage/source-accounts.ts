import { sql } from 'kysely'
import type { PrincipalId } from '../directory/id.ts'
import type { SourceAccount, SourceAccounts } from '../sources/pass-through.ts'
import type { Database } from './connection.ts'
import { IS_DISABLED_BY_US } from './disabled-by-us.ts'
import { rethrow } from './fault.ts'
import { hintDenial } from './journal.ts'
import { sourceActor, sourceHold, touchPrincipals } from './sync-batch.ts'
import { awaitApproval, recordRemovals } from './sync-removals.ts'

/** Who people are at a source, by their links. */
export class PostgresSourceAccounts implements SourceAccounts {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async find(sourceId: string, principalId: PrincipalId): Promise<SourceAccount | null> {
    const { rows } = await sql<{ external_id: string; upn: string | null; is_guest: boolean }>`
      select external_id, attributes->>'userPrincipalName' as upn,
        coalesce(attributes->>'isGuest' = 'true', false) as is_guest
      from source_link
      where source_id = ${sourceId}::uuid and principal_id = ${principalId}::uuid
        and removed_at is null`
      .execute(this.#db.kysely)
      .catch(rethrow)
    const row = rows[0]
    if (!row) return null
    return { externalId: row.external_id, userPrincipalName: row.upn, isGuest: row.is_guest }
  }

  async findPerson(
    sourceId: string,
    externalId: string,
  ): Promise<{ readonly principalId: PrincipalId; readonly isGuest: boolean } | null> {
    const { rows } = await sql<{ principal_id: PrincipalId; is_guest: boolean }>`
      select principal_id, coalesce(attributes->>'isGuest' = 'true', false) as is_guest
      from source_link
      where source_id = ${sourceId}::uuid and object_kind = 'person'
        and external_id = ${externalId} and removed_at is null`
      .execute(this.#db.kysely)
      .catch(rethrow)
    const row = rows[0]
    return row ? { principalId: row.principal_id, isGuest: row.is_guest } : null
  }

  /**
   * As if a round had said so: the hold, and that the source says so, so that the round which says
   * the contrary lifts it. One account, and certain, so no allowance is asked; but it counts; of the
   * protected an admin is asked. What
   * waits for an admin's word goes on waiting, and what we have disabled ourselves is no news.
   */
  async disable(sourceId: string, principalId: PrincipalId): Promise<void> {
    await this.#db.write(async (tx) => {
      const { rows } = await sql<{ external_id: string; must_wait: boolean }>`
        update source_link l
        set attributes = attributes || '{"isEnabled": false}'::jsonb
        where l.source_id = ${sourceId}::uuid and l.principal_id = ${principalId}::uuid
          and l.removed_at is null
          and not exists (select from removal_waiting w where w.source_id = l.source_id
            and w.kind = 'suspension' and w.subject = l.external_id)
          and not (select ${IS_DISABLED_BY_US} from source src
            left join push x on x.source_id = src.id and x.principal_id = l.principal_id
              and x.attribute = 'enabled'
            where src.id = l.source_id)
        returning l.external_id, exists (select from principal p
          where p.id = l.principal_id and p.is_protected and not exists (select from hold h
            where h.principal_id = p.id and h.reason = ${sourceHold(sourceId)})) as must_wait`.execute(
        tx,
      )
      const link = rows[0]
      if (!link) return
      const subject = link.external_id
      if (link.must_wait) {
        await awaitApproval(tx, sourceId, [{ kind: 'suspension', subject, group: '' }])
        return
      }
      const { numAffectedRows } = await sql`
        insert into hold (principal_id, reason)
        values (${principalId}::uuid, ${sourceHold(sourceId)}) on conflict do nothing`.execute(tx)
      if (numAffectedRows === 0n) return
      await recordRemovals(tx, sourceId, [{ kind: 'suspension', subject, groupId: null }])
      await touchPrincipals(tx, [principalId], {
        ...sourceActor(sourceId),
        reason: 'the account is disabled: its password was refused (AADSTS50057)',
      })
      hintDenial(tx, principalId)
    })
  }
}
