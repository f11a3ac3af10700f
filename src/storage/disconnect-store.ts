import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { SessionIdentity } from '../directory/ports/accounting.ts'
import {
  type ClaimedLane,
  type DisconnectClaim,
  type DisconnectKind,
  type DisconnectOutcome,
  type DisconnectStore,
  type OpenSession,
  pacedCauses,
  type Wanted,
} from '../directory/ports/disconnects.ts'
import type { Database } from './connection.ts'
import { journal } from './journal.ts'
import { OWN_CONCLUSIONS } from './session-store.ts'
import type { Tx } from './written.ts'

/** Longer than a request takes with all its repetitions. */
const CLAIM_SECONDS = 20
/** For how long a NAS that does not answer is asked again. */
export const TRIED_FOR_SECONDS = 600
/** Before the next try: by the number of those made; the last for all further ones. */
const BACK_OFF_SECONDS = [2, 5, 15, 30, 60]
const SYSTEM = { name: 'gatehouse', reason: null }

interface OpenRow {
  readonly id: string
  readonly nas_id: string
  readonly principal_id: string
  readonly network_id: string | null
  readonly credential_id: string | null
  readonly granted: string | null
}

interface ClaimRow extends OpenRow {
  readonly kind: DisconnectKind
  readonly cause: string
  readonly actor: string | null
  readonly attempts: number
  readonly username: string
  readonly session_id: string
  readonly identity: SessionIdentity | null
}

const OPEN = sql`s.id, s.nas_id, s.principal_id, s.network_id, s.credential_id, s.granted`

const IS_DUE = sql`(d.status = 'waiting' and d.due_at <= clock_timestamp()
  and (d.claimed_until is null or d.claimed_until < clock_timestamp()))`

/** Since it was first sent: before that it may have waited for its turn. */
const IS_TRIED_LONG = sql`coalesce(d.sent_at, d.requested_at)
  < clock_timestamp() - make_interval(secs => ${TRIED_FOR_SECONDS})`

const isPaced = (row: 'd' | 'held' | 'excluded') =>
  sql`${sql.ref(`${row}.cause`)} = any (${pacedCauses}::text[])`

/** One made a moment ago may not have reached the daemon that found it missing. */
const IS_CREDENTIAL_GOOD = sql`(
  exists (select from credential c where c.id = s.credential_id)
  or exists (select from client_certificate c
    where c.id = s.credential_id and c.revoked_at is null))`

/**
 * Which sessions are to be ended, and how it went: a row for each, kept with the session. A row is
 * sent by whoever holds its claim; one whose holder died is claimed again, and sent again, which a
 * NAS answers with "no such session".
 */
