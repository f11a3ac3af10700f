import t from 'tap'
import { CredentialIndex } from '../../src/credentials/credential-index.ts'
import { DirectoryError } from '../../src/directory/errors.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import { ReadModel } from '../../src/directory/read-model.ts'
import { PostgresCredentialStore } from '../../src/storage/credential-store.ts'
import { PostgresFailureStore } from '../../src/storage/failure-store.ts'
import { Feed } from '../../src/storage/feed/feed.ts'
import { PostgresGroupStore } from '../../src/storage/group-store.ts'
import { stamp } from '../../src/storage/journal.ts'
import { LogReader } from '../../src/storage/log-reader.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { PostgresPeopleStore } from '../../src/storage/people-store.ts'
import { PostgresResourceStore } from '../../src/storage/resource-store.ts'
import { eachEngine } from '../support/database.ts'
import { seedPeople, testActor } from '../support/people.ts'

const keys = { current: makeKey(), earlier: [] }
const nobody = '00000000-0000-4000-8000-00000000ffff' as string as PrincipalId

await eachEngine(
  t,
  'people are activated, held, released and renamed, once each',
  async (t, database) => {
    const store = new PostgresPeopleStore(database)
    const [adele = nobody, alex = nobody] = await seedPeople(database, [
      { username: 'adele', lifecycle: 'staged' },
      { username: 'alex' },
    ])
    t.match(await store.activate([adele, alex], testActor), { changed: 1 })
    t.same(await store.activate([adele, alex], testActor), { changed: 0, inboxSeq: null })
    await t.rejects(store.activate([adele, nobody], testActor), { code: 'DIRECTORY_NOT_FOUND' })

    const hold = { actor: testActor, note: 'lost laptop' }
    t.match(await store.hold([adele], 'security', hold), { changed: 1 })
    t.match(await store.hold([adele], 'security', hold), { changed: 0 })
    t.match(await store.hold([adele], 'admin', { ...hold, note: null }), { changed: 1 })
    t.same(
      (await store.read(adele))?.holds.map(({ reason, note }) => ({ reason, note })),
      [
        { reason: 'admin', note: null },
        { reason: 'security', note: 'lost laptop' },
      ],
    )
    t.match(await store.release([adele], 'admin', testActor), { changed: 1 })
    t.match(await store.release([adele], 'admin', testActor), { changed: 0 })
    t.equal((await store.read(adele))?.holds.length, 1)

    await t.rejects(store.rename(adele, '9lives', testActor), { code: 'DIRECTORY_REFUSED' })
    await t.rejects(store.rename(adele, 'alex', testActor), { code: 'DIRECTORY_CONFLICT' })
    t.match(await store.rename(adele, 'Adele.Vance', testActor), { changed: 1 })
    const renamed = await store.read(adele)
    t.equal(renamed?.username, 'adele.vance')
    t.same(renamed?.loginNames, [{ folded: 'adele.vance', kind: 'username' }])
    await t.rejects(
      store.rename(alex, 'adele', testActor),
      /belonged to somebody else and is kept from others until \d{4}-\d\d-\d\d/,
    )
    t.match(await store.rename(adele, 'adele', testActor), { changed: 1 }, 'its last owner may')

    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEs adele@laptop'
    t.match(await store.setSshPublicKeys(adele, [key], testActor), { changed: 1 })
    t.match(await store.setSshPublicKeys(adele, [key], testActor), { changed: 0 })
    t.same((await store.read(adele))?.sshPublicKeys, [key])
    for (const wrong of ['no key', `${key}\n${key}`, `command="x" ${key}`]) {
      await t.rejects(store.setSshPublicKeys(adele, [wrong], testActor), DirectoryError)
    }
    t.equal(await store.read(nobody), null)
  },
)

await eachEngine(
  t,
  'nobody is renamed to what an administrator or a service is called',
  async (t, database) => {
    const resources = new PostgresResourceStore(database, keys)
    await resources.createAdministrator({ username: 'root.admin', role: 'owner' }, testActor)
    const service = await resources.createService(
      { purpose: 'ldap-client', name: 'GitLab', view: { sees: 'all' }, allowedGroupIds: null },
      testActor,
    )
    const [adele = nobody] = await seedPeople(database, [{ username: 'adele' }])
    const people = new PostgresPeopleStore(database)
    for (const name of ['root.admin', 'gitlab']) {
      await t.rejects(people.rename(adele, name, testActor), {
        code: 'DIRECTORY_CONFLICT',
        message: `the name ${name} is taken`,
      })
    }
    await resources.removeService(service.id, testActor)
    t.match(await people.rename(adele, 'gitlab', testActor), { changed: 1 })
  },
)

await eachEngine(t, 'when POSIX numbers run out it says how to have more', async (t, database) => {
  const store = new PostgresGroupStore(database)
  const asked = { displayName: 'Group', description: null }
  await store.create({ ...asked, name: 'one' }, testActor)
  await database.pool.query('update posix_allocator set last = next_number - 1')
  await t.rejects(store.create({ ...asked, name: 'two' }, testActor), {
    code: 'DIRECTORY_REFUSED',
    message: /300000 to 300000 are used up.*update posix_allocator set last = N/,
  })
  await database.pool.query('update posix_allocator set last = 300001')
  t.match(await store.create({ ...asked, name: 'two' }, testActor), { changed: 1 })
})

