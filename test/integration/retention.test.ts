import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import { CredentialIndex } from '../../src/credentials/credential-index.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import { ReadModel } from '../../src/directory/read-model.ts'
import { TRANSACTION_LIMIT_ENTITIES, type TransactionReport } from '../../src/storage/connection.ts'
import { PostgresCredentialStore } from '../../src/storage/credential-store.ts'
import { Feed } from '../../src/storage/feed/feed.ts'
import { LogReader } from '../../src/storage/log-reader.ts'
import { makeKey } from '../../src/storage/master-key.ts'
import { applyRetention } from '../../src/storage/retention.ts'
import { eachEngine, testDatabase } from '../support/database.ts'
import { seedPeople, testActor } from '../support/people.ts'

const keys = { current: makeKey(), earlier: [] }

await eachEngine(
  t,
  'retention: what is old goes, what is young stays, the dead keep their numbers',
  async (t, database) => {
    const { kysely } = database
    const [old, young] = [randomUUID(), randomUUID()]
    for (const [id, days, uid] of [
      [old, 31, 300_001],
      [young, 29, 300_002],
    ] as const) {
      await sql`insert into principal (id, kind, lifecycle, deleted_at)
      values (${id}, 'person', 'deleted', now() - make_interval(days => ${days}))`.execute(kysely)
      await sql`insert into person (id, username, username_folded, display_name, display_name_folded, mail,
        uid_number, gid_number, home_directory, login_shell, folded)
      values (${id}, 'eve', 'eve', 'Eve', 'eve', 'eve@contoso.example', ${uid}, ${uid}, '/home/eve', '/bin/sh', '{}')`.execute(
        kysely,
      )
    }
    for (const days of [1, 179, 181]) {
      await sql`insert into journal_detail (id, salt, digest, body, at)
      values (gen_random_uuid(), '\\x00', '\\x00', '{"a":1}', now() - make_interval(days => ${days}))`.execute(
        kysely,
      )
    }
    for (const days of [1, 89, 91]) {
      await sql`insert into auth_event (at, last_at, outcome, resource_kind, method, name, address)
      select at, at, 'denied', 'ldap', 'ldap-simple', 'eve', '::1' from (select now() - make_interval(days => ${days}) as at) x`.execute(
        kysely,
      )
    }
    await applyRetention(database)
    await applyRetention(database)

    const people = await sql<{ uid_number: number; username: string; mail: string | null }>`
    select uid_number, username, mail from person order by uid_number`.execute(kysely)
    t.same(people.rows, [
      { uid_number: 300_001, username: 'deleted-300001', mail: null },
      { uid_number: 300_002, username: 'eve', mail: 'eve@contoso.example' },
    ])
    const details = await sql<{ kept: number; all: number }>`
    select count(body)::int as kept, count(*)::int as all from journal_detail`.execute(kysely)
    t.same(details.rows, [{ kept: 2, all: 3 }], 'digests stay, old bodies do not')
    const events = await sql<{
      found: number
    }>`select count(*)::int as found from auth_event`.execute(kysely)
    t.same(events.rows, [{ found: 2 }])
  },
)

