import type { Transaction } from 'kysely'
import type { Written } from '../directory/ports/people.ts'
import { chunks } from './chunks.ts'
import type { Database } from './connection.ts'
import type { Tables } from './database.ts'

export type Tx = Transaction<Tables>

export const NOTHING_WRITTEN: Written = { changed: 0, inboxSeq: null }

/** One transaction whose `run` tells how many entities it changed. */
export async function writeOnce(
  database: Database,
  run: (tx: Tx) => Promise<number>,
): Promise<Written> {
  const { value, inboxSeq } = await database.write(run)
  return { changed: value, inboxSeq }
}

/** One transaction with something to give back beside the count of one. */
export async function writeOne<Id extends string>(
  database: Database,
  run: (tx: Tx) => Promise<Id>,
): Promise<Written & { readonly id: Id }> {
  const { value, inboxSeq } = await database.write(run)
  return { id: value, changed: 1, inboxSeq }
}

/** As many transactions as the budget asks for. Each is idempotent, so a failed one can be repeated. */
export async function writeInChunks<Item>(
  database: Database,
  items: readonly Item[],
  run: (tx: Tx, chunk: readonly Item[]) => Promise<number>,
  size?: number,
): Promise<Written> {
  let total = NOTHING_WRITTEN
  for (const chunk of chunks(items, size)) {
    const written = await writeOnce(database, (tx) => run(tx, chunk))
    total = {
      changed: total.changed + written.changed,
      inboxSeq: written.inboxSeq ?? total.inboxSeq,
    }
  }
  return total
}
