import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { AuthEventBatch, AuthEventRow, AuthEventWriter } from '../observe/auth-event-writer.ts'
import type { Database } from './connection.ts'
import { journal } from './journal.ts'
import { canonicalJson } from './journal-detail.ts'
import type { Tx } from './written.ts'

/** Writes answers in batches; a digest of each batch is a row of the journal, and so of its chain. */
export class PostgresAuthEventWriter implements AuthEventWriter {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async write(batch: AuthEventBatch): Promise<void> {
    if (batch.rows.length === 0) return
    await this.#database.write(async (tx) => {
      if (await isWritten(tx, batch.id)) return
      await insertRows(tx, batch.rows)
      await noteUses(tx, batch.rows)
      journal(tx, {
        kind: 'auth.batch',
        entity: batch.id,
        actor: {
          name: 'system',
          reason: `sha256:${digestRows(batch.rows)} of ${batch.rows.length}`,
        },
      })
    })
  }
}

/** The digest a batch has in the journal, in hex. */
export function digestRows(rows: readonly AuthEventRow[]): string {
  return createHash('sha256').update(canonicalJson(rows), 'utf8').digest('hex')
}

/** A batch whose outcome was unknown is written again under the same id. */
async function isWritten(tx: Tx, batchId: string): Promise<boolean> {
  const { rows } = await sql`
    select from journal where entity = ${batchId}
    union all select from journal_inbox where entity = ${batchId} limit 1`.execute(tx)
  return rows.length > 0
}

async function insertRows(tx: Tx, rows: readonly AuthEventRow[]): Promise<void> {
  const column = <Value>(pick: (row: AuthEventRow) => Value) => rows.map(pick)
  await sql`
    insert into auth_event (at, last_at, count, outcome, reason, resource_kind, resource_name,
                            method, principal_id, name, address, device, detail)
    select to_timestamp(at / 1000.0), to_timestamp(last_at / 1000.0), count, outcome, reason,
           resource_kind, resource_name, method, principal_id, name, address, device, detail
    from unnest(
      ${column((row) => Math.round(row.atMs))}::bigint[],
      ${column((row) => Math.round(row.lastAtMs))}::bigint[],
      ${column((row) => row.count)}::integer[], ${column((row) => row.outcome)}::text[],
      ${column((row) => row.reason)}::text[], ${column((row) => row.resourceKind)}::text[],
      ${column((row) => row.resourceName)}::text[], ${column((row) => row.method)}::text[],
      ${column((row) => row.principalId)}::uuid[], ${column((row) => withoutNul(row.name))}::text[],
      ${column((row) => withoutNul(row.address))}::text[],
      ${column((row) => (row.device === null ? null : withoutNul(row.device)))}::text[],
      ${column((row) => (row.detail === null ? null : withoutNul(JSON.stringify(row.detail))))}::jsonb[]
    ) as r (at, last_at, count, outcome, reason, resource_kind, resource_name, method,
            principal_id, name, address, device, detail)`.execute(tx)
}

/** When each app password last let somebody in; one that has been revoked meanwhile is passed over. */
async function noteUses(tx: Tx, batch: readonly AuthEventRow[]): Promise<void> {
  const latest = new Map<string, AuthEventRow>()
  for (const row of batch) {
    const id = row.detail?.['credential']
    if (row.outcome !== 'success' || typeof id !== 'string') continue
    if ((latest.get(id)?.lastAtMs ?? 0) <= row.lastAtMs) latest.set(id, row)
  }
  if (latest.size === 0) return
  const rows = [...latest.values()]
  await sql`
    insert into credential_use as u (credential_id, used_at, address)
    select c.id, to_timestamp(r.at / 1000.0), r.address
    from unnest(
      ${[...latest.keys()]}::uuid[], ${rows.map((row) => Math.round(row.lastAtMs))}::bigint[],
      ${rows.map((row) => withoutNul(row.address))}::text[]) as r (id, at, address)
    join credential c on c.id = r.id
    order by c.id
    on conflict (credential_id) do update set used_at = excluded.used_at, address = excluded.address
      where u.used_at < excluded.used_at`.execute(tx)
}

/** What a stranger typed may hold a NUL, which PostgreSQL's text cannot; it must not undo a batch. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '\ufffd').replaceAll('\\u0000', '\\ufffd')
}
