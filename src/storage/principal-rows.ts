import { type Kysely, sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { Tables } from './database.ts'
import { journal } from './journal.ts'
import type { Tx } from './written.ts'

export type Details = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** @throws {DirectoryError} `DIRECTORY_NOT_FOUND` for an id nobody has, `DIRECTORY_REFUSED` for the dead */
export async function requirePrincipals(tx: Tx, ids: readonly string[]): Promise<void> {
  // Locked in one order, so that two commands on overlapping lists take turns.
  const { rows } = await sql<{ id: string; lifecycle: string }>`
    select id, lifecycle from principal where id = any (${ids}::uuid[])
    order by id for update`.execute(tx)
  if (rows.length < new Set(ids).size) {
    throw new DirectoryError('DIRECTORY_NOT_FOUND', 'there is nobody with such an id')
  }
  if (rows.some((row) => row.lifecycle === 'deleted')) {
    throw new DirectoryError('DIRECTORY_REFUSED', 'a deleted principal cannot be changed')
  }
}

/** @throws {DirectoryError} `DIRECTORY_REFUSED`, with the name of one who is protected */
export async function refuseProtected(db: Kysely<Tables>, ids: readonly string[]): Promise<void> {
  const { rows } = await sql<{ username: string }>`
    select n.username from principal p join person n on n.id = p.id
    where p.id = any (${ids}::uuid[]) and p.is_protected limit 1`.execute(db)
  const [found] = rows
  if (found === undefined) return
  const why = `${found.username} is protected: name her alone, and say that you mean it (--protected)`
  throw new DirectoryError('DIRECTORY_REFUSED', why)
}

/** Gives each a new version and a journal row of its own kind. */
export async function touch(
  tx: Tx,
  changed: readonly { readonly id: string }[],
  actor: Actor,
  details: Details = {},
): Promise<number> {
  if (changed.length === 0) return 0
  const { rows } = await sql<{ id: string; version: number; kind: string }>`
    update principal set version = nextval('entity_version')
    where id = any (${changed.map(({ id }) => id)}::uuid[]) returning id, version, kind`.execute(tx)
  for (const { id, version, kind } of rows) {
    const detail = details[id]
    journal(tx, {
      kind: kind === 'service' || kind === 'administrator' ? kind : 'person',
      entity: id,
      version,
      actor,
      ...(detail ? { detail } : {}),
    })
  }
  return rows.length
}

/** The same change told of each, for the journal. */
export function alike(
  changed: readonly { readonly id: string }[],
  detail: {
    readonly before: Readonly<Record<string, unknown>>
    readonly after: Readonly<Record<string, unknown>>
  },
): Details {
  return Object.fromEntries(changed.map(({ id }) => [id, detail]))
}
