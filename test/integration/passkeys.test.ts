import { sql } from 'kysely'
import t from 'tap'
import { type Challenge, Passkeys } from '../../src/credentials/passkeys.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import type { Person } from '../../src/directory/person.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { PostgresPasskeyStore } from '../../src/storage/passkey-store.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { applyRetention } from '../../src/storage/retention.ts'
import { aPerson } from '../support/credentials.ts'
import { eachEngine, type TestDatabase } from '../support/database.ts'
import { seedPeople, testActor } from '../support/people.ts'
import { type Odd, SoftwareAuthenticator } from '../support/software-authenticator.ts'

const ORIGIN = 'https://id.contoso.example'
const keys = { current: makeKey(), earlier: [] }
const byAdmin = { proof: { by: 'admin' }, actor: testActor } as const

function passkeysOn(database: TestDatabase, origin: string | null = ORIGIN): Passkeys {
  return new Passkeys({
    store: new PostgresPasskeyStore(database, keys),
    origin: () => origin,
    notice: async () => null,
  })
}

async function people(database: TestDatabase): Promise<readonly [Person, Person]> {
  const [adele, megan] = await seedPeople(database, [{ username: 'adele' }, { username: 'megan' }])
  return [
    aPerson('adele', { id: adele as PrincipalId }),
    aPerson('megan', { id: megan as PrincipalId }),
  ]
}

function asking({ challenge }: { readonly challenge: string }): Challenge {
  return { challenge, expiresAtMs: Date.now() + 60_000 }
}

async function register(passkeys: Passkeys, person: Person, odd: Odd & { name?: string } = {}) {
  const device = new SoftwareAuthenticator(ORIGIN)
  const options = await passkeys.beginRegistration(person, 'Contoso')
  if (options === null) throw new Error('there can be none')
  const response = device.create(options, odd)
  const answer = { name: odd.name ?? 'phone', response, asked: asking(options) }
  return { device, answer, written: await passkeys.register(person, answer, byAdmin) }
}

/** Signs in as the device would, or otherwise. */
async function signIn(passkeys: Passkeys, device: SoftwareAuthenticator, odd: Odd = {}) {
  const options = await passkeys.beginSignIn()
  if (options === null) throw new Error('there can be none')
  const response = device.get(options, odd)
  return {
    response,
    asked: asking(options),
    answer: await passkeys.signIn(response, asking(options)),
  }
}

await eachEngine(t, 'a passkey says who it is, once for each challenge', async (t, database) => {
  const passkeys = passkeysOn(database)
  const [adele, megan] = await people(database)
  const { device, answer, written } = await register(passkeys, adele)
  t.match(written, { changed: 1 })
  t.equal(await passkeys.register(adele, answer, byAdmin), 'stale', 'the same answer again')
  const first = await signIn(passkeys, device)
  const passkeyId = (await passkeys.listFor(adele))[0]?.id
  t.same(first.answer, { ok: true, principalId: adele.id, passkeyId })
  t.match(await passkeys.signIn(first.response, first.asked), { ok: false, why: 'passkey-spent' })
  const other = await passkeys.beginSignIn()
  t.match(await passkeys.signIn(first.response, asking({ challenge: other?.challenge ?? '' })), {
    ok: false,
    why: 'passkey-refused',
  })
  const next = await passkeys.beginSignIn()
  const response = device.get({ challenge: next?.challenge ?? '' })
  const asked = asking({ challenge: next?.challenge ?? '' })
  const both = await Promise.all([1, 2, 3].map(() => passkeysOn(database).signIn(response, asked)))
  t.equal(both.filter(({ ok }) => ok).length, 1, 'of three at once')

  const [listed] = await passkeys.listFor(adele)
  t.match(listed, { name: 'phone', isSynced: false, lastUsedAtMs: Number })
  t.match(await passkeys.remove(megan, listed?.id ?? '', byAdmin), { changed: 0 }, 'not hers')
  t.match(await passkeys.remove(adele, listed?.id ?? '', byAdmin), { changed: 1 })
  t.match((await signIn(passkeys, device)).answer, { ok: false, why: 'passkey-unknown' })
})

