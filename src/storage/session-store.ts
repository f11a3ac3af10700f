import { sql } from 'kysely'
import type { SessionReport, SessionStore } from '../directory/ports/accounting.ts'
import type { Database } from './connection.ts'

/**
 * Sessions as the NAS report them, one row a session. Reports come twice, late and out of order:
 * counters only grow, a start keeps the earliest time, and what has stopped stays stopped.
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

  /** RFC 2866 §5.1: a NAS that starts or stops accounting has lost every session from before. */
  async #closeAll(report: SessionReport): Promise<void> {
    const at = new Date(report.atMs)
    await this.#database.transaction(async (tx) => {
      await sql`
        update accounting_session
        set stopped_at = ${at}, terminate_cause = 'nas-reboot', updated_at = ${at}
        where nas_id = ${report.nasId} and stopped_at is null and updated_at <= ${at}`.execute(tx)
    })
  }

  async #upsert(report: SessionReport): Promise<void> {
    const at = new Date(report.atMs)
    const startedAt = report.kind === 'start' ? at : startOf(report)
    const stoppedAt = report.kind === 'stop' ? at : null
    await this.#database.transaction(async (tx) => {
      await sql`
        insert into accounting_session as held (
          nas_id, session_id, username, principal_id, calling_station_id, called_station_id,
          framed_address, started_at, updated_at, stopped_at, session_seconds, input_octets,
          output_octets, terminate_cause)
        values (
          ${report.nasId}, ${report.sessionId}, ${report.username}, ${report.principalId},
          ${report.device}, ${report.station}, ${report.address}::inet, ${startedAt}, ${at},
          ${stoppedAt}, ${report.sessionSeconds}, ${report.inputOctets?.toString() ?? null}::bigint,
          ${report.outputOctets?.toString() ?? null}::bigint, ${report.endedBecause})
        on conflict (nas_id, session_id, username, calling_station_id) do update set
          principal_id = coalesce(held.principal_id, excluded.principal_id),
          called_station_id = coalesce(excluded.called_station_id, held.called_station_id),
          framed_address = coalesce(excluded.framed_address, held.framed_address),
          started_at = least(held.started_at, excluded.started_at),
          updated_at = greatest(held.updated_at, excluded.updated_at),
          stopped_at = coalesce(held.stopped_at, excluded.stopped_at),
          session_seconds = greatest(held.session_seconds, excluded.session_seconds),
          input_octets = greatest(held.input_octets, excluded.input_octets),
          output_octets = greatest(held.output_octets, excluded.output_octets),
          terminate_cause = coalesce(held.terminate_cause, excluded.terminate_cause)`.execute(tx)
    })
  }
}

/** A session whose start was lost on the way began when its counter of seconds says. */
function startOf(report: SessionReport): Date | null {
  return report.sessionSeconds === null
    ? null
    : new Date(report.atMs - report.sessionSeconds * 1000)
}