export class PostgresDisconnectStore implements DisconnectStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async openOf(
    principalIds: readonly string[],
    credentialIds: readonly string[],
  ): Promise<readonly OpenSession[]> {
    const { rows } = await sql<OpenRow>`
      select ${OPEN} from accounting_session s
      where s.stopped_at is null and s.principal_id = any (${principalIds}::uuid[])
      union
      select ${OPEN} from accounting_session s
      where s.stopped_at is null and s.principal_id is not null
        and s.credential_id = any (${credentialIds}::uuid[])`.execute(this.#db.kysely)
    return rows.map(toSession)
  }

  async openAfter(after: string | null, limit: number): Promise<readonly OpenSession[]> {
    const { rows } = await sql<OpenRow>`
      select ${OPEN} from accounting_session s
      where s.stopped_at is null and s.principal_id is not null
        and (${after}::uuid is null or s.id > ${after}::uuid)
      order by s.id limit ${limit}`.execute(this.#db.kysely)
    return rows.map(toSession)
  }

  async want(wanted: readonly Wanted[]): Promise<number> {
    if (wanted.length === 0) return 0
    const { rows } = await sql`
      insert into session_disconnect as held (session_id, kind, cause)
      select s.id, w.kind, w.cause
      from unnest(
        ${wanted.map(({ sessionId }) => sessionId)}::uuid[],
        ${wanted.map(({ kind }) => kind)}::text[],
        ${wanted.map(({ cause }) => cause)}::text[]) as w (id, kind, cause)
      join accounting_session s on s.id = w.id and s.stopped_at is null
      where w.cause <> 'credential-revoked' or not ${IS_CREDENTIAL_GOOD}
      on conflict (session_id) do update set kind = excluded.kind, cause = excluded.cause,
        actor = null, status = 'waiting', attempts = 0, claim = null,
        claimed_until = null, requested_at = excluded.requested_at, due_at = excluded.due_at,
        sent_at = null, settled_at = null
      where held.status = 'needless'
        or (held.kind = 'change' and excluded.kind = 'disconnect')
        or (held.status in ('waiting', 'refused', 'unanswered', 'left') and held.actor is null
          and ${isPaced('held')} and not ${isPaced('excluded')})
        or (held.status <> 'waiting' and held.settled_at < (
          select s.reported_at from accounting_session s where s.id = held.session_id))
      returning 1 as wanted`.execute(this.#db.kysely)
    return rows.length
  }

  async wantNow(sessionId: string, cause: string, actor: string): Promise<boolean> {
    const { rows } = await sql`
      insert into session_disconnect as held (session_id, kind, cause, actor)
      select s.id, 'disconnect', ${cause}, ${actor} from accounting_session s
      where s.id = ${sessionId}::uuid and s.stopped_at is null
      on conflict (session_id) do update set kind = 'disconnect', cause = excluded.cause,
        actor = excluded.actor, status = 'waiting', attempts = 0,
        requested_at = excluded.requested_at, due_at = excluded.due_at, sent_at = null,
        settled_at = null
      returning 1 as wanted`.execute(this.#db.kysely)
    return rows.length > 0
  }

  async claim(limit: number, lane: ClaimedLane): Promise<readonly DisconnectClaim[]> {
    const most = lane.lane === 'paced' ? lane.perNas : limit
    const claim = randomUUID()
    const { rows } = await sql<ClaimRow>`
      with waiting as (
        select d.session_id, row_number() over (
          partition by s.nas_id order by d.attempts, d.due_at, d.session_id) as place
        from session_disconnect d join accounting_session s on s.id = d.session_id
        where ${IS_DUE} and (d.actor is null and ${isPaced('d')}) = ${lane.lane === 'paced'}::boolean),
      due as (
        select d.session_id from session_disconnect d join waiting using (session_id)
        where ${IS_DUE} and waiting.place <= ${most}
        order by d.attempts, d.due_at limit ${limit} for update of d skip locked)
      update session_disconnect d set claim = ${claim}::uuid, attempts = d.attempts + 1,
        claimed_until = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS}),
        sent_at = coalesce(d.sent_at, clock_timestamp())
      from due, accounting_session s
      where d.session_id = due.session_id and s.id = d.session_id
      returning ${OPEN}, d.kind, d.cause, d.actor, d.attempts, s.username, s.session_id,
        s.identity`.execute(this.#db.kysely)
    return rows.map((row) => ({
      claim,
      sessionId: row.id,
      kind: row.kind,
      cause: row.cause,
      actor: row.actor,
      attempts: row.attempts,
      session: {
        ...toSession(row),
        username: row.username,
        acctSessionId: row.session_id,
        identity: row.identity,
      },
    }))
  }

  async settle(claim: DisconnectClaim, result: DisconnectOutcome): Promise<boolean> {
    const { value } = await this.#db.write(async (tx) => {
      const row = await settleRow(tx, claim, result)
      if (row === null) return false
      const { status, before } = row
      if (status === 'waiting') return true
      await this.#conclude(tx, claim, result)
      // What is asked for again with each report, and ends the same, is told once.
      if (claim.actor === null && before === result.outcome) return true
      journal(tx, {
        kind: `auth.session-${status}`,
        entity: claim.session.principalId ?? claim.sessionId,
        actor: claim.actor === null ? SYSTEM : { name: claim.actor, reason: null },
        detail: {
          session: claim.sessionId,
          nas: claim.session.nasId,
          request: claim.kind,
          cause: claim.cause,
          outcome: result.outcome,
        },
      })
      return true
    })
    return value
  }

  /** What the NAS has told us by its answer stands until it reports otherwise. */
  async #conclude(tx: Tx, claim: DisconnectClaim, result: DisconnectOutcome): Promise<void> {
    if (result.status === 'done' && result.granted !== undefined) {
      await sql`
        update accounting_session set granted = ${result.granted}
        where id = ${claim.sessionId}::uuid`.execute(tx)
    } else if (result.status === 'done' || result.status === 'gone') {
      await sql`
        update accounting_session set stopped_at = clock_timestamp(),
          terminate_cause = ${OWN_CONCLUSIONS[result.status]}
        where id = ${claim.sessionId}::uuid and stopped_at is null`.execute(tx)
    }
  }
}

/** @returns what the row says now; null when it is no longer ours */
async function settleRow(
  tx: Tx,
  claim: DisconnectClaim,
  result: DisconnectOutcome,
): Promise<{ readonly status: string; readonly before: string | null } | null> {
  const backOff = BACK_OFF_SECONDS[Math.min(claim.attempts, BACK_OFF_SECONDS.length) - 1] ?? 0
  const isAgain = result.status === 'waiting'
  const kind = result.status === 'waiting' ? (result.kind ?? claim.kind) : claim.kind
  // Another request instead of this one goes out at once.
  const waitSeconds = kind === claim.kind ? backOff : 0
  const { rows } = await sql<{ status: string; before: string | null }>`
    update session_disconnect d set outcome = ${result.outcome}, kind = ${kind}, claim = null,
      claimed_until = null,
      due_at = clock_timestamp() + make_interval(secs => ${waitSeconds}),
      settled_at = case when not ${isAgain}::boolean
        or ${IS_TRIED_LONG}
        then clock_timestamp() end,
      status = case when not ${isAgain}::boolean then ${result.status}
        when ${IS_TRIED_LONG}
        then 'unanswered' else 'waiting' end
    where session_id = ${claim.sessionId}::uuid and claim = ${claim.claim}::uuid
    returning status, (
      select b.outcome from session_disconnect b where b.session_id = d.session_id) as before`.execute(
    tx,
  )
  return rows[0] ?? null
}

function toSession(row: OpenRow): OpenSession {
  return {
    id: row.id,
    nasId: row.nas_id as OpenSession['nasId'],
    principalId: row.principal_id as OpenSession['principalId'],
    networkId: row.network_id as OpenSession['networkId'],
    credentialId: row.credential_id as OpenSession['credentialId'],
    granted: row.granted,
  }
}
