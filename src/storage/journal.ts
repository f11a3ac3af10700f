import { randomBytes, randomUUID } from 'node:crypto'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { FollowedKind } from '../directory/change.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { Tables } from './database.ts'
import { digestDetail } from './journal-detail.ts'
import { voidLinks } from './link-rows.ts'

/** Kinds of journal rows: entities a read model follows, and decisions that stand for themselves. */
export type JournalKind =
  | FollowedKind
  | 'membership'
  | `admin.${string}`
  | `auth.${string}`
  | `source.${string}`

export interface JournalEntry {
  readonly kind: JournalKind
  /** The entity's id; for a membership the group's. */
  readonly entity: string
  readonly version?: number
  /** For a membership: the entry numbers of group and member. */
  readonly edge?: { readonly groupNo: number; readonly memberNo: number }
  readonly actor?: Actor
  /** Before and after, without secrets; kept apart so that it can be erased. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/** Entries of one transaction, until they are written as its last statement. */
export interface JournalBuffer {
  readonly entries: JournalEntry[]
  /** Principals that may no longer be let in; believed at once by every daemon. */
  readonly denied: Set<string>
}

const buffers = new WeakMap<Transaction<Tables>, JournalBuffer>()

export function openJournal(tx: Transaction<Tables>): JournalBuffer {
  const buffer: JournalBuffer = { entries: [], denied: new Set() }
  buffers.set(tx, buffer)
  return buffer
}

/** Notes a change for the journal; it is written with the transaction's last statement. */
export function journal(tx: Transaction<Tables>, entry: JournalEntry): void {
  bufferOf(tx).entries.push(entry)
}

/** Tells every daemon, right after the commit, to let this principal in no more. */
export function hintDenial(tx: Transaction<Tables>, principalId: string): void {
  bufferOf(tx).denied.add(principalId)
}

function bufferOf(tx: Transaction<Tables>): JournalBuffer {
  const buffer = buffers.get(tx)
  if (!buffer) throw new Error('a change was journalled outside of Database.write')
  return buffer
}

interface InboxRow {
  readonly kind: string
  readonly entity: string
  readonly group_no: number | null
  readonly member_no: number | null
  readonly version: number | null
  readonly actor: string | null
  readonly reason: string | null
  readonly detail: string | null
}

/** Whoever may be let in no more cannot set a password with a link from before either. */
export async function endLinks(tx: Transaction<Tables>, { denied }: JournalBuffer): Promise<void> {
  if (denied.size === 0) return
  await voidLinks(tx, [...denied], 'suspended')
}

/** Writes the buffered entries; gives the inbox number of the last, null when there was none. */
export async function writeJournal(
  tx: Transaction<Tables>,
  buffer: JournalBuffer,
): Promise<bigint | null> {
  if (buffer.entries.length === 0) return null
  const details: { id: string; salt: Buffer; digest: Buffer; body: string }[] = []
  const rows = buffer.entries.map((entry): InboxRow => {
    const detail = entry.detail ? makeDetail(entry.detail) : null
    if (detail) details.push(detail)
    return {
      kind: entry.kind,
      entity: entry.entity,
      group_no: entry.edge?.groupNo ?? null,
      member_no: entry.edge?.memberNo ?? null,
      version: entry.version ?? null,
      actor: entry.actor?.name ?? null,
      reason: entry.actor?.reason ?? null,
      detail: detail?.id ?? null,
    }
  })
  if (details.length > 0) await tx.insertInto('journal_detail').values(details).execute()
  const { rows: written } = await sql<{ last: number }>`
    with written as (
      insert into journal_inbox (kind, entity, group_no, member_no, version, actor, reason, detail)
      select kind, entity, group_no, member_no, version, actor, reason, detail
      from unnest(
        ${rows.map((row) => row.kind)}::text[], ${rows.map((row) => row.entity)}::uuid[],
        ${rows.map((row) => row.group_no)}::integer[], ${rows.map((row) => row.member_no)}::integer[],
        ${rows.map((row) => row.version)}::bigint[], ${rows.map((row) => row.actor)}::text[],
        ${rows.map((row) => row.reason)}::text[], ${rows.map((row) => row.detail)}::uuid[]
      ) as r (kind, entity, group_no, member_no, version, actor, reason, detail)
      returning seq)
    select max(seq) as last from written`.execute(tx)
  return BigInt(written[0]?.last ?? 0)
}

function makeDetail(body: Readonly<Record<string, unknown>>) {
  const salt = randomBytes(16)
  return { id: randomUUID(), salt, digest: digestDetail(salt, body), body: JSON.stringify(body) }
}

/** Moves what is committed from the inbox to the journal; gives how many rows moved. */
export async function stamp(db: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ stamped: number }>`select stamp() as stamped`.execute(db)
  return rows[0]?.stamped ?? 0
}
