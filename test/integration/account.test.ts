import t from 'tap'
import { hiddenField, linkIn, Visitor } from '../support/account-visitor.ts'
import { Admin } from '../support/admin.ts'
import { binderTo } from '../support/asks.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { SMTP_PASSWORD, SMTP_USER, startSmtp, textOf } from '../support/smtp.ts'

const smtp = await startSmtp(t)
const demo = await startTestDemo(t, {
  env: { GATEHOUSE_PUBLIC_URL: 'https://id.contoso.example' },
})
const { ldap, http } = demo.facts
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)
const CHOSEN = 'Nine purple owls sing'

const bind = binderTo(ldap)

const state = async (username: string) =>
  (await admin.send<{ state: string }>('GET', `/people/${username}`)).state

async function linkFor(username: string): Promise<string> {
  const path = `/people/${username}/activation-link`
  return linkIn((await admin.send<{ link: string }>('POST', path, { mail: false })).link)
}

/** Opens a link as far as the form for the password. */
async function follow(link: string) {
  const visitor = new Visitor(http.url)
  const first = await visitor.open(link)
  const token = hiddenField(first.text, 'token')
  const answer = await visitor.submit('/account/activate', { token })
  return { visitor, first, answer }
}

await t.test('activation: a mailed link leads to a password, and makes active', async (t) => {
  await t.rejects(cli('person', 'activate', '--mail', 'nestor.wilke'), /were sent no link/)
  const settings = { host: 'localhost', port: smtp.port, tls: 'starttls', ca: smtp.caPem }
  const account = { user: SMTP_USER, password: SMTP_PASSWORD, from: 'no-reply@contoso.example' }
  await admin.send('PUT', '/mail', { ...settings, ...account })
  const said = await cli('person', 'activate', '--all-staged', '--mail')
  t.match(said, /nestor\.wilke +\S+@contoso\.example/)
  t.notMatch(said, /token/, 'who is mailed a link needs no one else to know it')
  t.equal(await state('nestor.wilke'), 'staged', 'not by the mail alone')
  const [mail] = await smtp.count(1)
  if (mail === undefined) return
  t.match(textOf(mail), /Hello Nestor Wilke,[\s\S]*user name is nestor\.wilke/)
  t.match(textOf(mail), 'https://id.contoso.example/account/activate?token=')
  const { visitor, first, answer } = await follow(linkIn(textOf(mail)))
  t.equal(first.status, 200)
  t.match(first.headers.get('referrer-policy'), 'no-referrer')
  t.match(first.headers.get('cache-control'), 'no-store')
  t.match(first.headers.get('content-security-policy'), /default-src 'none'/)
  t.match(answer, { status: 303, location: '/account/password' })
  t.match(await visitor.choosePassword('kurz'), { status: 422, text: /It is too short/ })
  t.match(await visitor.choosePassword(CHOSEN, 'another'), { status: 422, text: /not the same/ })
  t.equal(await state('nestor.wilke'), 'staged')
  t.match(await visitor.choosePassword(CHOSEN), { status: 303, location: '/account/done' })
  t.match((await visitor.open('/account/done')).text, /Your password is set/)
  t.equal(await state('nestor.wilke'), 'active')
  t.ok(await bind('nestor.wilke', CHOSEN))
  const changes = await cli('log', 'changes', '--person', 'nestor.wilke')
  t.match(changes, /person:nestor\.wilke/)
  t.match(changes, /admin\.link-issued/)
  const notice = (await smtp.count(2))[1]
  t.match(notice?.raw, /Subject: Your password was changed/)
  t.notOk(notice?.raw.includes(CHOSEN))
})

await t.test('activation: a link is good once, and only the newest one', async (t) => {
  const older = await linkFor('diego.siciliani')
  const link = await linkFor('diego.siciliani')
  t.equal((await follow(older)).answer.status, 410, 'a newer one takes its place')
  for (let times = 0; times < 3; times++)
    t.equal((await new Visitor(http.url).open(link)).status, 200, 'to look at it uses up nothing')
  const { visitor } = await follow(link)
  const other = await follow(link)
  t.equal(other.answer.status, 303)
  const both = [visitor.choosePassword(CHOSEN), other.visitor.choosePassword(`${CHOSEN} too`)]
  const statuses = (await Promise.all(both)).map(({ status }) => status)
  const [taken, loser] = statuses.toSorted()
  t.equal(taken, 303, 'two at once: one of them')
  t.ok(loser === 410 || loser === 409, `${loser}: the other comes after it, or meanwhile`)
  t.equal((await follow(link)).answer.status, 410)
  t.equal((await new Visitor(http.url).open('/account/activate?token=x')).status, 410)
})

