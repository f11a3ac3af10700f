import t from 'tap'
import { hiddenField, Visitor } from '../support/account-visitor.ts'
import { Admin } from '../support/admin.ts'
import { askLdap, askRadius, binderTo } from '../support/asks.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'

const demo = await startTestDemo(t)
const { ldap, radius, http } = demo.facts
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)
const bind = binderTo(ldap)
const nas = { host: radius.host, port: radius.authPort, secret: radius.secret }
const pap = (username: string, password: string) =>
  askRadius({ radius: nas }, { username, password })
const FORM = /^app(-[0-9a-hjkmnp-tv-z]{4}){7}$/

interface Listed {
  readonly id: string
  readonly name: string
  readonly uses: readonly string[]
  readonly lastUsedAt: string | null
}

const make = (person: string, body: object) =>
  admin.send<{ id: string; password: string }>('POST', `/people/${person}/app-passwords`, body)
const list = async (person: string) =>
  (await admin.send<{ appPasswords: Listed[] }>('GET', `/people/${person}/app-passwords`))
    .appPasswords

async function answersOf(person: string) {
  const query = `/log?person=${person}`
  const { answers } = await admin.send<{
    answers: { outcome: string; reason: string | null; detail: Record<string, string> | null }[]
  }>('GET', query)
  return answers
}

/** Answers are written behind them, in batches. */
async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 200; tries += 1) {
    const value = await read()
    if (holds(value)) return value
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return read()
}

await t.test('an app password is good where it is for, and nowhere else', async (t) => {
  const phone = await make('adele.vance', { name: 'Phone', uses: ['radius'] })
  const mail = await make('adele.vance', { name: 'Mail', uses: ['ldap'] })
  t.match(phone.password, FORM)
  t.equal(await pap('adele.vance', phone.password), 'yes')
  t.notOk(await bind('adele.vance', phone.password))
  t.ok(await bind('adele.vance', mail.password))
  t.equal(await pap('adele.vance', mail.password), 'no')
  t.notOk(await bind('diego.siciliani', mail.password), 'nor for anybody else')
  for (const { password } of [phone, mail]) {
    const visitor = new Visitor(http.url)
    const signIn = { username: 'adele.vance', password }
    t.equal((await visitor.submit('/account/sign-in', signIn)).status, 403, 'no way to change it')
  }
  t.ok(await bind('adele.vance', PASSWORD), 'her own is as good as ever')
})

await t.test('the record says which one it was, and the list when', async (t) => {
  const answers = await until(
    () => answersOf('adele.vance'),
    (rows) => rows.some(({ detail }) => detail?.['credentialLabel'] === 'Mail'),
  )
  t.ok(
    answers.some((row) => row.outcome === 'success' && row.detail?.['credentialLabel'] === 'Phone'),
  )
  t.ok(answers.some((row) => row.reason === 'credential-scope'))
  const used = await until(
    () => list('adele.vance'),
    (rows) => rows.every(({ lastUsedAt }) => lastUsedAt !== null),
  )
  t.match(used, [
    { name: 'Phone', uses: ['radius'], lastUsedFrom: '127.0.0.1' },
    { name: 'Mail', uses: ['ldap'], lastUsedFrom: '127.0.0.1' },
  ])
})

await t.test('one bound to an LDAP client is good through that client alone', async (t) => {
  const client = await admin.send<{ bindDn: string; secret: string }>('POST', '/ldap-clients', {
    name: 'webmail',
  })
  const said = await cli(
    ...['person', 'app-password', 'add', 'megan.bowen', 'Webmail', '--ldap-client', 'webmail'],
  )
  const password = said.replace(/^app password: /, '').trim()
  t.match(password, FORM)
  t.notOk(await bind('megan.bowen', password))
  const { Client } = await import('ldapts')
  const through = new Client({ url: ldap.url })
  t.teardown(() => through.unbind())
  await through.bind(client.bindDn, client.secret)
  await t.resolves(through.bind(`uid=megan.bowen,${ldap.peopleDn}`, password))
  t.match(await cli('person', 'app-password', 'list', 'megan.bowen'), /Webmail +ldap +webmail/)
})

await t.test('revoked, it ends at once and alone; wrong ones lock nobody out', async (t) => {
  const [one, other] = [
    await make('isaiah.langer', { name: 'one', uses: ['ldap'] }),
    await make('isaiah.langer', { name: 'other', uses: ['ldap'] }),
  ]
  t.ok(await bind('isaiah.langer', one.password))
  t.match(await cli('person', 'app-password', 'revoke', 'isaiah.langer', 'One'), '1 revoked')
  t.ok(await bind('isaiah.langer', other.password))
  for (let times = 0; times < 12; times += 1)
    t.notOk(await bind('isaiah.langer', one.password.replace(/.$/, String(times % 10))))
  t.ok(await bind('isaiah.langer', PASSWORD), 'a forgotten device is no guess at her password')
  await t.rejects(
    cli('person', 'app-password', 'revoke', 'isaiah.langer', 'One'),
    /no app password "One"/,
  )
  await t.rejects(cli('person', 'app-password', 'revoke', 'isaiah.langer'), /a name or --all/)
  t.match(await cli('person', 'app-password', 'revoke', 'isaiah.langer', '--all'), '1 revoked')
  t.notOk(await bind('isaiah.langer', other.password))
  t.match(await cli('person', 'app-password', 'list', 'isaiah.langer'), 'no app passwords')
})

