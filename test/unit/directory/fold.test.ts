import fc from 'fast-check'
import t from 'tap'
import { foldText } from '../../../src/directory/fold.ts'

t.test('folding: case, composition and loose spaces go (RFC 4518 §2)', async (t) => {
  for (const [text, folded] of [
    ['ada', 'ada'],
    ['Adele Vance', 'adele vance'],
    ['  Adele   Vance ', 'adele vance'],
    ['Adele\tVance\n', 'adele vance'],
    ['ÉCOLE', 'école'],
    ['e\u0301cole', 'école'],
    ['ﬁsh', 'fish'],
    ['Ａｄａ', 'ada'],
    ['a\u00a0b', 'a b'],
    ['', ''],
    ['   ', ''],
  ] as const) {
    t.equal(foldText(text), folded, JSON.stringify(text))
  }
})

t.test('folding: any text, folded twice, is what it was folded once', async (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      (text) => foldText(foldText(text)) === foldText(text),
    ),
    { numRuns: 2000 },
  )
  t.ok(true, 'no counterexample')
})

t.test('folding: the short way for ASCII gives what the long way gives', async (t) => {
  const long = (text: string) =>
    text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim()
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (text) => foldText(text) === long(text)),
    { numRuns: 2000 },
  )
  t.ok(true, 'no counterexample')
})
