import { sql } from 'kysely'
import { DirectoryError } from '../directory/errors.ts'
import type { Tx } from './sync-batch.ts'

/** Above what distributions give local accounts, below systemd's own ranges at 524,288. */
export const POSIX_FIRST = 300_000
export const POSIX_LAST = 524_287

/** Sets the range, once; later calls change nothing. */
export async function prepareAllocator(tx: Tx): Promise<void> {
  await sql`
    insert into posix_allocator (first, last, next_number)
    values (${POSIX_FIRST}, ${POSIX_LAST}, ${POSIX_FIRST}) on conflict do nothing`.execute(tx)
}

/**
 * Takes numbers nobody has had and nobody may have by another way.
 *
 * @throws {DirectoryError} `DIRECTORY_REFUSED` when the range is used up
 */
export async function allocateNumbers(tx: Tx, count: number): Promise<readonly number[]> {
  const numbers: number[] = []
  while (numbers.length < count) {
    const wanted = count - numbers.length
    const { rows } = await sql<{ upto: number }>`
      update posix_allocator set next_number = next_number + ${wanted}
      where next_number + ${wanted} <= last + 1 returning next_number as upto`.execute(tx)
    const upto = rows[0]?.upto
    if (upto === undefined) await refuse(tx)
    else numbers.push(...(await withoutUsed(tx, upto - wanted, upto - 1)))
  }
  return numbers
}

/** The numbers that would be given next, and how many are left; nothing is taken. */
export async function peekNumbers(
  tx: Tx,
  count: number,
): Promise<{ readonly numbers: readonly number[]; readonly left: number }> {
  const { rows } = await sql<{ next: number; last: number }>`
    select next_number as next, last from posix_allocator`.execute(tx)
  const { next, last } = rows[0] ?? { next: POSIX_FIRST, last: POSIX_LAST }
  const numbers: number[] = []
  for (let first = next; numbers.length < count && first <= last; ) {
    const upto = Math.min(last, first + count - 1)
    numbers.push(...(await withoutUsed(tx, first, upto)))
    first = upto + 1
  }
  return { numbers: numbers.slice(0, count), left: last - next + 1 }
}

async function refuse(tx: Tx): Promise<void> {
  const { rows } = await sql<{ first: number; last: number }>`
    select first, last from posix_allocator`.execute(tx)
  const range = rows[0]
  if (!range) return prepareAllocator(tx)
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `the POSIX numbers ${range.first} to ${range.last} are used up, and none is used twice; ` +
      'no command moves their end, `update posix_allocator set last = N` in the database does, ' +
      'for an N up to which your systems have no numbers of their own',
  )
}

/** Reserved numbers, and those imported from elsewhere, are passed over. */
async function withoutUsed(tx: Tx, first: number, last: number): Promise<readonly number[]> {
  const { rows } = await sql<{ number: number }>`
    select n as number from generate_series(${first}::integer, ${last}::integer) n
    where not exists (select 1 from posix_reserved r where r.number = n)
      and not exists (select 1 from person p where p.uid_number = n)
      and not exists (select 1 from directory_group g where g.gid_number = n)
    order by n`.execute(tx)
  return rows.map((row) => row.number)
}
