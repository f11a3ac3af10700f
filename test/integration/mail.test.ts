import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import t from 'tap'
import { MailDeliverer } from '../../src/mail/deliverer.ts'
import type { MailSettled } from '../../src/mail/mail-store.ts'
import { faultOfMail, type MailSettings } from '../../src/mail/settings.ts'
import { toHtml } from '../../src/mail/to-html.ts'
import { deliver } from '../../src/mail/transport.ts'
import { PostgresMailStore } from '../../src/storage/mail-store.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { cliOf } from '../support/cli.ts'
import { eachEngine } from '../support/database.ts'
import { startTestDemo } from '../support/demo.ts'
import { testActor } from '../support/people.ts'
import { SMTP_PASSWORD, SMTP_USER, startSmtp, textOf } from '../support/smtp.ts'

const keys = { current: makeKey(), earlier: [] }
const SECRET = 'https://gatehouse.example/account/activate?token=abc123'

function aMail(recipient = 'adele@contoso.example') {
  return {
    kind: 'activation',
    principalId: null,
    recipient,
    subject: 'Willkommen bei Gatehouse äöü',
    text: `Hello,\n\n${SECRET}\n`,
    link: SECRET,
    livesHours: 1,
  }
}

function settingsFor(smtp: { readonly port: number; readonly caPem: string }): MailSettings {
  return {
    host: 'localhost',
    port: smtp.port,
    tls: 'starttls',
    user: SMTP_USER,
    from: 'Gatehouse <no-reply@contoso.example>',
    ca: smtp.caPem,
  }
}

await eachEngine(t, 'mail: what was sent is erased, and was kept sealed before', async (t, db) => {
  const smtp = await startSmtp(t)
  const store = new PostgresMailStore(db, keys)
  await store.configure(settingsFor(smtp), SMTP_PASSWORD, testActor)
  const { rows: settings } = await sql<{ all: string }>`
    select (s.*)::text as all from settings s`.execute(db.kysely)
  t.notOk(settings[0]?.all.includes(SMTP_PASSWORD))
  await store.add(aMail())
  const before = await sql<{ content: Buffer }>`select content from mail`.execute(db.kysely)
  t.notOk(before.rows[0]?.content.includes('token'), 'the link is not to be read in the database')
  await run(t, store, 1)
  const [mail] = await smtp.count(1)
  t.match(mail, { to: ['adele@contoso.example'], user: SMTP_USER, isSecure: true })
  t.ok(mail !== undefined && textOf(mail).includes(SECRET))
  t.match(mail?.raw, /Content-Type: text\/html/)
  t.match(await store.list(5), [{ status: 'sent', attempts: 1, reason: null }])
  const after = await sql<{ content: Buffer | null }>`select content from mail`.execute(db.kysely)
  t.equal(after.rows[0]?.content, null)
})

await eachEngine(
  t,
  'mail: it is claimed by one, and by another when that one died',
  async (t, db) => {
    const smtp = await startSmtp(t)
    const store = new PostgresMailStore(db, keys)
    await store.configure(settingsFor(smtp), SMTP_PASSWORD, testActor)
    await store.add(aMail())
    const [first] = await store.claim(5)
    t.same(await store.claim(5), [], 'it is taken')
    await sql`update mail set claimed_until = now() - interval '1 second'`.execute(db.kysely)
    const [second] = await store.claim(5)
    t.equal(second?.id, first?.id)
    if (first === undefined || second === undefined) return
    await store.settle(first, { kind: 'sent' })
    t.match(await store.list(1), [{ status: 'waiting' }], 'who lost the claim settles nothing')
    await store.settle(second, { kind: 'sent' })
    t.match(await store.list(1), [{ status: 'sent' }])
  },
)

await eachEngine(t, 'mail: tried again with the same Message-ID, or given up', async (t, db) => {
  const smtp = await startSmtp(t, {
    hangsUp: (attempt) => attempt === 1,
    refuse: (recipient) =>
      recipient.startsWith('gone') ? { code: 550, text: 'no such user here' } : null,
  })
  const store = new PostgresMailStore(db, keys)
  await store.configure(settingsFor(smtp), SMTP_PASSWORD, testActor)
  await store.add(aMail())
  t.match(await run(t, store, 1), [{ kind: 'later', afterMs: 30_000 }])
  await sql`update mail set due_at = now()`.execute(db.kysely)
  t.match(await run(t, store, 1), [{ kind: 'sent' }])
  const ids = smtp.received.map(({ raw }) => /^Message-ID: (.*)$/im.exec(raw)?.[1])
  t.equal(ids.length, 2)
  t.equal(ids[0], ids[1])
  t.match(ids[0], /^<[0-9a-f-]{36}@contoso\.example>$/)
  await store.add(aMail('gone@contoso.example'))
  const [settled] = await run(t, store, 1)
  t.match(settled, { kind: 'failed', reason: /550 no such user here/ })
  await store.add({ ...aMail(), livesHours: 0 })
  t.same(await store.claim(5), [], 'of no more use')
  t.match(await store.list(1), [{ status: 'failed', reason: /in time/ }])
  t.notOk(JSON.stringify(await store.list(9)).includes('token'))
})

