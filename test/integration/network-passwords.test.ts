import { createHash, randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import {
  type Attribute,
  AttributeType,
  makeOctets,
  makeText,
  makeVendor,
  PacketCode,
} from '../../protocols/radius/index.ts'
import { NetworkPasswords } from '../../src/credentials/network-passwords.ts'
import { ntHash } from '../../src/credentials/nt-hash.ts'
import type { Directory } from '../../src/directory/directory.ts'
import type { CredentialId, PrincipalId } from '../../src/directory/id.ts'
import type { Person } from '../../src/directory/person.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { PostgresNetworkPasswordStore } from '../../src/storage/network-password-store.ts'
import { PostgresResourceStore } from '../../src/storage/resource-store.ts'
import { applyRetention } from '../../src/storage/retention.ts'
import { seal } from '../../src/storage/sealing.ts'
import { hiddenField, Visitor } from '../support/account-visitor.ts'
import { Admin } from '../support/admin.ts'
import { askRadius, binderTo } from '../support/asks.ts'
import { cliOf } from '../support/cli.ts'
import { eachEngine } from '../support/database.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { answerMsChap2, encodeMsChap2 } from '../support/ms-chap-peer.ts'
import { seedPeople, testActor } from '../support/people.ts'
import { makeRequest, TestNas } from '../support/radius-client.ts'

const keys = { current: makeKey(), earlier: [] }
const byAdmin = { proof: { by: 'admin' }, actor: testActor } as const

await eachEngine(
  t,
  'the NT hash is sealed, replaced with its password, and erased when forbidden',
  async (t, database) => {
    const store = new PostgresNetworkPasswordStore(database, keys)
    const resources = new PostgresResourceStore(database, keys)
    const [adele = '' as PrincipalId] = await seedPeople(database, [{ username: 'adele' }])
    const person = { id: adele } as Person
    const passwords = new NetworkPasswords({
      store,
      directory: {} as Directory,
      notice: async () => null,
    })
    const allow = (allowNetworkPasswords: boolean) =>
      resources.updateSettings({ allowNetworkPasswords }, testActor)
    const stored = async () => {
      const { rows } = await sql<{ id: CredentialId; sealed: Buffer }>`
        select id, sealed from credential where type = 'network-password'`.execute(database.kysely)
      return rows
    }
    await t.rejects(passwords.make(person, byAdmin), { code: 'DIRECTORY_REFUSED' })
    await allow(true)
    const first = await passwords.make(person, byAdmin)
    const second = await passwords.make(person, byAdmin)
    const password = Buffer.from(second?.password ?? '')
    const hash = ntHash(password)
    t.not(first?.password, second?.password)
    const [row, ...more] = await stored()
    t.same(more, [], 'one of a person')
    const id = row?.id ?? ('' as CredentialId)
    t.same(await store.readNetworkSecret(id), { ntHash: hash, password }, 'of the newer one')
    t.notOk(row?.sealed.includes(hash) || row?.sealed.includes(password), 'not as they are')
    const stranger = new PostgresNetworkPasswordStore(database, { current: makeKey(), earlier: [] })
    await t.rejects(stranger.readNetworkSecret(id), { code: 'STORAGE_KEY' })
    const old = seal(keys, { table: 'credential', column: 'sealed', row: id }, hash)
    await sql`update credential set sealed = ${old} where id = ${id}`.execute(database.kysely)
    const known = { ntHash: hash, password: null }
    t.same(await store.readNetworkSecret(id), known, 'of one made before CHAP was served')
    await applyRetention(database)
    t.equal((await stored()).length, 1, 'allowed, it stays')
    await allow(false)
    t.equal(await store.readNetworkSecret(id), null, 'forbidden, at once')
    await applyRetention(database)
    t.same(await stored(), [], 'and then erased')
    await allow(true)
    await passwords.make(person, byAdmin)
    t.match(await passwords.revoke(person, byAdmin), { changed: 1 })
    t.match(await passwords.revoke(person, byAdmin), { changed: 0 })
    t.equal(await store.readNetworkSecret(id), null)
  },
)

await t.test('a network password passes RADIUS while allowed, and nothing else', async (t) => {
  const demo = await startTestDemo(t)
  const { ldap, radius, http } = demo.facts
  const admin = new Admin(demo.facts)
  const cli = cliOf(demo.dataDir)
  const bind = binderTo(ldap)
  const nas = { host: radius.host, port: radius.authPort, secret: radius.secret }
  const username = 'patti.fernandez'
  const pap = (password: string) => askRadius({ radius: nas }, { username, password })
  const visitor = new Visitor(http.url)
  await visitor.submit('/account/sign-in', { username, password: PASSWORD })

  await t.rejects(
    cli('person', 'network-password', 'make', username),
    /not allowed here: an owner allows them/,
  )
  t.match(await visitor.open('/account/network-password'), { location: '/account/home' })
  t.notMatch((await visitor.open('/account/home')).text, 'network-password')
  t.match(await cli('network-password', 'allow'), /as good as\s+the password/)
  t.match((await visitor.open('/account/home')).text, 'network-password')

  const said = await cli('person', 'network-password', 'make', username)
  const first = said.replace(/^network password: /, '').trim()
  t.match(first, /^net(-[0-9a-z]{4}){7}$/)
  t.equal(await pap(first), 'yes')
  t.notOk(await bind(username, first))
  const other = new Visitor(http.url)
  t.equal((await other.submit('/account/sign-in', { username, password: first })).status, 403)

  const page = await visitor.open('/account/network-password')
  t.match(page.text, /Yours was made/)
  const form = hiddenField(page.text, 'form')
  const made = await visitor.submit('/account/network-password', { form })
  const [second = ''] = /net(-[0-9a-z]{4}){7}/.exec(made.text) ?? []
  t.equal(await pap(second), 'yes')
  t.equal(await pap(first), 'no', 'the one before it has ended')
  t.notMatch((await visitor.open('/account/network-password')).text, second)
  t.notMatch(await cli('log', 'changes', '--person', username), second)

  await cli('network', 'set', 'corp', '--method', 'pap', 'chap', 'mschapv2')
  t.same(await proofs(nas, username, second), { mschapv2: 'yes', chap: 'yes' })
  t.same(await proofs(nas, username, first), { mschapv2: 'no', chap: 'no' })
  t.same(await proofs(nas, username, PASSWORD), { mschapv2: 'no', chap: 'no' })

  t.match(await cli('network-password', 'forbid'), /none is good/)
  t.same(await proofs(nas, username, second), { mschapv2: 'no', chap: 'no' })
  t.equal(await pap(second), 'no')
  t.equal(await pap(PASSWORD), 'yes', 'and she is not shut out by it')
  await cli('network-password', 'allow')
  const revoked = await visitor.submit('/account/network-password/revoke', { form })
  t.equal(revoked.status, 303)
  t.equal(await pap(second), 'no')
  t.match(await cli('person', 'network-password', 'show', username), 'no network password')
  t.match(await admin.send('GET', `/people/${username}/network-password`), {
    allowed: true,
    createdAt: null,
  })
})

/** What comes of the same password by each method that never sends it. */
async function proofs(
  { host, port, secret }: { host: string; port: number; secret: string },
  username: string,
  password: string,
) {
  const nas = new TestNas(port, secret)
  t.equal(host, '127.0.0.1')
  const ask = async (identifier: number, ...more: Attribute[]) => {
    const attributes = [makeText(AttributeType.userName, username), ...more]
    const reply = await nas.send(makeRequest({ identifier, attributes }, nas.secret))
    return reply?.packet.code === PacketCode.accessAccept ? 'yes' : 'no'
  }
  const challenge = randomBytes(16)
  const { response } = answerMsChap2(challenge, { name: username, password })
  const chapDigest = createHash('md5')
    .update(Buffer.from([1]))
    .update(password)
    .update(challenge)
  const chap = Buffer.concat([Buffer.from([1]), chapDigest.digest()])
  try {
    return {
      mschapv2: await ask(
        1,
        makeVendor({ vendor: 311, type: 11, value: challenge }),
        makeVendor({ vendor: 311, type: 25, value: encodeMsChap2(response) }),
      ),
      chap: await ask(
        2,
        makeOctets(AttributeType.chapPassword, chap),
        makeOctets(AttributeType.chapChallenge, challenge),
      ),
    }
  } finally {
    nas.close()
  }
}
