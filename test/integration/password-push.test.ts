import t from 'tap'
import { hiddenField, linkIn, Visitor } from '../support/account-visitor.ts'
import { Admin } from '../support/admin.ts'
import { binderTo } from '../support/asks.ts'
import { control as callControl } from '../support/control.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'

const demo = await startTestDemo(t)
const { ldap, http, microsoft365 } = demo.facts
const admin = new Admin(demo.facts)
const TIER_PERMISSIONS = [
  ...['User.Read.All', 'GroupMember.Read.All', 'User.EnableDisableAccount.All'],
  ...['User.RevokeSessions.All', 'User.ReadWrite.All'],
]
const PUSH = 'User-PasswordProfile.ReadWrite.All'

const control = (method: string, path: string, json?: unknown) =>
  callControl<Record<string, unknown>>(microsoft365.controlUrl, method, path, json)

/** Whether there is a password in the tenant; of which nobody is told. */
async function hasPasswordThere(username: string): Promise<boolean> {
  const facts = await control('GET', `/sign-in?user=${username}@contoso.example`)
  return facts['hasPassword'] === true
}

const bind = binderTo(ldap)

async function visitorFor(username: string, password = PASSWORD): Promise<Visitor> {
  const visitor = new Visitor(http.url)
  await visitor.submit('/account/sign-in', { username, password })
  return visitor
}

const NEW = 'Nine purple Owls sing 5'

await t.test('the tier is proven by its permission, and says where a password goes', async (t) => {
  const tier = () => admin.send('PUT', '/sources/contoso/tier', { tier: 'password' })
  await control('PATCH', '/application', { permissions: TIER_PERMISSIONS })
  await t.rejects(tier(), /422 .*lacks User-PasswordProfile\.ReadWrite\.All/)
  await control('PATCH', '/application', { permissions: [...TIER_PERMISSIONS, PUSH] })
  const before = await visitorFor('pradeep.gupta')
  t.notMatch((await before.open('/account/password')).text, /Microsoft 365/)
  await tier()
  const { text } = await before.open('/account/password')
  t.match(text, /It becomes your password at Microsoft 365 as well/)
})

await t.test('a refusal is told at that moment and changes nothing', async (t) => {
  const visitor = await visitorFor('pradeep.gupta')
  const withoutRole = await visitor.choosePassword(NEW)
  t.match(withoutRole, {
    status: 422,
    text: /does not let us set your password.*Nothing was changed/,
  })
  await control('PATCH', '/application', { directoryRoles: ['User Administrator'] })
  const weak = await visitor.choosePassword('My welcome of 7 Swans')
  t.match(weak, { status: 422, text: /does not take this password: it is too weak/ })
  t.ok(await bind('pradeep.gupta', PASSWORD))
  t.notOk(await bind('pradeep.gupta', NEW))
  t.notOk(await hasPasswordThere('pradeep.gupta'))
})

await t.test('it is set there first, and then here', async (t) => {
  const visitor = await visitorFor('pradeep.gupta')
  await control('DELETE', '/requests')
  t.match(await visitor.choosePassword(NEW), { status: 303 })
  t.ok(await hasPasswordThere('pradeep.gupta'))
  t.ok(await bind('pradeep.gupta', NEW))
  const requests = JSON.stringify(await control('GET', '/requests'))
  t.notOk(requests.includes(NEW))
  await admin.setPassword('diego.siciliani', 'Eight green Moles dig 6')
  t.ok(await hasPasswordThere('diego.siciliani'), 'one that an admin sets for good goes there, too')
  const path = '/people/megan.bowen/password'
  await admin.send('PUT', path, { generate: true, temporary: true })
  t.notOk(await hasPasswordThere('megan.bowen'), 'a temporary one stays here')
})

await t.test(
  'an unknown outcome is told as that, and settled by a read where it can be',
  async (t) => {
    const visitor = await visitorFor('lidia.holloway')
    const fault = { fault: 'status', method: 'PATCH', status: 504, times: 1 }
    await control('POST', '/faults', { ...fault, isAfterWork: false })
    const unknown = await visitor.choosePassword(NEW)
    t.match(unknown, { status: 502, text: /not known whether it took.*Set the password once more/ })
    t.ok(await bind('lidia.holloway', PASSWORD), 'here the old one is still good')
    t.notOk(await bind('lidia.holloway', NEW))
    await control('POST', '/faults', { ...fault, isAfterWork: true })
    t.match(
      await visitor.choosePassword(NEW),
      { status: 303 },
      'a read has shown that it was taken',
    )
    t.ok(await bind('lidia.holloway', NEW))
    t.ok(await hasPasswordThere('lidia.holloway'))
  },
)

/** Opens a link as far as the form for the password. */
async function follow(link: string) {
  const visitor = new Visitor(http.url)
  const token = hiddenField((await visitor.open(link)).text, 'token')
  return { visitor, answer: await visitor.submit('/account/activate', { token }) }
}

async function linkFor(username: string): Promise<string> {
  const path = `/people/${username}/activation-link`
  return linkIn((await admin.send<{ link: string }>('POST', path, { mail: false })).link)
}

await t.test('one link takes one password there, however often it is sent at once', async (t) => {
  const link = await linkFor('megan.bowen')
  const visitors = [(await follow(link)).visitor, (await follow(link)).visitor]
  await control('DELETE', '/requests')
  const chosen = [NEW, 'Eight green Moles dig 6']
  const answers = await Promise.all(
    visitors.map((visitor, index) => visitor.choosePassword(chosen[index] ?? '')),
  )
  const statuses = answers.map(({ status }) => status)
  t.equal(statuses.filter((status) => status === 303).length, 1, String(statuses))
  t.equal(statuses.filter((status) => status === 409 || status === 410).length, 1)
  const { requests } = await control('GET', '/requests')
  const patches = (requests as { method: string }[]).filter(({ method }) => method === 'PATCH')
  t.equal(patches.length, 1)
  t.ok(await bind('megan.bowen', chosen[statuses.indexOf(303)] ?? ''))
})

await t.test('a link ends when the mail address changes', async (t) => {
  const link = await linkFor('isaiah.langer')
  const edit = (json: object) => admin.send('PATCH', '/people/isaiah.langer', json)
  await edit({ jobTitle: 'Consultant' })
  t.equal((await follow(link)).answer.status, 303)
  await edit({ mail: 'i.langer@contoso.example' })
  t.equal((await follow(link)).answer.status, 410)
})
