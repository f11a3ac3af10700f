import t from 'tap'
import { readPages } from '../../../src/cli/pages.ts'

const LIST = { path: '/people', key: 'people' } as const

/** Answers as the admin API does, which gives a thousand at once and no more. */
function pretend(total: number) {
  const asked: Record<string, string | number | undefined>[] = []
  const get = async <T>(_path: string, query: Record<string, string | number | undefined> = {}) => {
    asked.push(query)
    const [limit, after] = [Number(query['limit']), Number(query['after'] ?? 0)]
    if (!(limit >= 1 && limit <= 1000)) throw new Error(`limit is ${query['limit']}`)
    const people = Array.from({ length: Math.min(limit, total - after) }, (_, n) => after + n + 1)
    const last = people.at(-1) ?? after
    return { people, next: last < total ? last : null } as T
  }
  return { asked, get }
}

t.test('a list is read to its end, however many pages it has', async (t) => {
  const api = pretend(2_500)
  const { people, next } = await readPages<'people', number>(api, LIST, { search: 'a' })
  t.equal(people.length, 2_500)
  t.equal(new Set(people).size, 2_500)
  t.equal(next, null)
  t.same(
    api.asked.map(({ search, after }) => [search, after]),
    [
      ['a', undefined],
      ['a', 1_000],
      ['a', 2_000],
    ],
  )
  t.same(await readPages(pretend(0), LIST, {}), { people: [], next: null })
})

t.test('a limit ends it, and that there is more is told', async (t) => {
  const read = (total: number, limit: string) =>
    readPages<'people', number>(pretend(total), LIST, { limit })
  const { people, next } = await read(2_500, '1200')
  t.same([people.length, next], [1_200, 1_200])
  t.same(await read(2, '2'), { people: [1, 2], next: null })
  for (const limit of ['0', '-1', 'many']) await t.rejects(read(2, limit), /--limit is a number/)
})