/** Lets a deliverer settle so many, and stops it. */
async function run(
  t: { teardown(end: () => Promise<void>): void },
  store: PostgresMailStore,
  count: number,
): Promise<readonly MailSettled[]> {
  const settled: MailSettled[] = []
  const { promise, resolve, reject } = withResolvers()
  const deliverer = new MailDeliverer({
    store,
    onSettled: (_mail, one) => {
      if (settled.push(one) === count) resolve()
    },
    onFault: reject,
  })
  t.teardown(() => deliverer.stop())
  await deliverer.start()
  await promise
  await deliverer.stop()
  return settled
}

function withResolvers() {
  let resolve: () => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

await eachEngine(t, 'mail: a password stays with the server it is for', async (t, db) => {
  const store = new PostgresMailStore(db, keys)
  const settings = settingsFor({ port: 25, caPem: '' })
  await store.configure(settings, SMTP_PASSWORD, testActor)
  for (const change of [{ host: 'evil.example' }, { port: 26 }, { ca: null }, { user: 'other' }])
    await t.rejects(store.configure({ ...settings, ...change }, undefined, testActor), {
      code: 'DIRECTORY_REFUSED',
      message: new RegExp(`changes ${Object.keys(change)[0]}: give the password again`),
    })
  await store.configure({ ...settings, from: 'it@contoso.example' }, undefined, testActor)
  t.match(await store.readAccount(), {
    settings: { host: 'localhost', from: 'it@contoso.example' },
    password: SMTP_PASSWORD,
  })
})

t.test('mail: only our own link is one', async (t) => {
  const text = `Hello https://evil.example/x,\n\n${SECRET}&a=1\n`
  const html = toHtml({ subject: 'x', text, link: `${SECRET}&a=1` })
  t.same(html.match(/href="[^"]*"/g), [`href="${SECRET}&amp;a=1"`])
  t.notMatch(toHtml({ subject: 'x', text, link: null }), /href/)
})

t.test('mail: what is no address is given up before anybody is asked', async (t) => {
  const settings = settingsFor({ port: 1, caPem: '' })
  for (const recipient of ['a@x.example, b@y.example', 'a <a@x.example>', 'nobody']) {
    const letter = { id: 'x', recipient, subject: 'x', text: 'x', link: null }
    const delivery = await deliver({ settings, password: null }, letter)
    t.match(delivery, { kind: 'refused', isFinal: true, reason: /no mail address/ }, recipient)
  }
})

t.test('mail: what would send links or passwords in the clear is refused', async (t) => {
  const settings = settingsFor({ port: 25, caPem: '' })
  t.equal(faultOfMail(settings), null)
  t.equal(faultOfMail({ ...settings, tls: 'none' }), null, 'this machine')
  t.match(faultOfMail({ ...settings, host: 'mail.example', tls: 'none' }), /use TLS/)
  t.match(faultOfMail({ ...settings, from: 'nobody' }), /`from` is an address/)
})

await t.test('mail: set, shown and tried from the command line', async (t) => {
  const demo = await startTestDemo(t)
  const cli = cliOf(demo.dataDir)
  const smtp = await startSmtp(t)
  t.equal(await cli('mail', 'show'), 'no mail is sent: say how with `gatehouse mail set`\n')
  t.equal(await cli('mail', 'outbox'), 'no mail yet\n')
  await t.rejects(cli('mail', 'test', 'adele@contoso.example'), /nobody has said yet/)
  const folder = mkdtempSync(join(tmpdir(), 'gh-mail-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'ca.pem'), smtp.caPem)
  writeFileSync(join(folder, 'wrong'), 'wrong password\n')
  writeFileSync(join(folder, 'right'), `${SMTP_PASSWORD}\n`)
  const set = (password: string) => [
    ...['mail', 'set', '--host', 'localhost', '--port', String(smtp.port), '--user', SMTP_USER],
    ...['--password-file', join(folder, password), '--ca', join(folder, 'ca.pem')],
    ...['--from', 'Gatehouse <no-reply@contoso.example>'],
  ]
  await cli(...set('wrong'))
  await t.rejects(cli('mail', 'test', 'adele@contoso.example'), /not sent: EAUTH/)
  await cli(...set('right'))
  t.equal(await cli('mail', 'test', 'adele@contoso.example'), 'sent to adele@contoso.example\n')
  t.match((await smtp.count(1))[0], { isSecure: true, to: ['adele@contoso.example'] })
  const shown = await cli('mail', 'show')
  t.match(shown, /host: localhost[\s\S]*has password: true/)
  t.notOk(shown.includes(SMTP_PASSWORD))
  await t.rejects(cli('mail', 'test', 'not an address'), /no mail address/)
})
