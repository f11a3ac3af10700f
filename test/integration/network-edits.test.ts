import t from 'tap'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { Das } from '../support/das.ts'
import { databaseFor } from '../support/database-for.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { SessionNas } from '../support/session-nas.ts'

const PERSON = 'adele.vance'
const SESSIONS = 24

const { url: databaseUrl } = await databaseFor(t, 'network-edits')
const demo = await startTestDemo(t, { databaseUrl })
const { radius } = demo.facts
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)
const nas = new SessionNas(t, radius)
const das = await Das.start(t, radius.secret)
const [{ name: nasName } = { name: '' }] = (
  await admin.send<{ nas: { name: string }[] }>('GET', '/nas')
).nas
await admin.send('PATCH', `/nas/${nasName}`, { coaPort: das.port })
await cli('network', 'set', 'corp', '--method', 'pap', '--everyone')
await cli('group', 'create', 'guards')
const names = Array.from({ length: SESSIONS }, (_, n) => `s${n}`)
const classes = [await nas.pap(PERSON, PASSWORD)]
for (const name of names) await nas.begin(PERSON, name, classes)

const closed = { everyone: false, groups: [{ group: 'guards' }] }
const edit = async (more: object) => admin.send('PATCH', '/networks/corp', { ...closed, ...more })

await t.test('a dry run tells how many would go, and changes nothing', async (t) => {
  t.match(await edit({ dryRun: true }), { sessions: { open: SESSIONS, ended: SESSIONS, moved: 0 } })
  const said = await cli('network', 'set', 'corp', '--group', 'guards', '--dry-run')
  t.match(said, 'of 24 open sessions it ends 0 and moves 24', 'everyone stays, on another VLAN')
})

await t.test('an edit that would end many is refused, unless so many are meant', async (t) => {
  for (const more of [{}, { count: SESSIONS - 1 }]) {
    await t.rejects(
      edit(more),
      /409 .*approval-needed.*ends or moves 24 of 24 open sessions \(100 %\): .*--count 24/,
    )
  }
  t.match(await admin.send('GET', '/networks'), { networks: [{ name: 'corp', everyone: true }] })
  t.same(das.ordered, [], 'nothing was sent')
})

await t.test('an edit that ends nothing needs no word', async (t) => {
  t.match(await cli('network', 'set', 'corp', '--session-timeout', '3600'), 'corp changed')
})

await t.test('a suspension needs none either, whatever it ends', async (t) => {
  await admin.suspend(PERSON)
  await das.came(SESSIONS)
  t.equal(das.sessions.length, SESSIONS)
})

await t.test('with the word they end, by their turns', async (t) => {
  await admin.resume(PERSON)
  const before = das.ordered.length
  const again = [await nas.pap(PERSON, PASSWORD)]
  for (const name of names) await nas.begin(PERSON, `again-${name}`, again)
  t.match(await edit({ count: SESSIONS + 1 }), { name: 'corp', everyone: false })
  await das.came(before + SESSIONS)
  const { sessions } = await admin.send<{ sessions: { disconnect: { cause: string } }[] }>(
    'GET',
    `/sessions?person=${PERSON}&all=true&limit=${SESSIONS}`,
  )
  t.ok(sessions.every(({ disconnect }) => disconnect.cause === 'not-in-allowed-group'))
})