await eachEngine(
  t,
  'retention: a daemon that runs on forgets what the dead signed in with',
  async (t, database) => {
    const credentials = new PostgresCredentialStore(database)
    const seeds = Array.from({ length: 3 }, (_, n) => ({ username: `p${n}` }))
    const [dead, lately, living] = (await seedPeople(database, seeds)) as [
      PrincipalId,
      PrincipalId,
      PrincipalId,
    ]
    for (const principalId of [dead, lately, living]) {
      const common = { principalId, verifier: `of ${principalId}`, serviceId: null }
      for (const type of ['primary-password', 'token'] as const) {
        await credentials.put({ ...common, type, label: type, expiresAtMs: null }, testActor)
      }
    }
    const model = new ReadModel()
    const index = new CredentialIndex()
    const feed = new Feed({ database, keys, followers: [model, index] })
    await feed.start(AbortSignal.timeout(10_000))
    t.teardown(() => feed.stop())
    for (const [id, days] of [
      [dead, 31],
      [lately, 29],
    ] as const) {
      await sql`update principal set lifecycle = 'deleted',
        deleted_at = now() - make_interval(days => ${days}) where id = ${id}`.execute(
        database.kysely,
      )
    }
    for (const id of [dead, lately]) {
      await sql`insert into authority (principal_id, attribute) values (${id}, 'jobTitle')`.execute(
        database.kysely,
      )
    }
    t.ok(index.candidatesFor(dead).primary)
    t.ok(index.findToken(`of ${dead}`))

    await applyRetention(database)
    await feed.reached(0n)
    t.equal(index.candidatesFor(dead).primary, null)
    t.equal(index.findToken(`of ${dead}`), null)
    t.equal(model.personByUsername('p0'), null)
    for (const id of [lately, living]) t.ok(index.candidatesFor(id).primary)
    t.equal(index.size, 4)
    const { rows: kept } = await sql`select principal_id from authority`.execute(database.kysely)
    t.same(
      kept,
      [{ principal_id: lately }],
      'nothing of the dead is laid over her, should she return',
    )

    const log = new LogReader(database)
    const changes = await log.changes({ entity: dead, sinceMs: null, limit: 3 })
    t.match(
      changes.map(({ kind, actor }) => [kind, actor]),
      [
        ['person', 'system'],
        ['credential', 'system'],
        ['credential', 'system'],
      ],
    )
    await applyRetention(database)
    const again = await log.changes({ entity: dead, sinceMs: null, limit: 1 })
    t.same(again[0]?.usn, changes[0]?.usn, 'once')
  },
)

await t.test('retention: the dead are forgotten in small transactions', async (t) => {
  const entities: number[] = []
  const onTransaction = (report: TransactionReport) => entities.push(report.entities)
  const database = await testDatabase(t, { onTransaction })
  const seeds = Array.from({ length: TRANSACTION_LIMIT_ENTITIES + 50 }, (_, n) => ({
    username: `p${n}`,
  }))
  const ids = await seedPeople(database, seeds)
  await new PostgresCredentialStore(database).putForMany(ids, 'verifier', testActor)
  await sql`update principal set lifecycle = 'deleted', deleted_at = now() - interval '31 days'`.execute(
    database.kysely,
  )
  entities.length = 0
  await applyRetention(database)
  t.equal(
    entities.reduce((sum, count) => sum + count, 0),
    2 * seeds.length,
    'each person and each credential is journalled once',
  )
  t.ok(Math.max(...entities) <= TRANSACTION_LIMIT_ENTITIES)
  const { rows } = await sql<{ names: number; credentials: number }>`
    select (select count(*)::int from person where username like 'deleted-%') as names,
           (select count(*)::int from credential) as credentials`.execute(database.kysely)
  t.same(rows, [{ names: seeds.length, credentials: 0 }])
})

await eachEngine(
  t,
  'retention: counts of the guard, the gone of a source and digests of dropped rows go too',
  async (t, database) => {
    const { kysely } = database
    const source = randomUUID()
    await sql`insert into source (id, kind, name, config, state)
      values (${source}, 'microsoft365', 'contoso', '{}', 'active')`.execute(kysely)
    for (const hours of [1, 25, 49]) {
      await sql`insert into removal (source_id, kind, subject, at)
        values (${source}, 'person', ${`${hours}`}, now() - make_interval(hours => ${hours}))`.execute(
        kysely,
      )
    }
    for (const days of [1, 179, 181, 366]) {
      await sql`insert into source_gone (source_id, external_id, at)
        values (${source}, ${`${days}`}, now() - make_interval(days => ${days}))`.execute(kysely)
    }
    for (const days of [1, 364, 366]) {
      const [detail, entity] = [randomUUID(), randomUUID()]
      await sql`insert into journal_detail (id, salt, digest, body, at)
        values (${detail}, '\\x00', '\\x00', '{"a":1}', now() - make_interval(days => ${days}))`.execute(
        kysely,
      )
      await sql`insert into journal (usn, at, inbox_seq, kind, entity, detail, hash)
        values (${-days}, now() - make_interval(days => ${days}), 0, 'person', ${entity}, ${detail}, '\\x00')`.execute(
        kysely,
      )
    }
    await applyRetention(database)
    const { rows } = await sql`
      select (select array_agg(subject order by id) from removal) as removals,
             (select array_agg(external_id order by at desc) from source_gone) as gone,
             (select count(*)::int from journal where usn < 0) as journal,
             (select count(*)::int from journal_detail) as details`.execute(kysely)
    t.same(rows, [{ removals: ['1', '25'], gone: ['1', '179'], journal: 2, details: 2 }])
  },
)
