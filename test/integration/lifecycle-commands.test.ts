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
