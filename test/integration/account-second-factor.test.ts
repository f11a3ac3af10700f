import t, { type Test } from 'tap'
import { hiddenField, linkIn, type Visited, Visitor } from '../support/account-visitor.ts'
import { Admin } from '../support/admin.ts'
import { askRadius, binderTo } from '../support/asks.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { codesIn, readSetUp } from '../support/second-factor-pages.ts'
import { SMTP_PASSWORD, SMTP_USER, startSmtp, textOf } from '../support/smtp.ts'

const PATH = '/account/second-factor'
const smtp = await startSmtp(t)
const demo = await startTestDemo(t)
const { ldap, radius, http } = demo.facts
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)
const bind = binderTo(ldap)
await admin.send('PUT', '/mail', {
  host: 'localhost',
  port: smtp.port,
  tls: 'starttls',
  ca: smtp.caPem,
  user: SMTP_USER,
  password: SMTP_PASSWORD,
  from: 'no-reply@contoso.example',
})

async function signIn(username: string) {
  const visitor = new Visitor(http.url)
  const answer = await visitor.submit('/account/sign-in', { username, password: PASSWORD })
  return { visitor, answer }
}

async function giveCode(visitor: Visitor, code: string): Promise<Visited> {
  const form = hiddenField((await visitor.open('/account/sign-in/code')).text, 'form')
  return visitor.submit('/account/sign-in/code', { form, code })
}

/** Signs in and sets an app up; the code after the present one is still good. */
async function setUp(username: string) {
  const { visitor } = await signIn(username)
  const { app, fields, key } = readSetUp(await visitor.open(`${PATH}/new`))
  const answer = await visitor.submit(`${PATH}/new`, { ...fields, code: app.code() })
  return { visitor, app, key, answer, codes: codesIn(answer) }
}

/** Password and code in the form that changes something. */
async function prove(visitor: Visitor, action: string, password: string, code: string) {
  const form = hiddenField((await visitor.open(PATH)).text, 'form')
  return visitor.submit(`${PATH}/${action}`, { form, password, code })
}

/** Asked with a copy of the cookies: the answer takes them back. */
async function isOut(t: Test, { cookies }: Visitor, why: string): Promise<void> {
  const answer = await new Visitor(http.url, cookies).open('/account/home')
  t.match(answer, { status: 303, location: '/account' }, why)
}

