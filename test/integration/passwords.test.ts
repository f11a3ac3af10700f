import t from 'tap'
import { Admin } from '../support/admin.ts'
import { binderTo } from '../support/asks.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'

const demo = await startTestDemo(t)
const { ldap } = demo.facts
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)

const bind = binderTo(ldap)

await t.test('an admin sets a password by the rules, and is told the one it breaks', async (t) => {
  const path = '/people/adele.vance/password'
  const set = (body: object) => admin.send('PUT', path, body)
  await t.rejects(set({ password: 'adele.vance2026' }), /422 .*password-refused.*too easy to guess/)
  await t.rejects(set({ password: PASSWORD }), /422 .*used it before/)
  t.ok(await bind('adele.vance', PASSWORD), 'nothing has changed')
  await set({ password: 'Nine purple owls sing' })
  t.ok(await bind('adele.vance', 'Nine purple owls sing'))
  await t.rejects(set({ password: PASSWORD }), /422 .*used it before/, 'nor may an earlier one')
  await t.rejects(set({}), /400 .*either a password/)
})

await t.test('a temporary password signs in nowhere until it has been changed', async (t) => {
  await cli('person', 'set-password', 'alex.wilber', '--generate', '--temporary')
  const made = await cli('person', 'set-password', 'alex.wilber', '--generate', '--temporary')
  const password = made.replace(/^password: /, '').trim()
  t.notOk(await bind('alex.wilber', password))
})

await t.test('no link is mailed that leads to the reader itself', async (t) => {
  const link = (mail: boolean) =>
    admin.send<{ link: string }>('POST', '/people/adele.vance/activation-link', { mail })
  await t.rejects(link(true), /422 .*set public_url first/)
  t.match((await link(false)).link, /^https:\/\/localhost:/)
})

await t.test('the rules are shown and changed, and hold from then on', async (t) => {
  t.match(JSON.parse(await cli('--json', 'password-policy', 'show')), {
    minLength: 12,
    minStrength: 3,
    history: 5,
    maxAgeDays: null,
    banned: [],
  })
  const shown = await cli('password-policy', 'set', '--min-length', '16', '--history', '0')
  t.match(shown, /min length: 16[\s\S]*max age days: never/)
  const set = (password: string) =>
    admin.send('PUT', '/people/diego.siciliani/password', { password })
  await t.rejects(set('Odd blue yaks 7'), /16 characters or more/)
  await set('Odd blue yaks drift 7')
  await t.rejects(cli('password-policy', 'set', '--min-length', '4'), /minLength|minimum|>= 8/)
  await t.rejects(cli('password-policy', 'set', '--history', 'x'), /--history takes a whole number/)
  t.match(await cli('log', 'changes', '--limit', '5'), /settings/)
})
