import { sql } from 'kysely'
import { LAG_MS } from '../provisioning/desired.ts'

/**
 * Whether we have disabled her account, or may just have: what the source then says is our own
 * doing. Of `source src` and, left-joined, her `push x` of `enabled`.
 */
export const IS_DISABLED_BY_US = sql<boolean>`
  coalesce(src.config ->> 'tier' <> 'read' and case when x.status = 'refused'
      then x.wanted = 'true'::jsonb and x.written = 'false'::jsonb
      else x.wanted = 'false'::jsonb
        or x.changed_at > clock_timestamp() - make_interval(secs => ${sql.lit(LAG_MS / 1_000)}) end,
    false)`