await eachEngine(t, 'what is not her, or not here, is refused', async (t, database) => {
  const passkeys = passkeysOn(database)
  const [adele, megan] = await people(database)
  const wrong: readonly Odd[] = [
    { origin: 'https://id.contoso.example.evil.example' },
    { origin: 'http://id.contoso.example' },
    { origin: 'https://evil.example', rpId: 'evil.example' },
    { rpId: 'contoso.example' },
    { isVerified: false },
    { type: 'webauthn.get' },
  ]
  for (const odd of wrong)
    t.equal(
      (await register(passkeys, adele, odd)).written,
      null,
      `not kept: ${JSON.stringify(odd)}`,
    )
  const { device } = await register(passkeys, adele)
  const { device: hers } = await register(passkeys, megan)
  const handle = Buffer.from(megan.id.replaceAll('-', ''), 'hex').toString('base64url')
  const refused: readonly Odd[] = [
    ...wrong.slice(0, -1),
    { type: 'webauthn.create' },
    { credentialId: hers.credentialId },
    { userHandle: handle },
    { userHandle: '' },
    { credentialId: hers.credentialId, userHandle: handle },
  ]
  for (const odd of refused) {
    const { answer } = await signIn(passkeys, device, odd)
    t.match(answer, { ok: false, why: 'passkey-refused' }, `refused: ${JSON.stringify(odd)}`)
  }
  const strange = new SoftwareAuthenticator(ORIGIN)
  t.match((await signIn(passkeys, strange)).answer, { ok: false, why: 'passkey-unknown' })
  const asked = asking({ challenge: 'x' })
  for (const text of [
    '',
    'null',
    '{',
    '[]',
    '{"id":1}',
    '{"id":"x","response":null}',
    '{"id":"\\u0000","response":{}}',
  ])
    t.match(await passkeys.signIn(text, asked), { ok: false, why: 'passkey-unknown' })
  t.match((await signIn(passkeys, device)).answer, { ok: true }, 'and she is not shut out by it')
})

await eachEngine(t, 'what is said of the device is not looked at', async (t, database) => {
  const passkeys = passkeysOn(database)
  const [adele] = await people(database)
  const { written } = await register(passkeys, adele, { attestation: 'android-key' })
  t.match(written, { changed: 1 }, 'nor is anybody asked whom its certificate names')
})

await eachEngine(t, 'what a passkey has opened ends with it', async (t, database) => {
  const passkeys = passkeysOn(database)
  const [adele] = await people(database)
  await register(passkeys, adele)
  const [{ id: passkeyId = '' } = {}] = await passkeys.listFor(adele)
  const proof = {
    by: 'sign-in',
    credentialVersion: null,
    hasSecondFactor: true,
    passkeyId,
  } as const
  const answerTo = async (name: string) => {
    const options = await passkeys.beginRegistration(adele, 'Contoso')
    if (options === null) throw new Error('there can be none')
    const response = new SoftwareAuthenticator(ORIGIN).create(options)
    return passkeys.register(
      adele,
      { name, response, asked: asking(options) },
      { proof, actor: testActor },
    )
  }
  t.match(await answerTo('second'), { changed: 1 })
  await passkeys.remove(adele, passkeyId, byAdmin)
  t.equal(await answerTo('third'), 'stale')
})

await eachEngine(t, 'a counter that does not grow tells of a copy', async (t, database) => {
  const passkeys = passkeysOn(database)
  const [adele, megan] = await people(database)
  const { device } = await register(passkeys, adele, { counter: 7 })
  const counted = async (counter: number) => (await signIn(passkeys, device, { counter })).answer
  t.match(await counted(7), { ok: false, why: 'passkey-counter' })
  t.match(await counted(0), { ok: false, why: 'passkey-counter' })
  t.match(await counted(9), { ok: true })
  t.match(await counted(8), { ok: false, why: 'passkey-counter' })
  const { device: plain } = await register(passkeys, megan)
  for (const counter of [0, 0])
    t.match((await signIn(passkeys, plain, { counter })).answer, { ok: true }, 'it counts nothing')
})

await eachEngine(t, 'passkeys have names and a limit, and go with her', async (t, database) => {
  const passkeys = passkeysOn(database)
  const [adele] = await people(database)
  await register(passkeys, adele)
  await t.rejects(register(passkeys, adele, { name: 'Phone' }), { code: 'DIRECTORY_CONFLICT' })
  for (const name of ['', ' ', 'a\nb', 'x'.repeat(65)])
    await t.rejects(register(passkeys, adele, { name }), { code: 'DIRECTORY_REFUSED' })
  for (let count = 2; count <= 20; count++)
    await register(passkeys, adele, { name: `key ${count}` })
  await t.rejects(register(passkeys, adele, { name: 'more' }), { code: 'DIRECTORY_REFUSED' })
  t.equal((await passkeys.beginRegistration(adele, 'Contoso'))?.excludeCredentials?.length, 20)
  for (const origin of ['https://192.0.2.1', 'https://[::1]:8443', null]) {
    t.notOk(passkeysOn(database, origin).areAvailable, `${origin} is no name`)
    t.equal(await passkeysOn(database, origin).beginSignIn(), null)
  }
  await new PostgresPeopleStore(database).delete([adele.id], testActor)
  await sql`update principal set deleted_at = now() - interval '31 days' where id = ${adele.id}`.execute(
    database.kysely,
  )
  await sql`update spent_challenge set expires_at = now() - interval '25 hours'`.execute(
    database.kysely,
  )
  await applyRetention(database)
  t.same(await passkeys.listFor(adele), [])
  const { rows } = await sql`select from spent_challenge`.execute(database.kysely)
  t.same(rows, [])
})