await eachEngine(t, 'groups keep their members, names and rules', async (t, database) => {
  const store = new PostgresGroupStore(database)
  const ids = await seedPeople(database, [{ username: 'adele' }, { username: 'alex' }])
  const asked = { name: 'staff', displayName: 'Staff', description: null }
  const { id } = await store.create(asked, testActor)
  const inner = await store.create({ ...asked, name: 'inner' }, testActor)
  await t.rejects(store.create(asked, testActor), { code: 'DIRECTORY_CONFLICT' })
  await t.rejects(store.create({ ...asked, name: 'Not OK' }, testActor), {
    code: 'DIRECTORY_REFUSED',
  })
  const before = await store.read(id)
  t.ok((before?.gidNumber ?? 0) >= 300_000)

  t.match(await store.addMembers(id, [...ids, inner.id], testActor), { changed: 3 })
  t.same(await store.addMembers(id, ids, testActor), { changed: 0, inboxSeq: null })
  t.ok(((await store.read(id))?.membersVersion ?? 0) > (before?.membersVersion ?? 0))
  await t.rejects(store.addMembers(id, [id], testActor), /member of itself/)
  await t.rejects(store.addMembers(id, [nobody], testActor), { code: 'DIRECTORY_NOT_FOUND' })
  t.match(await store.removeMembers(id, ids.slice(0, 1), testActor), { changed: 1 })

  await database.kysely
    .updateTable('directory_group')
    .set({ origin: 'mirrored' })
    .where('id', '=', inner.id)
    .execute()
  await t.rejects(store.addMembers(inner.id, ids, testActor), /comes from a source/)
  await t.rejects(store.remove(inner.id, testActor), { code: 'DIRECTORY_REFUSED' })

  t.match(await store.remove(id, testActor), { changed: 1 })
  t.match(await store.remove(id, testActor), { changed: 0 })
  await t.rejects(store.create(asked, testActor), /belonged to somebody else/)
})

await eachEngine(
  t,
  'credentials are replaced, raised by compare-and-set and revoked',
  async (t, database) => {
    const store = new PostgresCredentialStore(database)
    const ids = await seedPeople(
      database,
      Array.from({ length: 260 }, (_, n) => ({ username: `p${n}` })),
    )
    const adele = ids[0] ?? nobody
    const primary = {
      principalId: adele,
      type: 'primary-password' as const,
      label: 'password',
      verifier: '$argon2id$1',
      serviceId: null,
      expiresAtMs: null,
    }
    const first = await store.put(primary, testActor)
    const again = await store.put({ ...primary, verifier: '$argon2id$2' }, testActor)
    t.equal(again.id, first.id)
    t.match(
      await store.put(
        { ...primary, type: 'token', verifier: 'digest', expiresAtMs: 5000 },
        testActor,
      ),
      { changed: 1 },
    )
    t.same(
      (await store.listFor(adele))
        .map(({ type, verifier, expiresAtMs }) => [type, verifier, expiresAtMs])
        .toSorted(),
      [
        ['primary-password', '$argon2id$2', null],
        ['token', 'digest', 5000],
      ],
    )
    t.match(await store.rehash(first.id, { before: '$argon2id$1', after: 'x' }), { changed: 0 })
    t.match(await store.rehash(first.id, { before: '$argon2id$2', after: 'x' }), { changed: 1 })
    t.match(await store.putForMany(ids, 'demo', testActor), { changed: 260 })
    t.match(await store.putForMany(ids, 'demo', testActor), { changed: 0 })
    t.match(await store.revoke(first.id, testActor), { changed: 1 })
    t.match(await store.revoke(first.id, testActor), { changed: 0 })
    await t.rejects(store.put({ ...primary, principalId: nobody }, testActor), {
      code: 'DIRECTORY_NOT_FOUND',
    })
  },
)

await eachEngine(
  t,
  'the journal leads from a person to her credentials and back, those revoked included',
  async (t, database) => {
    const store = new PostgresCredentialStore(database)
    const [adele = nobody, alex = nobody] = await seedPeople(database, [
      { username: 'adele' },
      { username: 'alex' },
    ])
    const common = { verifier: 'never shown', serviceId: null, expiresAtMs: null }
    const put = (principalId: PrincipalId, type: 'primary-password' | 'token', label: string) =>
      store.put({ ...common, principalId, type, label }, testActor)
    await put(alex, 'primary-password', 'password')
    await put(adele, 'primary-password', 'password')
    const token = await put(adele, 'token', 'laptop')
    await store.revoke(token.id, testActor)
    const people = new PostgresPeopleStore(database)
    t.match(await people.noteUnlock(adele, 6, testActor), { changed: 1 })
    await stamp(database.kysely)

    const log = new LogReader(database)
    const asked = { sinceMs: null, limit: 10 }
    const changes = await log.changes({ ...asked, entity: adele })
    const [password, laptop] = [
      { principal: adele, type: 'primary-password', label: 'password' },
      { principal: adele, type: 'token', label: 'laptop' },
    ]
    t.match(
      changes.map(({ kind, principal, actor, detail }) => [kind, principal, actor, detail]),
      [
        ['admin.unlock', 'adele', 'cli', { failures: 6 }],
        ['credential', 'adele', 'cli', laptop],
        ['credential', 'adele', 'cli', laptop],
        ['credential', 'adele', 'cli', password],
        ['person', 'adele', 'cli', null],
      ],
    )
    t.notOk(JSON.stringify(await log.changes({ ...asked, entity: null })).includes('never shown'))
  },
)

