import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Admin } from '../support/admin.ts'
import { askLdap, askRadius, askScim, type Served } from '../support/asks.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'

const demo = await startTestDemo(t)
const { facts } = demo
const admin = new Admin(facts)
const cli = cliOf(demo.dataDir)
const served: Served = {
  ldapUrl: facts.ldap.url,
  peopleDn: facts.ldap.peopleDn,
  radius: { host: facts.radius.host, port: facts.radius.authPort, secret: facts.radius.secret },
  scim: facts.scim,
}
const ADELE = { username: 'adele.vance', password: PASSWORD }

async function seenBy(): Promise<Readonly<Record<string, string>>> {
  const [ldap, radius, scim] = await Promise.all([
    askLdap(served, ADELE),
    askRadius(served, ADELE),
    askScim(served, ADELE),
  ])
  return { ldap, radius, scim }
}

const EVERYWHERE = { ldap: 'yes', radius: 'yes', scim: 'yes' }

await t.test('what a command would do is told by name, and nothing is done', async (t) => {
  const told = await cli('person', 'suspend', 'adele.vance', '--dry-run')
  t.match(told, /nothing was changed/)
  t.match(told, /adele\.vance: loses network corp, .*LDAP client .*SCIM /)
  t.match(told, /account at contoso disabled, and its sessions are ended/)
  t.match(await admin.send('GET', '/people/adele.vance/consequences?of=delete'), {
    of: 'delete',
    username: 'adele.vance',
    loses: { networks: ['corp'] },
    leaves: [String],
    accounts: [{ source: 'contoso', what: /^disabled/ }],
  })
  t.match(
    await cli('person', 'rename', 'adele.vance', 'adele.smith', '--dry-run'),
    /uid=adele\.vance,ou=people,.* becomes uid=adele\.smith,ou=people,.*stays \/home\/adele\.vance.*for a year/,
  )
  await t.rejects(admin.send('GET', '/people/adele.vance/consequences?of=hire'), { message: /400/ })
  t.same(await seenBy(), EVERYWHERE)
})

await t.test('suspended and resumed: seen everywhere', async (t) => {
  t.equal(
    await cli('person', 'suspend', 'adele.vance', '--reason', 'lost her badge'),
    '1 suspended\n',
  )
  t.same(await seenBy(), { ldap: 'no', radius: 'no', scim: 'no' })
  t.match(await cli('person', 'resume', 'adele.vance', '--dry-run'), /gains network corp/)
  t.equal(await cli('person', 'resume', 'adele.vance'), '1 resumed\n')
  t.same(await seenBy(), EVERYWHERE)
})

await t.test('deleted and restored: by API and by command, with the same words', async (t) => {
  await t.rejects(cli('person', 'delete', 'adele.vance'), {
    message: 'there is no terminal to ask at: give --yes',
  })
  t.same(await seenBy(), EVERYWHERE, 'and nobody is deleted unasked')
  t.equal(await cli('person', 'delete', 'adele.vance', '--yes'), '1 deleted\n')
  t.same(await seenBy(), { ldap: 'no', radius: 'no', scim: 'none' })
  await t.rejects(cli('person', 'show', 'adele.vance'), { message: /there is no person/ })
  t.match(await cli('person', 'list', '--state', 'deleted'), /adele\.vance/)
  await cli('sync', 'contoso', '--full')
  t.same(await seenBy(), { ldap: 'no', radius: 'no', scim: 'none' }, 'whatever the source tells')
  t.equal(await cli('person', 'restore', 'adele.vance'), '1 restored\n')
  t.same(await seenBy(), EVERYWHERE)
  t.match(await cli('person', 'list', '--state', 'deleted'), /nobody/)

  t.match(await admin.send('DELETE', '/people/adele.vance'), { changed: 1 })
  t.match(await admin.send('GET', '/people?state=deleted'), {
    people: [{ username: 'adele.vance', state: 'deleted', restorableUntil: String }],
  })
  t.match(await admin.send('POST', '/people/adele.vance/restore'), { changed: 1 })
  t.same(await seenBy(), EVERYWHERE)
  await t.rejects(admin.send('POST', '/people/nobody/restore'), { message: /404/ })
  await t.rejects(cli('person', 'restore', 'adele.vance'), { message: /no deleted person/ })
})

