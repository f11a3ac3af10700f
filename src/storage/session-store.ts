import { sql } from 'kysely'
import type { SessionReport, SessionStore } from '../directory/ports/accounting.ts'
import type { Database } from './connection.ts'

/** Why a session ended of whose end the NAS never told, as it restarted. */
const RESTARTED = 'nas-restarted'
/** What we concluded ourselves, and what therefore yields to what the NAS says later. */
export const OWN_CONCLUSIONS = {
  restarted: RESTARTED,
  done: 'disconnected',
  gone: 'unknown-to-nas',
}

/**
 * Sessions as the NAS report them, one row a session. Reports come twice, late and out of order:
 * counters only grow, a start keeps the earliest time, and what the NAS has stopped stays stopped.
 *
 * A restart and a disconnection are our own conclusions, and yield to what the NAS says later: a report
 * of a newer time opens the session again, as small devices number their sessions anew after a restart.
 */
export class PostgresSessionStore implements SessionStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async record(report: SessionReport): Promise<void> {
    if (report.kind === 'nas-started' || report.kind === 'nas-stopping')
      await this.#closeAll(report)
    else await this.#upsert(report)
  }

  /** RFC 2866 §5.1: who starts or stops accounting has lost every session from before. */
  async #closeAll(report: SessionReport): Promise<void> {
    const at = new Date(report.atMs)
    await this.#database.transaction(async (tx) => {
      await sql`
        update accounting_session
        set stopped_at = ${at}, terminate_cause = ${RESTARTED}, updated_at = ${at}
        where nas_id = ${report.nasId} and reported_by = ${report.reporter}
          and stopped_at is null and updated_at <= ${at}`.execute(tx)
    })
  }

  async #upsert(report: SessionReport): Promise<void> {
    const at = new Date(report.atMs)
    const { admission, link } = report
    const isStart = report.kind === 'start'
    const startedAt = isStart ? at : startOf(report)
    const stoppedAt = report.kind === 'stop' ? at : null
    const wentOn = sql`held.terminate_cause = any (${Object.values(OWN_CONCLUSIONS)}::text[])
      and excluded.updated_at > held.stopped_at`
    const isAnew = sql`${isStart}::boolean and ${wentOn}`
    const kept = (column: string) => sql`case when ${isAnew} then excluded.${sql.ref(column)}
      else coalesce(held.${sql.ref(column)}, excluded.${sql.ref(column)}) end`
    await this.#database.transaction(async (tx) => {
      await sql`
        insert into accounting_session as held (
          nas_id, reported_by, session_id, username, principal_id, calling_station_id,
          called_station_id, framed_address, started_at, updated_at, stopped_at, session_seconds,
          input_octets, output_octets, terminate_cause, network_id, credential_id, granted, ssid,
          framed_ipv6, signal, connect_info, identity)
        values (
          ${report.nasId}, ${report.reporter}, ${report.sessionId}, ${report.username},
          ${report.principalId}, ${report.device}, ${report.station}, ${report.address}::inet,
          ${startedAt}, ${at}, ${stoppedAt}, ${report.sessionSeconds},
          ${report.inputOctets?.toString() ?? null}::bigint,
          ${report.outputOctets?.toString() ?? null}::bigint, ${report.endedBecause},
          ${admission.networkId}, ${admission.credentialId}, ${admission.granted}, ${link.ssid},
          ${link.ipv6}::inet, ${link.signal}, ${link.connectInfo},
          ${JSON.stringify(report.identity)}::jsonb)
        on conflict (nas_id, session_id, username, calling_station_id) do update set
          reported_by = excluded.reported_by,
          principal_id = ${kept('principal_id')},
          network_id = ${kept('network_id')},
          credential_id = ${kept('credential_id')},
          granted = ${kept('granted')},
          ssid = coalesce(excluded.ssid, held.ssid),
          framed_ipv6 = coalesce(excluded.framed_ipv6, held.framed_ipv6),
          signal = coalesce(excluded.signal, held.signal),
          connect_info = coalesce(excluded.connect_info, held.connect_info),
          identity = excluded.identity,
          reported_at = clock_timestamp(),
          called_station_id = coalesce(excluded.called_station_id, held.called_station_id),
          framed_address = coalesce(excluded.framed_address, held.framed_address),
          started_at = case when ${isAnew} then excluded.started_at
            else least(held.started_at, excluded.started_at) end,
          updated_at = greatest(held.updated_at, excluded.updated_at),
          stopped_at = case when ${wentOn} then excluded.stopped_at
            else coalesce(held.stopped_at, excluded.stopped_at) end,
          session_seconds = case when ${isAnew} then excluded.session_seconds
            else greatest(held.session_seconds, excluded.session_seconds) end,
          input_octets = case when ${isAnew} then excluded.input_octets
            else greatest(held.input_octets, excluded.input_octets) end,
          output_octets = case when ${isAnew} then excluded.output_octets
            else greatest(held.output_octets, excluded.output_octets) end,
          terminate_cause = case when ${wentOn} then excluded.terminate_cause
            else coalesce(held.terminate_cause, excluded.terminate_cause) end`.execute(tx)
    })
  }
}

/** A session whose start was lost on the way began when its counter of seconds says. */
function startOf(report: SessionReport): Date | null {
  return report.sessionSeconds === null
    ? null
    : new Date(report.atMs - report.sessionSeconds * 1000)
}
