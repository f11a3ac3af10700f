import { readFileSync } from 'node:fs'
import t from 'tap'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { control } from '../support/control.ts'
import { startTestDemo } from '../support/demo.ts'

const demo = await startTestDemo(t)
const { facts } = demo
const admin = new Admin(facts)
const cli = cliOf(demo.dataDir)

interface Listed {
  readonly people: readonly {
    readonly id: string
    readonly username: string
    readonly state: string
  }[]
}

async function people(): Promise<Readonly<Record<string, string>>> {
  const { people } = await admin.send<Listed>('GET', '/people?limit=1000')
  return Object.fromEntries(people.map(({ username, id }) => [username, id]))
}

await t.test('what a disconnection would do is told by name, and nothing is done', async (t) => {
  await cli('person', 'protect', 'adele.vance')
  const kept = await cli('source', 'disconnect', 'contoso', '--people', 'keep', '--dry-run')
  t.match(kept, /^dry run: nothing was changed\n\d+ people of contoso stay as they are/)
  t.match(kept, /app registration stays there/)
  const told = await cli('source', 'disconnect', 'contoso', '--people', 'suspend', '--dry-run')
  t.match(told, /\d+ people \(.*, and \d+ more\) are suspended/)
  t.match(told, /protected, and so left as they are: adele\.vance/)
  t.match(told, /\n\S+ loses .*corp/)
  t.match(await admin.send('GET', '/sources/contoso/disconnect?people=delete'), {
    source: 'contoso',
    of: 'delete',
    protectedNames: ['adele.vance'],
    lines: [/are deleted; for 30 days/],
  })
  await t.rejects(cli('source', 'disconnect', 'contoso'), { message: /--people/ })
  await t.rejects(cli('source', 'disconnect', 'contoso', '--people', 'keep'), {
    message: 'there is no terminal to ask at: give --yes',
  })
  await t.rejects(cli('source', 'disconnect', 'contoso', '--people', 'suspend', '--yes'), {
    message: /suspends \d+ of \d+ people \(\d+ %\): say that you mean so many.*--count \d+/,
  })
  await t.rejects(admin.send('POST', '/sources/contoso/disconnect', { people: 'sell' }), {
    message: /400/,
  })
  t.match(await cli('source', 'list'), /contoso/)
})

await t.test('counted there and here, and read again', async (t) => {
  t.match(await cli('source', 'verify', 'contoso'), /people +\d+ +\d+ +0 +as it should be/)
  t.match(await cli('source', 'list'), /verification:\n +at: \d{4}-/)
  t.match(await cli('source', 'reconcile', 'contoso', '--dry-run'), /nothing was changed/)
  await t.rejects(cli('source', 'reconcile', 'contoso'), { message: /give --yes/ })
  t.match(await cli('source', 'reconcile', 'contoso', '--yes'), /people \(full\): nothing changed/)
})

await t.test('a round is looked at, taken back, and that taken back in turn', async (t) => {
  const before = await people()
  const { rounds } = await admin.send<{
    rounds: { id: string; stream: string; changes: number }[]
  }>('GET', '/sources/contoso/rounds')
  const round = rounds.findLast((each) => each.stream === 'groups' && each.changes > 0)?.id ?? ''
  t.match(await cli('source', 'rounds', 'contoso'), new RegExp(`${round}.*groups.*full.*created`))
  const told = await cli('source', 'undo', round, '--dry-run')
  t.match(told, /^dry run: nothing was changed\ntakes back: deleted \d+/)
  t.match(told, /contoso is paused with it/)
  await t.rejects(cli('source', 'undo', round), { message: /give --yes/ })
  await t.rejects(cli('source', 'undo', 'no-round', '--yes'), { message: /there is no round/ })
  const undone = await cli('source', 'undo', round, '--yes', '--reason', 'to try')
  t.match(undone, /taken back: deleted \d+/)
  t.match(await cli('source', 'list'), /state: paused/)
  const back = /source undo (\S+)/.exec(undone)?.[1] ?? ''
  t.match(await cli('source', 'undo', back, '--yes'), /taken back: restored \d+/)
  await cli('source', 'resume', 'contoso')
  await cli('sync', 'contoso')
  t.same(await people(), before)
})

await t.test('disconnected, and connected again: the same people', async (t) => {
  const before = await people()
  t.equal(
    await cli('source', 'disconnect', 'contoso', '--people', 'keep', '--yes'),
    'contoso is disconnected: its people stay as they are\n',
  )
  t.match(await cli('source', 'list'), /no source yet/)
  t.same(await people(), before)
  await t.rejects(cli('sync', 'contoso'), { message: /there is no source contoso/ })
  t.match(await cli('person', 'edit', 'adele.vance', 'jobTitle=Owner'), /changed/)

  const { graphUrl, loginUrl, tenantId, controlUrl, caFile } = facts.microsoft365
  const clientSecret = 'another one'
  await control(controlUrl, 'PATCH', '/application', { addSecret: clientSecret })
  const { clientId } = await control<{ clientId: string }>(controlUrl, 'GET', '/application')
  const ca = readFileSync(caFile, 'utf8')
  const again = { name: 'again', tenantId, clientId, clientSecret, loginUrl, graphUrl, ca }
  t.match(await admin.send('POST', '/sources/microsoft365', again), { state: 'active' })
  await cli('sync', 'again', '--full')
  t.same(await people(), before, tenantId)
  t.match(await cli('person', 'show', 'adele.vance'), /Owner/, 'what was edited meanwhile stays')
})
