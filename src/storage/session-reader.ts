import { sql } from 'kysely'
import type {
  SessionFilter,
  SessionReading,
  ShownSession,
  ShownUsage,
  UsageFilter,
} from '../directory/ports/session-reading.ts'
import type { Database } from './connection.ts'

interface Row extends Omit<ShownSession, 'startedAt' | 'updatedAt' | 'stoppedAt' | 'disconnect'> {
  readonly started_at: Date | null
  readonly updated_at: Date
  readonly stopped_at: Date | null
  readonly request: string | null
  readonly cause: string
  readonly actor: string | null
  readonly status: string
  readonly outcome: string | null
  readonly attempts: number
  readonly requested_at: Date
  readonly settled_at: Date | null
}

const NAME_OF = sql`coalesce(p.username, v.name, e.name, g.name)`

/** Reads accounting back: who is on, and who used how much. */
export class SessionReader implements SessionReading {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Newest first. */
  async list(filter: SessionFilter): Promise<readonly ShownSession[]> {
    const { rows } = await sql<Row>`
      select s.id, ${NAME_OF} as person, s.username, n.name as nas, w.name as network,
        s.calling_station_id as device, s.ssid, host(s.framed_address) as address,
        host(s.framed_ipv6) as ipv6, s.signal, s.connect_info as "connectInfo", s.started_at,
        s.updated_at, s.stopped_at, s.terminate_cause as "endedBecause",
        s.session_seconds as seconds, s.input_octets::text as input,
        s.output_octets::text as output, d.kind as request, d.cause, d.actor, d.status, d.outcome,
        d.attempts, d.requested_at, d.settled_at
      from accounting_session s
      left join session_disconnect d on d.session_id = s.id
      left join person p on p.id = s.principal_id
      left join service v on v.id = s.principal_id
      left join device e on e.id = s.principal_id
      left join guest g on g.id = s.principal_id
      left join nas n on n.id = s.nas_id
      left join network w on w.id = s.network_id
      where (${filter.isAll}::boolean or s.stopped_at is null)
        and (${filter.principalId}::uuid is null or s.principal_id = ${filter.principalId}::uuid)
        and (${filter.nasId}::uuid is null or s.nas_id = ${filter.nasId}::uuid)
      order by s.updated_at desc, s.id limit ${filter.limit}`.execute(this.#database.kysely)
    return rows.map(toShown)
  }

  /**
   * Sums over sessions last heard of within the time, by person and device: a session is counted
   * whole, where it ended or was last reported.
   */
  async usage(filter: UsageFilter): Promise<readonly ShownUsage[]> {
    const { rows } = await sql<Omit<ShownUsage, 'lastAt'> & { readonly last_at: Date }>`
      select ${NAME_OF} as person, s.calling_station_id as device,
        count(*)::integer as sessions, coalesce(sum(s.session_seconds), 0)::text as seconds,
        coalesce(sum(s.input_octets), 0)::text as input,
        coalesce(sum(s.output_octets), 0)::text as output, max(s.updated_at) as last_at
      from accounting_session s
      left join person p on p.id = s.principal_id
      left join service v on v.id = s.principal_id
      left join device e on e.id = s.principal_id
      left join guest g on g.id = s.principal_id
      where s.updated_at >= ${new Date(filter.sinceMs)} and s.updated_at < ${new Date(filter.untilMs)}
        and (${filter.principalId}::uuid is null or s.principal_id = ${filter.principalId}::uuid)
      group by s.principal_id, 1, s.calling_station_id
      order by coalesce(sum(s.input_octets), 0) + coalesce(sum(s.output_octets), 0) desc, 1, 2
      limit ${filter.limit}`.execute(this.#database.kysely)
    return rows.map(({ last_at: lastAt, ...row }) => ({ ...row, lastAt: lastAt.toISOString() }))
  }
}

function toShown(row: Row): ShownSession {
  const { started_at, updated_at, stopped_at, request, cause, actor, status, ...rest } = row
  const { outcome, attempts, requested_at, settled_at, ...session } = rest
  const ask = { cause, actor, status, outcome, attempts }
  return {
    ...session,
    startedAt: started_at?.toISOString() ?? null,
    updatedAt: updated_at.toISOString(),
    stoppedAt: stopped_at?.toISOString() ?? null,
    disconnect:
      request === null
        ? null
        : {
            request,
            ...ask,
            requestedAt: requested_at.toISOString(),
            settledAt: settled_at?.toISOString() ?? null,
          },
  }
}
