import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { startTestDemo } from '../support/demo.ts'

const demo = await startTestDemo(t, { people: 30 })
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)

interface Listed {
  readonly people: readonly { readonly username: string; readonly state: string }[]
}

async function states(): Promise<Readonly<Record<string, string>>> {
  const { people } = await admin.send<Listed>('GET', '/people?limit=1000')
  return Object.fromEntries(people.map(({ username, state }) => [username, state]))
}

function sheet(...lines: readonly string[]): string {
  const file = join(demo.dataDir, 'people.csv')
  writeFileSync(file, `\uFEFF${['person,action,start,leave,reason', ...lines].join('\r\n')}\r\n`)
  return file
}

const ACTIVE = Object.entries(await states()).flatMap(([name, state]) =>
  state === 'active' ? [name] : [],
)
const [ann = '', ben = '', cy = ''] = ACTIVE.filter((name) => name !== 'adele.vance')
const NEXT_YEAR = `${new Date().getUTCFullYear() + 1}-06-30T18:00+02:00`

await t.test('every bad line is told by number and mend, and nothing is done', async (t) => {
  const before = await states()
  await cli('person', 'protect', 'adele.vance')
  const file = sheet(
    `${ann},suspend,,,left`,
    'nobody,suspend,,,',
    `${ben},fire,,,`,
    'adele.vance,delete,,,',
    `${cy},,,30.06.2027,`,
    `${cy},,,2020-01-01T00:00Z,`,
    `${ann},delete,,,`,
    `${cy},,,,`,
    'nobody,restore,,,',
  )
  await t.rejects(cli('person', 'apply', file), {
    message: new RegExp(
      [
        'line 3: there is no person "nobody"',
        'line 4: "fire" is no action; actions are activate, delete, .*',
        'line 5: adele.vance is protected: name her alone, with --protected',
        'line 6: "30.06.2027" is no time: write it with its time zone, such as .*',
        'line 7: .* is past: use the action suspend',
        `line 8: ${ann} is on line 2 already`,
        'line 9: there is neither an action nor a date',
        'line 10: there is no deleted person "nobody"',
        'nothing was done: .*--skip-bad.*',
      ].join('\n'),
    ),
  })
  t.same(await states(), before)
  const told = await cli('person', 'apply', file, '--dry-run')
  t.match(told, /^dry run: nothing was changed\n1 people, of whom 1 lose access\n/)
  t.match(told, new RegExp(`suspend ${ann}: loses .*\n`))
  t.match(told, /line 4: "fire" is no action/)
  t.same(await states(), before)
  t.match(await cli('person', 'apply', file, '--skip-bad'), /line 10: .*\nsuspend 1\n$/)
  t.equal((await states())[ann], 'suspended')
})

await t.test('done once, and sent once more it finds nothing left', async (t) => {
  const file = sheet(
    `${ann},resume,,,back`,
    `${ben},delete,,,"left, for good"`,
    `${cy},,,${NEXT_YEAR},contract ends`,
  )
  t.equal(await cli('person', 'apply', file), 'resume 1, delete 1, dates 1\n')
  const now = await states()
  t.equal(now[ann], 'active')
  t.notOk(ben in now)
  t.match(await cli('person', 'scheduled'), new RegExp(`${cy} +suspend .*contract ends`))
  t.match(await cli('person', 'list', '--state', 'deleted'), new RegExp(ben))
  t.equal(await cli('person', 'apply', file), 'resume 0\n')
  t.equal(await cli('person', 'apply', sheet(`${ben},restore,,,`)), 'restore 1\n')
  t.equal((await states())[ben], 'active')
  t.equal(await cli('person', 'apply', sheet(`${ben},restore,,,`)), 'nothing was left to do\n')
})

await t.test('the list as a whole is held against the threshold', async (t) => {
  const whom = ACTIVE.filter((name) => name !== 'adele.vance').slice(0, 22)
  const file = sheet(...whom.map((name, at) => `${name},${at % 2 ? 'suspend' : 'delete'},,,`))
  await t.rejects(cli('person', 'apply', file), {
    message: /takes access from 22 of \d+ people \(\d+ %\).*--count 22/,
  })
  await t.rejects(cli('person', 'apply', file, '--count', '21'), { message: /--count 22/ })
  t.equal((await states())[whom[1] ?? ''], 'active')
  t.equal(await cli('person', 'apply', file, '--count', '22'), 'suspend 11, delete 11\n')
})

await t.test('JSON says the same in the same words', async (t) => {
  const rows = [
    { person: 'adele.vance', action: 'suspend' },
    { person: 'nobody', action: 'x' },
  ]
  await t.rejects(admin.send('POST', '/people/apply', rows), {
    message: /422 .*bad-lines.*line 1: adele.vance is protected/,
  })
  t.match(await admin.send('POST', '/people/apply?dryRun=true', rows), {
    dryRun: true,
    people: 0,
    bad: [{ line: 1 }, { line: 2, why: /no action/ }],
  })
  await t.rejects(admin.send('POST', '/people/apply', []), { message: /400/ })
  await t.rejects(admin.send('POST', '/people/apply', [{ who: 'ann' }]), { message: /400/ })
  const { url, adminToken } = demo.facts.http
  const post = (body: string | Buffer, type: string) =>
    fetch(`${url}/api/v1/people/apply`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': type },
      body: new Uint8Array(Buffer.from(body)),
    })
  t.equal((await post('person,action\n', 'text/plain')).status, 415)
  t.equal((await post('person\n', 'text/csv')).status, 400)
  t.equal((await post(Buffer.alloc(3 * 1024 * 1024, 'a'), 'text/csv')).status, 413)
})