await eachEngine(
  t,
  'resources reach a follower, secrets sealed on the way',
  async (t, database) => {
    const store = new PostgresResourceStore(database, keys)
    const model = new ReadModel()
    const credentials = new CredentialIndex()
    const feed = new Feed({ database, keys, followers: [model, credentials] })
    await feed.start(AbortSignal.timeout(10_000))
    t.teardown(() => feed.stop())

    const service = await store.createService(
      { purpose: 'ldap-client', name: 'SSSD', view: { sees: 'all' }, allowedGroupIds: null },
      testActor,
    )
    await t.rejects(
      store.createService(
        { purpose: 'api', name: 'sssd', view: { sees: 'all' }, allowedGroupIds: null },
        testActor,
      ),
      { code: 'DIRECTORY_CONFLICT' },
    )
    const nas = await store.createNas(
      {
        name: 'AP',
        addresses: ['127.0.0.0/8', '2001:db8::/32'],
        secrets: [Buffer.from('testing123')],
        requireMessageAuthenticator: 'auto',
        limitProxyState: true,
        radsec: null,
      },
      testActor,
    )
    const network = {
      name: 'corp',
      priority: 10,
      rules: [{ ssids: ['corp'], withoutSsid: true }],
      methods: ['pap', 'ttls-pap'] as const,
      groups: [],
      everyone: true,
      vlan: 7,
      attributes: [{ name: 'Framed-MTU', value: '1400' }],
      sessionTimeoutSeconds: null,
    }
    await store.createNetwork(network, testActor)
    await store.createAdministrator({ username: 'admin', role: 'owner' }, testActor)
    const { inboxSeq } = await store.updateSettings({ domain: 'contoso.example' }, testActor)
    await feed.reached(inboxSeq)

    t.match(model.serviceByName('sssd'), { value: { id: service.id, purpose: 'ldap-client' } })
    t.match(model.nasById(nas.id), {
      name: 'AP',
      addresses: ['127.0.0.0/8', '2001:db8::/32'],
      limitProxyState: true,
      radsec: null,
    })
    t.same(model.nasById(nas.id)?.secrets, [Buffer.from('testing123')])
    t.match(model.networks(), [network])
    t.match(model.administratorByName('admin'), { role: 'owner' })
    t.equal(model.settings.domain, 'contoso.example')
    const raw = await database.pool.query('select secrets[1] as secret from nas')
    t.notOk(raw.rows[0].secret.includes('testing123'))

    await t.rejects(store.updateSettings({ domain: 'other.example' }, testActor), /for good/)
    t.match(await store.updateSettings({ domain: 'contoso.example' }, testActor), { changed: 0 })
    const admin = model.administratorByName('admin')
    if (admin) {
      const people = new PostgresPeopleStore(database)
      await t.rejects(
        people.hold([admin.id], 'admin', { actor: testActor, note: null }),
        /last owner/,
      )
    }

    await store.updateNas(nas.id, { secrets: [Buffer.from('new'), Buffer.from('old')] }, testActor)
    const removed = await store.removeService(service.id, testActor)
    await feed.reached(removed.inboxSeq)
    t.same(model.nasById(nas.id)?.secrets.map(String), ['new', 'old'])
    t.equal(model.serviceByName('sssd'), null)
    const gone = await store.removeNas(nas.id, testActor)
    await feed.reached(gone.inboxSeq)
    t.equal(model.nasById(nas.id), null)
    t.match(await store.removeNas(nas.id, testActor), { changed: 0 })
  },
)

await eachEngine(
  t,
  'failures are counted for each principal, kind and device',
  async (t, database) => {
    const store = new PostgresFailureStore(database)
    const [adele = nobody] = await seedPeople(database, [{ username: 'adele' }])
    const key = { principalId: adele, resourceKind: 'network', device: '02-00-00-00-00-01' }
    for (let n = 1; n <= 3; n++) t.equal((await store.recordFailure(key)).failures, n)
    t.equal((await store.recordFailure({ ...key, device: '' })).failures, 1)
    t.equal((await store.current()).size, 2)
    await store.clear(key)
    t.same([...(await store.current()).keys()], [`${adele}|network|`])
    await database.pool.query(`update auth_failure set last_at = last_at - interval '25 hours'`)
    t.equal((await store.current()).size, 0)
    t.equal((await store.recordFailure({ ...key, device: '' })).failures, 1)
  },
)
