import { type ApiClient, CliError } from './client.ts'

/** The most that the admin API gives at once. */
const PAGE = 1000

interface ListOptions {
  readonly limit?: string
  readonly [option: string]: string | undefined
}

/**
 * Reads a list page by page, all of it unless `limit` says how many at most; `next` is where it
 * would go on, null at the end.
 *
 * @throws {CliError} for a limit that is no number
 */
export async function readPages<Key extends string, Row>(
  client: Pick<ApiClient, 'get'>,
  list: { readonly path: string; readonly key: Key; readonly page?: number },
  { limit, ...query }: ListOptions,
): Promise<Record<Key, Row[]> & { next: string | number | null }> {
  const most = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
  if (!(most >= 1)) throw new CliError(`--limit is a number from 1 on, not "${limit}"`)
  const rows: Row[] = []
  let next: string | number | null = null
  do {
    const page: Record<Key, Row[]> & { next: string | number | null } = await client.get(
      list.path,
      {
        ...query,
        limit: Math.min(list.page ?? PAGE, most - rows.length),
        ...(next === null ? {} : { after: next }),
      },
    )
    rows.push(...page[list.key])
    next = page.next
  } while (next !== null && rows.length < most)
  return { [list.key]: rows, next } as Record<Key, Row[]> & { next: string | number | null }
}
