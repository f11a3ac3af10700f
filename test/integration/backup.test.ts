import {
  chmodSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { LocalBackups } from '../../src/daemon/local-backups.ts'
import { Maintenance } from '../../src/daemon/maintenance.ts'
import type { Actor } from '../../src/directory/ports/people.ts'
import { ReadModel } from '../../src/directory/read-model.ts'
import type { Log } from '../../src/observe/log.ts'
import { PostgresBackup } from '../../src/storage/backup.ts'
import type { Database } from '../../src/storage/connection.ts'
import { Feed } from '../../src/storage/feed/feed.ts'
import { PostgresGroupStore } from '../../src/storage/group-store.ts'
import { stamp } from '../../src/storage/journal.ts'
import { carryOutDates } from '../../src/storage/lifecycle-dates.ts'
import { makeKey, openKeys, writeNewKeyFile } from '../../src/storage/master-key.ts'
import { readMigrations, readSchema } from '../../src/storage/migrate.ts'
import { PostgresResourceStore } from '../../src/storage/resource-store.ts'
import { restoreBackup } from '../../src/storage/restore.ts'
import type { Keys } from '../../src/storage/sealing.ts'
import { allocateNumbers } from '../../src/storage/sync-posix.ts'
import { PostgresSourceRegistry } from '../../src/storage/sync-sources.ts'
import { type EngineName, testDatabase } from '../support/database.ts'
import { seedPeople } from '../support/people.ts'

const ACTOR: Actor = { name: 'test', reason: null }

function scratch(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'gh-backup-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A directory with something of each kind that seals, numbers or nests. */
async function fill(database: Database, keys: Keys): Promise<void> {
  const groups = new PostgresGroupStore(database)
  const outer = await groups.create(
    { name: 'outer', displayName: 'Äußere', description: 'a\tb\n"c"' },
    ACTOR,
  )
  const inner = await groups.create(
    { name: 'inner', displayName: 'Inner', description: null },
    ACTOR,
  )
  await groups.addMembers(outer.id, [inner.id], ACTOR)
  const resources = new PostgresResourceStore(database, keys)
  await resources.updateSettings({ domain: 'contoso.example', organization: 'Contoso' }, ACTOR)
  await resources.createService(
    {
      purpose: 'ldap-client',
      name: 'sssd',
      view: { sees: 'groups', groupIds: [outer.id] },
      allowedGroupIds: null,
    },
    ACTOR,
  )
  await resources.createNas(
    {
      name: 'office',
      addresses: ['10.0.0.0/8'],
      secrets: [Buffer.from('testing123')],
      requireMessageAuthenticator: 'yes',
      limitProxyState: true,
      radsec: null,
    },
    ACTOR,
  )
  await connectSource(database, keys)
}

function connectSource(database: Database, keys: Keys): Promise<string> {
  const identity = { tenantId: 'tenant', organization: 'Contoso', defaultDomain: 'contoso.example' }
  return new PostgresSourceRegistry({ db: database, keys }).connect(
    {
      kind: 'fake',
      name: 'contoso',
      config: {},
      secret: Buffer.from('{}'),
      identity,
      state: 'active',
    },
    ACTOR,
  )
}

async function digestOf(database: Database, keys: Keys) {
  const model = new ReadModel()
  const feed = new Feed({ database, keys, followers: [model] })
  await feed.start(AbortSignal.timeout(30_000))
  const found = {
    digest: model.digest(),
    epoch: model.position.epoch,
    secret: model.allNas()[0]?.secrets[0]?.toString(),
  }
  await feed.stop()
  return found
}

/** The highest numbers given out so far. */
async function numbersOf(database: Database) {
  while ((await stamp(database.kysely)) > 0);
  const { rows } = await database.pool.query<{ no: number; version: number; seq: number }>(`
    select max(no)::int as no, max(version)::float8 as version,
      (select max(inbox_seq)::float8 from journal) as seq
    from (select no, version from principal
          union all select no, version from directory_group) as every`)
  return rows[0] ?? { no: -1, version: -1, seq: -1 }
}

async function archiveOf(
  database: Database,
  keys: Keys,
  passphrase: string | null,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of new PostgresBackup(database, keys).write({ passphrase }))
    chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* stream(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

const ways: [EngineName, EngineName][] = [
  ['embedded', 'postgresql'],
  ['postgresql', 'embedded'],
]
for (const [from, to] of ways) {
  await t.test(`backup: ${from} to ${to} gives the same directory under a new epoch`, async (t) => {
    const folder = scratch(t)
    const source = await testDatabase(t, { engine: from })
    const keys = await openKeys(source, join(folder, 'key'))
    await fill(source, keys)
    const before = await digestOf(source, keys)
    const archive = await archiveOf(source, keys, 'a long passphrase')
    t.notOk(gunzipSync(archive).includes('testing123'), 'secrets stay sealed')

    const target = await testDatabase(t, { engine: to })
    const keyFile = join(folder, 'restored.key')
    await restoreBackup(target, {
      archive: stream(archive),
      keyFile,
      passphrase: 'a long passphrase',
    })
    const restoredKeys = await openKeys(target, keyFile)
    const after = await digestOf(target, restoredKeys)
    t.equal(after.digest, before.digest)
    t.equal(after.secret, 'testing123', 'and what was sealed opens with the key that came along')
    t.not(after.epoch, before.epoch)
    t.same(await readSchema(target.kysely), {
      version: (await readMigrations()).at(-1)?.version,
      readableSince: 1,
    })
    const highest = await numbersOf(source)
    t.same(
      await numbersOf(target),
      { ...highest, seq: highest.seq + 1 },
      'and only the pause is journalled',
    )
    await new PostgresGroupStore(target).create(
      { name: 'later', displayName: 'Later', description: null },
      ACTOR,
    )
    const later = await numbersOf(target)
    t.equal(later.no, highest.no + 1, 'numbers go on where they were: none is given out twice')
    t.ok(later.version > highest.version + 1_000_000, 'versions beyond any that was ever seen')
    t.ok(later.seq > highest.seq, 'and so do identity columns')
  })
}

await t.test(
  'restore: sources are paused until an admin has looked, and no POSIX number is used twice',
  async (t) => {
    const keyFile = join(scratch(t), 'key')
    const source = await testDatabase(t)
    const keys = await openKeys(source, keyFile)
    await fill(source, keys)
    const takeNumbers = async (db: Database, count: number) =>
      (await db.write((tx) => allocateNumbers(tx, count))).value
    const before = await takeNumbers(source, 3)
    const archive = await archiveOf(source, keys, null)
    const since = await takeNumbers(source, 500)

    const restore = async (bytes: Buffer) => {
      const target = await testDatabase(t)
      const options = { archive: stream(bytes), keyFile, passphrase: null }
      const { createdAt } = await restoreBackup(target, options)
      return { target, createdAt }
    }
    const { target, createdAt } = await restore(archive)
    const given = new Set([...before, ...since])
    const next = await takeNumbers(target, 3)
    t.same(
      next.filter((number) => given.has(number)),
      [],
    )

    const registry = new PostgresSourceRegistry({ db: target, keys })
    const [restored] = await registry.list()
    t.match(restored, {
      state: 'paused',
      stateReason: `restored from a backup of ${createdAt}`,
    })
    const { rows } = await target.pool.query(
      "select actor, reason from journal_inbox where kind = 'source.paused'",
    )
    t.same(rows, [{ actor: 'restore', reason: restored?.stateReason }])
    await registry.resume(restored?.id ?? '', ACTOR)
    t.match(await registry.list(), [{ state: 'active', stateReason: null }])

    await source.pool.query("update source set state = 'quarantined', state_reason = 'lacked 9'")
    await source.pool.query('update posix_allocator set last = next_number + 99')
    const narrow = await restore(await archiveOf(source, keys, null))
    const [doubtful] = await new PostgresSourceRegistry({ db: narrow.target, keys }).list()
    t.match(doubtful?.stateReason, /^restored from .*; it was quarantined before: lacked 9$/)
    t.same(
      (await takeNumbers(narrow.target, 1))[0],
      (since.at(-1) ?? 0) + 51,
      'half of what is left',
    )
  },
)

await t.test(
  'restore: what is damaged, or not ours to read, is refused and leaves nothing behind',
  async (t) => {
    const folder = scratch(t)
    const source = await testDatabase(t)
    const keyFile = join(folder, 'key')
    const keys = await openKeys(source, keyFile)
    await fill(source, keys)
    const archive = await archiveOf(source, keys, null)
    const text = gunzipSync(archive).toString()
    const damaged: [string, Buffer, RegExp][] = [
      ['cut short', archive.subarray(0, archive.length - 40), /unpacked|incomplete|damaged/i],
      [
        'a line lost',
        gzipSync(
          text
            .split('\n')
            .filter((_, at, lines) => at !== lines.findIndex((line) => line.includes('Inner')))
            .join('\n'),
        ),
        /damaged|digest|changed/i,
      ],
      ['a letter changed', gzipSync(text.replace('Inner', 'Outer')), /damaged|digest|changed/i],
      ['another file', gzipSync('{"hello":1}\n'), /begin|archive|backup/i],
      [
        'of a later release',
        gzipSync(text.replace(/"schemaVersion":\d+/, '"schemaVersion":999')),
        /later release/,
      ],
    ]
    for (const [what, bytes, words] of damaged) {
      const target = await testDatabase(t)
      await t.rejects(
        restoreBackup(target, { archive: stream(bytes), keyFile, passphrase: null }),
        { message: words },
        what,
      )
      const { rows } = await target.pool.query('select count(*)::int as found from directory_group')
      t.same(rows, [{ found: 0 }], `${what}: nothing was restored`)
    }
  },
)

await t.test(
  'restore: without the right key it says which one is needed, and asks for it',
  async (t) => {
    const folder = scratch(t)
    const source = await testDatabase(t)
    const keys = await openKeys(source, join(folder, 'key'))
    await fill(source, keys)
    const bare = await archiveOf(source, keys, null)
    const wrapped = await archiveOf(source, keys, 'a long passphrase')
    const id = keys.current.id.toString('hex')
    const foreign = join(folder, 'foreign')
    writeNewKeyFile(foreign, { current: makeKey(), earlier: [] })
    const absent = join(folder, 'absent')
    const cases: [string, Buffer, { keyFile: string; passphrase: string | null }, RegExp][] = [
      [
        'no key anywhere',
        bare,
        { keyFile: absent, passphrase: null },
        new RegExp(`put the key file with key ${id}`),
      ],
      ['another key', bare, { keyFile: foreign, passphrase: null }, new RegExp(id)],
      ['no passphrase', wrapped, { keyFile: absent, passphrase: null }, /under a passphrase/],
      ['wrong passphrase', wrapped, { keyFile: absent, passphrase: 'not that one' }, /passphrase/],
      [
        'right passphrase, half an archive',
        wrapped.subarray(0, wrapped.length - 9),
        { keyFile: absent, passphrase: 'a long passphrase' },
        /not a whole backup/,
      ],
    ]
    for (const [what, bytes, options, words] of cases) {
      const target = await testDatabase(t)
      await t.rejects(
        restoreBackup(target, { archive: stream(bytes), ...options }),
        { message: words },
        what,
      )
      t.notOk(existsSync(absent), `${what}: no key file was made`)
    }
  },
)

await t.test('restore: a database that somebody has written to is left alone', async (t) => {
  const folder = scratch(t)
  const source = await testDatabase(t)
  const keyFile = join(folder, 'key')
  const keys = await openKeys(source, keyFile)
  const archive = await archiveOf(source, keys, null)
  const target = await testDatabase(t)
  await new PostgresResourceStore(target, keys).updateSettings({ organization: 'Fabrikam' }, ACTOR)
  await t.rejects(restoreBackup(target, { archive: stream(archive), keyFile, passphrase: null }), {
    message: /not empty/,
  })
  const { rows } = await target.pool.query('select organization from settings')
  t.same(rows, [{ organization: 'Fabrikam' }])
})

await t.test(
  'restore: a leave or deletion that came since the backup waits for somebody to look',
  async (t) => {
    const dataDir = scratch(t)
    const source = await testDatabase(t)
    const keyFile = join(dataDir, 'key')
    const keys = await openKeys(source, keyFile)
    await fill(source, keys)
    const [ada, bob, cyd] = await seedPeople(source, [
      { username: 'late.ada' },
      { username: 'late.bob' },
      { username: 'late.cyd', lifecycle: 'staged' },
    ])
    await sql`
      insert into lifecycle_date (principal_id, act, due_at, set_by) values
        (${ada}::uuid, 'delete', now(), 'test'), (${bob}::uuid, 'suspend', now(), 'test'),
        (${cyd}::uuid, 'activate', now(), 'test'),
        (${bob}::uuid, 'delete', now() + interval '1 day', 'test')`.execute(source.kysely)
    const kept = await new LocalBackups({ database: source, keys, dataDir }).makeBeforeSchema(9)
    const target = await testDatabase(t)
    await restoreBackup(target, { archive: createReadStream(kept), keyFile, passphrase: null })
    t.equal(await carryOutDates(target), 1, 'she who is let in is')
    const { rows } = await sql`
      select act, refused is not null as is_refused from lifecycle_date order by due_at, act`.execute(
      target.kysely,
    )
    t.same(rows, [
      { act: 'delete', is_refused: true },
      { act: 'suspend', is_refused: true },
      { act: 'delete', is_refused: false },
    ])
    const { rows: told } = await sql<{ reason: string }>`
      select reason from (select kind, reason from journal
        union all select kind, reason from journal_inbox) j
      where kind = 'admin.date-refused'`.execute(target.kysely)
    t.match(told, [{ reason: /came after the backup of/ }, { reason: /set it again/ }])
  },
)

await t.test(
  'local backups: one a day for a week, and what was kept before a change of schema',
  async (t) => {
    const dataDir = scratch(t)
    const database = await testDatabase(t)
    const keyFile = join(dataDir, 'key')
    const keys = await openKeys(database, keyFile)
    await fill(database, keys)
    const backups = new LocalBackups({ database, keys, dataDir })
    const kept = await backups.makeBeforeSchema(9)
    const made: (string | null)[] = []
    for (let day = 1; day <= 10; day++) {
      for (const hour of [3, 23]) made.push(await backups.makeDaily(new Date(2026, 0, day, hour)))
    }
    t.equal(made.filter((file) => file !== null).length, 10, 'once a day')
    const dailies = Array.from({ length: 7 }, (_, at) => {
      return `daily-2026-01-${String(at + 4).padStart(2, '0')}.gatehouse`
    })
    t.same(readdirSync(join(dataDir, 'backups')).toSorted(), [
      'before-schema-9.gatehouse',
      ...dailies,
    ])
    t.equal(statSync(kept).mode & 0o777, 0o600)

    const target = await testDatabase(t)
    await restoreBackup(target, { archive: createReadStream(kept), keyFile, passphrase: null })
    t.equal((await digestOf(target, keys)).digest, (await digestOf(database, keys)).digest)
  },
)

await t.test(
  'maintenance is the leader’s, and one part that fails holds up no other',
  async (t) => {
    const database = await testDatabase(t)
    await database.pool.query(`insert into journal_detail (id, salt, digest, body, at)
    values (gen_random_uuid(), '', '', '{}', now() - interval '200 days')`)
    const heldBodies = async () => {
      const { rows } = await database.pool.query('select count(body)::int as n from journal_detail')
      return rows[0].n
    }
    const said: string[] = []
    const log = {
      warn: (event: string) => said.push(event),
      info: () => undefined,
    } as unknown as Log
    const backups = {
      makeDaily: () => Promise.reject(new Error('the disk is full')),
    } as unknown as LocalBackups
    for (const isLeader of [false, true]) {
      const maintenance = new Maintenance({
        database,
        leader: { isLeader },
        backups,
        rotateDue: async () => undefined,
        log,
        firstMs: 1,
      })
      await maintenance.start()
      await sleep(50)
      await maintenance.stop()
      t.equal(await heldBodies(), isLeader ? 0 : 1)
      t.same(said, isLeader ? ['maintenance.failed'] : [])
    }
  },
)

await t.test(
  'master key: missing, foreign, damaged or open to others, each says how to mend it',
  async (t) => {
    const folder = scratch(t)
    const database = await testDatabase(t)
    const keyFile = join(folder, 'key')
    const keys = await openKeys(database, keyFile)
    await fill(database, keys)
    const good = readFileSync(keyFile)

    chmodSync(keyFile, 0o644)
    await t.rejects(openKeys(database, keyFile), { message: /chmod 600/ })
    chmodSync(keyFile, 0o600)
    writeFileSync(keyFile, 'nonsense\n')
    await t.rejects(openKeys(database, keyFile), { message: /a line that is no key/ })
    rmSync(keyFile)
    await t.rejects(openKeys(database, keyFile), { message: /is missing.*Put the file back/s })
    t.notOk(existsSync(keyFile), 'a new key is never made for a database that has one')
    writeNewKeyFile(keyFile, { current: makeKey(), earlier: [] })
    await t.rejects(openKeys(database, keyFile), { message: /belongs to another database/ })
    writeFileSync(keyFile, good)
    t.equal(
      (await openKeys(database, keyFile)).current.id.toString('hex'),
      keys.current.id.toString('hex'),
    )
  },
)
