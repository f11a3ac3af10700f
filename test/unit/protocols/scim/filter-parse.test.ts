import t from 'tap'
import {
  formatFilter,
  MAX_FILTER_DEPTH,
  MAX_FILTER_LENGTH,
  MAX_FILTER_NODES,
  parseFilter,
} from '../../../../protocols/scim/index.ts'
import { readVectors, refusalOf, showFilter } from '../../../support/scim-filters.ts'

await t.test('RFC 7644 §3.4.2.2: filters are read with the right precedence', async (t) => {
  const vectors = readVectors('filters-accepted.txt')
  t.ok(vectors.length > 60, 'the file was found whole')
  let filter = ''
  for (const { word, text } of vectors) {
    if (word === 'filter') filter = text
    else t.equal(showFilter(parseFilter(filter)), text, filter)
  }
})

await t.test('each accepted filter is written so that it reads the same again', async (t) => {
  for (const { word, text } of readVectors('filters-accepted.txt')) {
    if (word !== 'filter') continue
    const filter = parseFilter(text)
    t.same(parseFilter(formatFilter(filter)), filter, text)
  }
})

await t.test('RFC 7644 §3.4.2.2: what is no filter is refused as invalidFilter', async (t) => {
  const vectors = readVectors('filters-refused.txt')
  t.ok(vectors.length > 45, 'the file was found whole')
  for (const { text } of vectors) {
    const expected = { name: 'ScimError', status: 400, scimType: 'invalidFilter' }
    t.match(
      refusalOf(() => parseFilter(text)),
      expected,
      text,
    )
  }
})

await t.test(
  'lenient: bare words are strings, and only then; the rest stays refused',
  async (t) => {
    for (const { word, text } of readVectors('filters-refused.txt')) {
      if (word === 'lenient') {
        t.equal(parseFilter(text, { isLenient: true }).kind, 'compare', text)
      } else if (!text.includes("'") && !text.includes('1e999') && !text.includes('{')) {
        t.match(
          refusalOf(() => parseFilter(text, { isLenient: true })),
          { name: 'ScimError' },
          text,
        )
      }
    }
    t.equal(
      showFilter(parseFilter('active eq True and userName eq jyoung', { isLenient: true })),
      '(and (eq active true) (eq userName "jyoung"))',
    )
  },
)

await t.test('limits: length, terms and nesting are bounded at their constants', async (t) => {
  const longest = `userName eq "${'x'.repeat(MAX_FILTER_LENGTH - 'userName eq ""'.length)}"`
  t.equal(parseFilter(longest).kind, 'compare')
  t.match(
    refusalOf(() => parseFilter(`${longest} `)),
    { scimType: 'tooMany' },
  )

  // n comparisons and n - 1 connectives
  const chain = (n: number) => Array.from({ length: n }, () => 'title pr').join(' or ')
  t.equal(parseFilter(chain(MAX_FILTER_NODES / 2)).kind, 'or')
  t.match(
    refusalOf(() => parseFilter(chain(MAX_FILTER_NODES / 2 + 1))),
    { scimType: 'tooMany' },
  )

  const nested = (n: number) => `${'('.repeat(n)}title pr${')'.repeat(n)}`
  t.equal(parseFilter(nested(MAX_FILTER_DEPTH)).kind, 'present')
  t.match(
    refusalOf(() => parseFilter(nested(MAX_FILTER_DEPTH + 1))),
    { scimType: 'invalidFilter' },
  )
  t.match(
    refusalOf(() => parseFilter('('.repeat(4_000))),
    { scimType: 'invalidFilter' },
  )
  t.match(
    refusalOf(() => parseFilter('not ('.repeat(1_000))),
    { scimType: 'invalidFilter' },
  )
})

await t.test('a refusal says where, and repeats nothing of the filter', async (t) => {
  t.match(
    refusalOf(() => parseFilter('userName eq secret')),
    {
      message: 'a value that is not JSON (strings are quoted), at character 13 of the filter',
    },
  )
})