await t.test('many at once, and the protected, have to be meant', async (t) => {
  const { people } = await admin.send<{ people: { username: string }[] }>('GET', '/people')
  const all = people.map(({ username }) => username)
  await t.rejects(cli('person', 'suspend', ...all), {
    message: new RegExp(`suspends ${all.length} of ${all.length} people \\(100 %\\).*--count`),
  })
  await t.rejects(admin.send('POST', '/people/delete', { people: all, count: 3 }), {
    message: /409 .*approval-needed/,
  })
  t.equal(await cli('person', 'protect', 'adele.vance'), '1 protected\n')
  await t.rejects(cli('person', 'suspend', ...all, '--count', String(all.length), '--protected'), {
    message: /adele\.vance is protected/,
  })
  await t.rejects(cli('person', 'delete', 'adele.vance', '--yes'), { message: /--protected/ })
  t.same(await seenBy(), EVERYWHERE)
  t.match(await cli('person', 'suspend', 'adele.vance', '--dry-run'), /\(protected\)/)
  t.equal(await cli('person', 'suspend', 'adele.vance', '--protected'), '1 suspended\n')
  await cli('person', 'resume', 'adele.vance')
  t.equal(await cli('person', 'unprotect', 'adele.vance'), '1 no longer protected\n')
})

await t.test('one by one is many at once as well', async (t) => {
  const { people } = await admin.send<{ people: { username: string; state: string }[] }>(
    'GET',
    '/people',
  )
  const active = people.filter(({ state }) => state === 'active').map(({ username }) => username)
  const done: string[] = []
  let refusal = ''
  for (const username of active) {
    try {
      await admin.send('DELETE', `/people/${username}`)
      done.push(username)
    } catch (error) {
      refusal = (error as Error).message
      break
    }
  }
  t.ok(done.length > 0 && done.length < active.length, `${done.length} of ${active.length}`)
  t.match(refusal, /409 .*approval-needed/)
  const [, number = ''] = /--count (\d+)/.exec(refusal) ?? []
  const next = active.at(-1) ?? ''
  const whom = `/people/${next}`
  await t.rejects(admin.send('DELETE', whom), { message: /409/ })
  await t.rejects(admin.send('PUT', `${whom}/dates/suspend`, { at: '2031-01-31T09:00Z' }), {
    message: /409/,
  })
  t.match(await admin.send('POST', '/people/restore', { people: done }), { changed: done.length })
  t.match(await admin.send('DELETE', `${whom}?count=${number}`), { changed: 1 })
  t.equal(await cli('person', 'restore', next), '1 restored\n')
})

await t.test(
  'scheduled: told with its time zone, carried out by itself, and taken back',
  async (t) => {
    await t.rejects(cli('person', 'schedule', 'adele.vance', 'suspend', '2030-01-31T09:00'), {
      message: /at/,
    })
    await cli('person', 'schedule', 'adele.vance', 'suspend', '2030-01-31T09:00+01:00')
    t.match(
      await cli('person', 'scheduled'),
      /2030-01-31T08:00:00\.000Z +adele\.vance +suspend +cli/,
    )
    t.match(await cli('person', 'show', 'adele.vance'), /2030-01-31T08:00:00\.000Z/)
    t.same(await seenBy(), EVERYWHERE)
    await cli('person', 'schedule', 'adele.vance', 'suspend', '2020-01-31T09:00Z')
    for (let turn = 0; turn < 200 && (await seenBy())['ldap'] !== 'no'; turn++) await sleep(50)
    t.same(await seenBy(), { ldap: 'no', radius: 'no', scim: 'no' })
    t.equal(await cli('person', 'unschedule', 'adele.vance', 'suspend'), 'taken back\n')
    t.same(await seenBy(), EVERYWHERE)
    t.match(await cli('person', 'scheduled'), /nobody is scheduled/)
  },
)
