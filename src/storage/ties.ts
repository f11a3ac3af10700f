import { sql } from 'kysely'
import type { PrincipalId } from '../directory/id.ts'
import type { Ties } from '../directory/ports/people.ts'
import type { Database } from './connection.ts'

interface TiesRow extends Ties {
  readonly id: PrincipalId
}

/** What people are bound to outside of the directory; whoever is unknown is left out. */
export async function readTies(
  { kysely }: Database,
  ids: readonly PrincipalId[],
): Promise<ReadonlyMap<PrincipalId, Ties>> {
  const { rows } = await sql<TiesRow>`
    select p.id, p.is_protected as "isProtected",
      (select a.username from administrator a join principal ap on ap.id = a.id
        where a.person_id = p.id and ap.lifecycle = 'active' limit 1) as administrator,
      coalesce((select jsonb_agg(jsonb_build_object('source', s.name,
          'tier', coalesce(s.config ->> 'tier', 'read'),
          'isEnabled', coalesce((l.attributes ->> 'isEnabled')::boolean, true),
          'isOnPremises', coalesce((l.attributes ->> 'isSyncedFromOnPremises')::boolean, false),
          'isDisabledByUs', coalesce(x.wanted = 'false', false),
          'isLicensed', coalesce((l.attributes ->> 'isLicensed')::boolean, false)) order by s.name)
        from source_link l join source s on s.id = l.source_id
        left join push x on x.source_id = l.source_id and x.principal_id = l.principal_id
          and x.attribute = 'enabled'
        where l.principal_id = p.id and l.removed_at is null), '[]') as accounts,
      coalesce((select jsonb_agg(jsonb_build_object('act', d.act, 'setBy', d.set_by,
          'atMs', (extract(epoch from d.due_at) * 1000)::bigint, 'reason', d.reason,
          'refused', d.refused) order by d.due_at)
        from lifecycle_date d where d.principal_id = p.id), '[]') as dates
    from principal p where p.id = any (${[...ids]}::uuid[])`.execute(kysely)
  return new Map(rows.map(({ id, ...ties }) => [id, ties]))
}