await t.test('once set up, a password is half of it, on the account pages alone', async (t) => {
  const username = 'patti.fernandez'
  const before = (await signIn(username)).visitor
  const { visitor } = await signIn(username)
  t.match((await visitor.open(PATH)).text, 'You have not set one up')
  const shown = await visitor.open(`${PATH}/new`)
  t.match(shown.text, /<svg class="qr" role="img" aria-label="QR code/)
  const { app, fields, key } = readSetUp(shown)
  t.notMatch(shown.text.replaceAll(key, ''), key.replaceAll(' ', ''), 'as text, and in the picture')
  const wrong = await visitor.submit(`${PATH}/new`, { ...fields, code: '000000' })
  t.match(wrong, { status: 422, text: /not the code for this key/ })
  t.equal(readSetUp(wrong).key, key, 'the same key again')
  const stranger = (await signIn('megan.bowen')).visitor
  const { form } = readSetUp(await stranger.open(`${PATH}/new`)).fields
  t.match(
    await stranger.submit(`${PATH}/new`, { form, key: fields.key, code: app.code() }),
    { status: 303, location: `${PATH}/new` },
    "another's key is none",
  )
  t.match((await signIn(username)).answer, { location: '/account/home' }, 'not asked for yet')

  const added = await visitor.submit(`${PATH}/new`, { ...fields, code: app.code() })
  t.equal(codesIn(added).length, 10)
  t.match(added.headers.get('cache-control'), 'no-store')
  t.match((await visitor.open(PATH)).text, /Set up 20.*Recovery codes left: 10/s)
  t.notMatch((await visitor.open(PATH)).text, key)
  t.match(await visitor.open(`${PATH}/new`), { status: 303, location: PATH }, 'one of hers')
  const stale = hiddenField((await before.open('/account/app-passwords')).text, 'form')
  const wish = { form: stale, name: 'phone', ldap: 'yes' }
  t.equal(
    (await before.submit('/account/app-passwords', wish)).status,
    403,
    'signed in from before',
  )

  const { visitor: later, answer } = await signIn(username)
  t.match(answer, { status: 303, location: '/account/sign-in/code' })
  await isOut(t, later, 'with the password alone')
  const arrived = later.cookies.get('__Host-gatehouse-arrival') ?? ''
  const forged = new Visitor(http.url, new Map([['__Host-gatehouse-account', arrived]]))
  await isOut(t, forged, 'one cookie does not pass for the other')
  t.match(await giveCode(later, '000000'), { status: 403, text: /not the code/ })
  t.match(await giveCode(later, app.code()), { status: 403, text: /used already/ })
  const replay = new Visitor(http.url, later.cookies)
  const next = app.code(1)
  t.match(await giveCode(later, next), { status: 303, location: '/account/home' })
  t.equal((await later.open('/account/home')).status, 200)
  t.notOk(later.cookies.has('__Host-gatehouse-arrival'))
  t.match(await giveCode(replay, next), { status: 403, text: /used already/ })

  t.ok(await bind(username, PASSWORD), 'LDAP asks for no code')
  const nas = { host: radius.host, port: radius.authPort, secret: radius.secret }
  t.equal(await askRadius({ radius: nas }, { username, password: PASSWORD }), 'yes')
})

await t.test('whoever is cut off between password and code stays out', async (t) => {
  const username = 'diego.siciliani'
  const { codes } = await setUp(username)
  const [first = '', second = ''] = codes
  const { visitor } = await signIn(username)
  const form = hiddenField((await visitor.open('/account/sign-in/code')).text, 'form')
  const cross = { form: 'x'.repeat(22), code: first }
  t.equal((await visitor.submit('/account/sign-in/code', cross)).status, 403, 'no form of hers')
  await admin.suspend(username)
  const suspended = new Visitor(http.url, visitor.cookies)
  t.equal((await suspended.submit('/account/sign-in/code', { form, code: first })).status, 403)
  await admin.resume(username)
  const { visitor: slow } = await signIn(username)
  await admin.setPassword(username, 'Nine purple owls sing')
  t.equal((await giveCode(slow, second)).status, 303)
  await isOut(t, slow, 'with a password that is no longer hers')
})

await t.test('an activation link replaces the password, and no second factor', async (t) => {
  const username = 'adele.vance'
  const { codes } = await setUp(username)
  const issued = await admin.send<{ link: string }>('POST', `/people/${username}/activation-link`, {
    mail: false,
  })
  const visitor = new Visitor(http.url)
  const token = hiddenField((await visitor.open(linkIn(issued.link))).text, 'token')
  const answer = await visitor.submit('/account/activate', { token })
  t.match(answer, { status: 303, location: '/account/sign-in/code' })
  await isOut(t, visitor, 'by a link alone')
  const given = await giveCode(visitor, codes[0] ?? '')
  t.match(given, { status: 303, location: '/account/password' })
  t.match(await visitor.choosePassword('Nine purple owls sing'), { location: '/account/done' })
  t.ok(await bind(username, 'Nine purple owls sing'))
})

await t.test('she removes it with password and code; an admin without', async (t) => {
  const username = 'alex.wilber'
  const { visitor, codes, app, key } = await setUp(username)
  const [first = '', second = '', third = ''] = codes
  t.match(await prove(visitor, 'remove', 'wrong', first), {
    status: 403,
    text: /not your password/,
  })
  t.match(await prove(visitor, 'remove', PASSWORD, '000000'), { status: 403, text: /not the code/ })
  const renewed = await prove(visitor, 'recovery-codes', PASSWORD, first)
  t.equal(codesIn(renewed).length, 10)
  t.match(await prove(visitor, 'remove', PASSWORD, second), { status: 403 }, 'of those before')
  t.match(await prove(visitor, 'remove', PASSWORD, app.code(1)), { status: 303, location: PATH })
  t.match((await signIn(username)).answer, { location: '/account/home' })

  const again = await setUp(username)
  t.match(await admin.send('GET', `/people/${username}/factors`), {
    totp: { recoveryCodesLeft: 10, lastUsedAt: null },
  })
  const listed = await cli('person', 'factors', 'list', username)
  t.match(listed, 'authenticator app')
  t.match(await cli('person', 'factors', 'remove', username, 'totp'), '1 removed')
  t.match(await cli('person', 'factors', 'list', username), 'no second factor')
  t.match((await signIn(username)).answer, { location: '/account/home' })

  const subjects = (await smtp.count(13)).map(textOf).join('\n')
  t.match(subjects, /authenticator app was set up/)
  t.match(subjects, /a recovery code was used/)
  t.match(subjects, /new recovery codes were made/)
  t.match(subjects, /authenticator app of your account was removed/)
  const changes = await cli('log', 'changes', '--person', username)
  t.match(changes, /auth\.totp-added/)
  t.match(changes, /auth\.totp-removed/)
  t.match(changes, /auth\.recovery-code-used/)
  const answers = await cli('log', '--person', username)
  t.match(answers, /recovery-code/)
  const told = [subjects, changes, answers, listed].join('\n')
  for (const secret of [key, key.replaceAll(' ', ''), again.key, first, third, ...again.codes])
    t.notOk(told.includes(secret), 'nothing of it is told')
})