await t.test('activation: links end with a suspension, and for good', async (t) => {
  const link = await linkFor('megan.bowen')
  const { visitor } = await follow(link)
  const later = (await follow(link)).visitor
  await admin.suspend('megan.bowen')
  t.match(await visitor.choosePassword(CHOSEN), { status: 403 })
  await t.rejects(linkFor('megan.bowen'), /422 .*resume them first/)
  await admin.resume('megan.bowen')
  t.match(await later.choosePassword(CHOSEN), { status: 410 }, 'it does not come back')
  t.equal((await follow(link)).answer.status, 410)
  t.ok(await bind('megan.bowen', PASSWORD), 'nothing has changed')
})

await t.test('activation: a link ends with any password set after it', async (t) => {
  const ofAdmin = await linkFor('joni.sherman')
  const followed = (await follow(ofAdmin)).visitor
  await admin.setPassword('joni.sherman', 'Eight green moles dig')
  t.equal((await follow(ofAdmin)).answer.status, 410)
  t.match(await followed.choosePassword(CHOSEN), { status: 410 }, 'nor once it was opened')
  const ofHers = await linkFor('joni.sherman')
  const visitor = new Visitor(http.url)
  const password = 'Eight green moles dig'
  await visitor.submit('/account/sign-in', { username: 'joni.sherman', password })
  t.match(await visitor.choosePassword(CHOSEN), { status: 303 })
  t.equal((await follow(ofHers)).answer.status, 410)
  t.ok(await bind('joni.sherman', CHOSEN))
})

await t.test('activation: nobody is mailed links without end', async (t) => {
  for (let count = 0; count < 5; count++) await linkFor('isaiah.langer')
  await t.rejects(linkFor('isaiah.langer'), /422 .*5 links in a day/)
})

await t.test('sign-in: a password is changed, the temporary one included', async (t) => {
  const signIn = async (visitor: Visitor, username: string, password: string) =>
    visitor.submit('/account/sign-in', { username, password })
  const visitor = new Visitor(http.url)
  t.match(await signIn(visitor, 'adele.vance', 'wrong'), { status: 403, text: /do not belong/ })
  t.match(await signIn(visitor, 'nobody', 'wrong'), { status: 403, text: /do not belong/ })
  t.match(await signIn(visitor, 'lynne.robbins', PASSWORD), { status: 403 }, 'suspended')
  t.match(await signIn(visitor, 'Adele.Vance', PASSWORD), { status: 303 })
  t.match(await visitor.choosePassword(PASSWORD), { status: 422, text: /used it before/ })
  t.match(await visitor.choosePassword(CHOSEN), { status: 303, location: '/account/done' })
  t.ok(await bind('adele.vance', CHOSEN))
  t.match(await visitor.open('/account/password'), { status: 303, location: '/account' })

  const path = '/people/alex.wilber/password'
  const temporary = { generate: true, temporary: true }
  const { password } = await admin.send<{ password: string }>('PUT', path, temporary)
  t.notOk(await bind('alex.wilber', password))
  const alex = new Visitor(http.url)
  t.match(await signIn(alex, 'alex.wilber', password), { status: 303 })
  t.match(await alex.choosePassword(CHOSEN), { status: 303 })
  t.ok(await bind('alex.wilber', CHOSEN))
})

await t.test('forms: what did not come from our own page changes nothing', async (t) => {
  const visitor = new Visitor(http.url)
  const fields = { username: 'adele.vance', password: CHOSEN }
  for (const headers of [
    { 'sec-fetch-site': 'cross-site', origin: 'null' },
    { origin: 'https://evil.example' },
  ])
    t.match(await visitor.submit('/account/sign-in', fields, headers), { status: 403 })
  t.equal(visitor.cookies.size, 0)
  await visitor.submit('/account/sign-in', fields)
  const next = { new: 'Seven grey mice dance', again: 'Seven grey mice dance' }
  t.match(await visitor.submit('/account/password', { form: 'x', ...next }), { status: 403 })
  t.ok(await bind('adele.vance', CHOSEN))
  const sealed = visitor.cookies.get('__Host-gatehouse-account') ?? ''
  t.notMatch(Buffer.from(sealed, 'base64url').toString('latin1'), /principalId/, 'it is sealed')
  const forger = new Visitor(http.url)
  t.match(await forger.submit('/account/password', next), { status: 403 })
  const long = { username: 'adele.vance', password: 'x'.repeat(20_000) }
  t.match(await visitor.submit('/account/sign-in', long), { status: 400, text: /too long/ })
  t.match(await visitor.open('/account/nothing'), { status: 404, text: /There is nothing here/ })
})
