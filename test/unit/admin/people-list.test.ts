import t from 'tap'
import { MAX_ROWS, readPeopleCsv } from '../../../src/admin/people-list.ts'

const read = (text: string) => readPeopleCsv(Buffer.from(text))
const EMPTY = { start: '', leave: '', reason: '' }

t.test('a sheet is read as spreadsheets write it', (t) => {
  const rows = [
    { line: 2, person: 'ada', action: 'suspend', ...EMPTY, reason: 'left, at last' },
    { line: 4, person: 'bob@contoso.example', action: 'activate', ...EMPTY },
  ]
  t.same(
    read('person,action,reason\nada,Suspend,"left, at last"\n\nbob@contoso.example,activate,\n'),
    rows,
  )
  t.same(
    read(
      '\uFEFFUser Name;Action;Reason\r\nada;suspend;"left, at last"\r\n\r\n bob@contoso.example ;activate;\r\n',
    ),
    rows,
    'with a mark of UTF-8, semicolons, CRLF',
  )
  t.same(
    read('mail\taction\treason\nada\tsuspend\tleft, at last\n\nbob@contoso.example\tactivate\t\n'),
    rows,
    'with tabs',
  )
  t.match(read('person,action,reason\nada,suspend,"said ""no"""\n'), [{ reason: 'said "no"' }])
  t.same(read('person,action\n'), [])
  t.end()
})

t.test('what cannot be read is told by line, and how to mend it', (t) => {
  for (const [text, why] of [
    ['', /first line names the columns/],
    ['person\nada\n', /line 1: there is no column "action"; columns are person, action/],
    ['person,action,colour\n', /line 1: "colour" is no column/],
    ['person,username,action\n', /line 1: two columns are "person"/],
    ['person,action\nada,suspend,left, at last\n', /line 2: it has 4 fields.*into quotes/],
    ['person,action\nada,suspend\n"bob,activate\n', /line 3.*written twice/],
    [`person,action\n${'x'.repeat(5_000)},suspend\n`, /line 2/],
    [`person,action\n${'ada,suspend\n'.repeat(MAX_ROWS + 1)}`, /cut it into files of up to/],
    [`person,action\nada,${String.fromCharCode(0)}\n`, /not UTF-8/],
  ] as const) {
    t.throws(() => read(text), { code: 'bad-csv', message: why }, text.slice(0, 30))
  }
  const latin = Buffer.from('person,action\nzoë,suspend\n', 'latin1')
  t.throws(() => readPeopleCsv(latin), { message: /not UTF-8: save it as "CSV UTF-8"/ })
  const wide = Buffer.from('\uFEFFperson,action\n', 'utf16le')
  t.throws(() => readPeopleCsv(wide), { message: /UTF-16: save it as "CSV UTF-8"/ })
  t.end()
})
