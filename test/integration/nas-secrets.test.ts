import { sql } from 'kysely'
import t from 'tap'
import type { NasId } from '../../src/directory/id.ts'
import type { Nas } from '../../src/directory/network.ts'
import type { Database } from '../../src/storage/connection.ts'
import { makeNasReader } from '../../src/storage/entities/networks.ts'
import { stamp } from '../../src/storage/journal.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { lapseSecrets, PostgresNasStore } from '../../src/storage/nas-store.ts'
import { PostgresResourceStore } from '../../src/storage/resource-store.ts'
import { eachEngine } from '../support/database.ts'
import { testActor } from '../support/people.ts'

const keys = { current: makeKey(), earlier: [] }
const DAY_MS = 86_400_000

async function createNas(database: Database): Promise<NasId> {
  const { id } = await new PostgresResourceStore(database, keys).createNas(
    {
      name: 'ap-floor-3',
      addresses: ['192.0.2.0/24'],
      secrets: [Buffer.from('first')],
      requireMessageAuthenticator: 'auto',
      limitProxyState: true,
      radsec: null,
    },
    testActor,
  )
  return id
}

async function read(database: Database, id: NasId): Promise<Nas> {
  const [found] = await makeNasReader(keys).read(database.kysely, [id])
  return found?.value as Nas
}

const texts = ({ secrets }: Nas) => secrets.map(String)

await eachEngine(
  t,
  'rotation: the old secret is good beside the new one, and lapses by the database clock',
  async (t, database) => {
    const store = new PostgresNasStore(database, keys)
    const id = await createNas(database)
    const rotate = (secret: string) =>
      store.rotateSecret(id, { secret: Buffer.from(secret), keepMs: 7 * DAY_MS }, testActor)

    await rotate('second')
    await rotate('third')
    const rotated = await read(database, id)
    t.same(texts(rotated), ['third', 'second', 'first'], 'a second rotation drops nobody')
    t.equal(rotated.secretNo, 3)
    t.ok(Math.abs((rotated.oldSecretsUntilMs ?? 0) - Date.now() - 7 * DAY_MS) < 3_600_000)
    await rotate('fourth')
    await t.rejects(rotate('fifth'), { code: 'DIRECTORY_REFUSED', message: /end-rotation/ })

    t.equal(await lapseSecrets(database), 0, 'not before its time')
    await sql`update nas set old_secrets_until = clock_timestamp() - interval '1 hour'`.execute(
      database.kysely,
    )
    t.same(
      await Promise.all([lapseSecrets(database), lapseSecrets(database)]).then((n) => n.sort()),
      [0, 1],
      'once, whoever leads',
    )
    const lapsed = await read(database, id)
    t.same([texts(lapsed), lapsed.secretNo, lapsed.oldSecretsUntilMs], [['fourth'], 4, null])
    t.ok(lapsed.version > rotated.version)
    await stamp(database.kysely)
    const { rows } = await sql<{ count: number }>`
      select count(*)::integer as count from journal
      where entity = ${id}::uuid and actor = 'system' and reason like '%changing over%'`.execute(
      database.kysely,
    )
    t.same(rows, [{ count: 1 }], 'journalled')

    await rotate('fifth')
    t.equal((await store.endRotation(id, testActor)).changed, 1)
    t.same(texts(await read(database, id)), ['fifth'])
    t.equal((await store.endRotation(id, testActor)).changed, 0)
  },
)

await eachEngine(
  t,
  'uses of secrets: the last of each address, while the secret is good',
  async (t, database) => {
    const store = new PostgresNasStore(database, keys)
    const id = await createNas(database)
    await store.rotateSecret(id, { secret: Buffer.from('second'), keepMs: DAY_MS }, testActor)
    const use = (secretNo: number, address: string, atMs: number) => ({
      nasId: id,
      secretNo,
      address,
      atMs,
    })
    await store.noteUses([use(1, '192.0.2.1', 1_000), use(1, '192.0.2.2', 2_000)])
    await store.noteUses([use(1, '192.0.2.1', 500), use(2, '192.0.2.1', 3_000)])
    t.same(await store.uses(), [
      use(2, '192.0.2.1', 3_000),
      use(1, '192.0.2.2', 2_000),
      use(1, '192.0.2.1', 1_000),
    ])
    await store.endRotation(id, testActor)
    t.same(await store.uses(), [use(2, '192.0.2.1', 3_000)])
    await new PostgresResourceStore(database, keys).removeNas(id, testActor)
    await store.noteUses([use(2, '192.0.2.1', 4_000)])
    t.same(await store.uses(), [], 'of a NAS that is gone nothing is kept')
  },
)

await eachEngine(
  t,
  'auto: what a NAS has shown is kept until the rule is said anew',
  async (t, database) => {
    const store = new PostgresNasStore(database, keys)
    const resources = new PostgresResourceStore(database, keys)
    const id = await createNas(database)
    t.equal((await read(database, id)).signedAtMs, null)
    await store.markSigned(id)
    const signed = await read(database, id)
    t.ok(signed.signedAtMs)
    await store.markSigned(id)
    t.same(await read(database, id), signed, 'once')
    await resources.updateNas(id, { requireMessageAuthenticator: 'auto' }, testActor)
    t.equal((await read(database, id)).signedAtMs, null)
    await resources.updateNas(id, { requireMessageAuthenticator: 'no' }, testActor)
    await store.markSigned(id)
    t.equal((await read(database, id)).signedAtMs, null, 'only under `auto`')
  },
)