await t.test('a suspension holds it like all else, and it comes back with her', async (t) => {
  const { password } = await make('adele.vance', { name: 'Laptop', uses: ['ldap', 'radius'] })
  t.ok(await bind('adele.vance', password))
  await admin.suspend('adele.vance')
  t.notOk(await bind('adele.vance', password))
  t.equal(await pap('adele.vance', password), 'no')
  await admin.resume('adele.vance')
  t.ok(await bind('adele.vance', password))
})

await t.test('a temporary or changed password leaves app passwords as they are', async (t) => {
  const { password } = await make('miriam.graham', { name: 'Laptop', uses: ['ldap'], days: 1 })
  await cli('person', 'set-password', 'miriam.graham', '--generate', '--temporary')
  t.ok(await bind('miriam.graham', password))
})

await t.test('what cannot be is refused in words', async (t) => {
  await make('alex.wilber', { name: 'Phone', uses: ['ldap'] })
  const refused = (body: object, why: RegExp) => t.rejects(make('alex.wilber', body), why)
  await refused({ name: 'phone', uses: ['ldap'] }, /409 .*there is an app password named .*phone/)
  await refused({ name: ' ', uses: ['ldap'] }, /422 .*give it a name/)
  await refused({ name: 'x'.repeat(65), uses: ['ldap'] }, /422 .*1 to 64/)
  await refused({ name: 'a\nb', uses: ['ldap'] }, /422 .*printable/)
  await refused({ name: 'x', uses: [] }, /400/)
  await refused({ name: 'x', uses: ['radius'], ldapClient: 'webmail' }, /422 .*not for LDAP/)
  await refused({ name: 'x', uses: ['ldap'], ldapClient: 'nobody' }, /404/)
  const rest = Array.from({ length: 24 }, (_, at) =>
    make('alex.wilber', { name: `n ${at}`, uses: ['ldap'] }).then(
      () => 'made',
      (error: Error) => error.message,
    ),
  )
  const said = await Promise.all(rest)
  t.equal(said.filter((one) => one === 'made').length, 19, 'at once, and still never more than 20')
  t.match(
    said.find((one) => one !== 'made'),
    /422 .*more than 20/,
  )
  const chosen = 'app-0000-1111-2222-3333-4444-5555-6666'
  await t.rejects(
    admin.send('PUT', '/people/alex.wilber/password', { password: chosen }),
    /422 .*looks like an app password/,
  )
})

await t.test('on her account pages she makes one, sees it once, and revokes it', async (t) => {
  const username = 'patti.fernandez'
  const visitor = new Visitor(http.url)
  const signedIn = await visitor.submit('/account/sign-in', { username, password: PASSWORD })
  t.match(signedIn, { status: 303, location: '/account/home' })
  t.match((await visitor.open('/account/home')).text, /href="\/account\/app-passwords"/)
  const first = await visitor.open('/account/app-passwords')
  t.match(first.text, /You have no app passwords/)
  const form = hiddenField(first.text, 'form')
  const send = (fields: Record<string, string>, path = '') =>
    visitor.submit(`/account/app-passwords${path}`, { form, ...fields })
  t.match(await send({ name: 'My <phone>' }), { status: 422, text: /say what it is for/ })
  t.match(await send({ name: 'My <phone>', radius: 'yes', days: '0' }), {
    status: 422,
    text: /value="My &lt;phone&gt;"[\s\S]*name="radius" value="yes" checked/,
  })
  const made = await send({ name: 'My <phone>', radius: 'yes', days: '30' })
  t.equal(made.status, 200)
  t.match(made.headers.get('cache-control'), 'no-store')
  const [password = ''] = /app(-[0-9a-z]{4}){7}/.exec(made.text) ?? []
  t.equal(await pap(username, password), 'yes')
  const shown = (await visitor.open('/account/app-passwords')).text
  t.match(shown, /My &lt;phone&gt;[\s\S]*Wi-Fi and VPN[\s\S]*good until/)
  t.notMatch(shown, password)
  const id = hiddenField(shown, 'id')
  const stranger = await make('diego.siciliani', { name: 'Mail', uses: ['ldap'] })
  t.equal((await send({ id: stranger.id }, '/revoke')).status, 303)
  t.ok(await bind('diego.siciliani', stranger.password), "nobody revokes another's")
  t.match(await send({ id }, '/revoke'), { status: 303 })
  t.equal(await pap(username, password), 'no')
  const forged = { form: 'wrong', name: 'x', ldap: 'yes' }
  t.match(await send(forged), { status: 403 }, 'from our own page only')
  t.same(await list(username), [])
  const changes = await cli('log', 'changes', '--person', username)
  t.match(changes, /person:patti\.fernandez/)
  t.match(changes, 'My <phone>')
  t.notMatch(changes, password)
})

await t.test('a link, a temporary password and a changed one open no such page', async (t) => {
  const username = 'lidia.holloway'
  const visitor = new Visitor(http.url)
  await visitor.submit('/account/sign-in', { username, password: PASSWORD })
  t.equal((await visitor.open('/account/app-passwords')).status, 200)
  const form = hiddenField((await visitor.open('/account/app-passwords')).text, 'form')
  const said = await cli('person', 'set-password', username, '--generate', '--temporary')
  const wish = { form, name: 'Phone', radius: 'yes' }
  t.equal((await visitor.submit('/account/app-passwords', wish)).status, 403, 'changed since')
  t.same(await list(username), [])
  const password = said.replace(/^password: /, '').trim()
  const again = new Visitor(http.url)
  const signedIn = await again.submit('/account/sign-in', { username, password })
  t.match(signedIn, { status: 303, location: '/account/password' })
  t.match(await again.open('/account/app-passwords'), { status: 303, location: '/account' })
  t.equal(
    await askLdap({ ldapUrl: ldap.url, peopleDn: ldap.peopleDn }, { username, password }),
    'no',
  )
})
