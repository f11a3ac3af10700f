import { type Kysely, sql } from 'kysely'
import t from 'tap'
import {
  asFault,
  isRetryable,
  isUnavailable,
  violatedConstraint,
} from '../../../src/storage/fault.ts'
import {
  checkSchema,
  type Migration,
  migrate,
  readMigrations,
  readSchema,
} from '../../../src/storage/migrate.ts'
import { eachEngine } from '../../support/database.ts'

const next = async (up: Migration['up']): Promise<readonly Migration[]> => {
  const all = await readMigrations()
  const version = (all.at(-1)?.version ?? 0) + 1
  return [...all, { version, name: 'next', up }]
}

await t.test('migrations are numbered without gaps', async (t) => {
  const versions = (await readMigrations()).map(({ version }) => version)
  t.same(
    versions,
    versions.map((_, index) => index + 1),
  )
})

await eachEngine(t, 'only what is due runs, once', async (t, database) => {
  const db = database.kysely
  const all = await readMigrations()
  const known = all.at(-1)?.version ?? 0
  t.same(await readSchema(db), { version: known, readableSince: 1 })
  t.same(await migrate(db), { from: known, to: known, applied: [] })
  await checkSchema(db)
  const due = await next(async (tx: Kysely<unknown>) => {
    await sql`create table added (n integer)`.execute(tx)
  })
  t.same(await migrate(db, due), { from: known, to: known + 1, applied: ['next'] })
  t.same(await migrate(db, due), { from: known + 1, to: known + 1, applied: [] })
})

await eachEngine(t, 'a migration that fails leaves nothing behind', async (t, database) => {
  const before = await readSchema(database.kysely)
  const broken = await next(async (tx) => {
    await sql`create table half (n integer)`.execute(tx)
    await sql`select no_such_column`.execute(tx)
  })
  await t.rejects(migrate(database.kysely, broken), /no_such_column/)
  t.same(await readSchema(database.kysely), before)
  const { rows } = await database.pool.query(`select to_regclass('half') as half`)
  t.same(rows, [{ half: null }])
})

await eachEngine(
  t,
  'a schema from a later release is refused in words, an older one named',
  async (t, database) => {
    const { pool, kysely } = database
    await pool.query('update schema_version set version = 99')
    await checkSchema(kysely)
    await pool.query('update schema_version set readable_since = 99')
    const refusal = { code: 'STORAGE_SCHEMA', message: /Install the newer release/ }
    await t.rejects(checkSchema(kysely), refusal)
    await t.rejects(migrate(kysely), refusal)
    await pool.query('update schema_version set version = 1, readable_since = 1')
    await t.rejects(checkSchema(kysely), { code: 'STORAGE_SCHEMA', message: /gatehouse migrate/ })
  },
)

await eachEngine(t, 'faults are told apart from answers', async (t, database) => {
  const { pool } = database
  const errorOf = (text: string) =>
    pool.query(text).then(
      () => null,
      (error: unknown) => error,
    )
  await pool.query('create table pair (n integer constraint pair_n unique)')
  await pool.query('insert into pair values (1)')
  t.equal(violatedConstraint(await errorOf('insert into pair values (1)')), 'pair_n')
  t.equal(violatedConstraint(await errorOf('select 1 / 0')), null)
  t.equal(isUnavailable(await errorOf('select 1 / 0')), false)
  for (const code of ['08006', '57P01', '53300', 'ECONNRESET', '57014', '25006']) {
    const error = Object.assign(new Error('x'), { code })
    t.match(asFault(error), { code: 'DIRECTORY_UNAVAILABLE', cause: error }, code)
  }
  t.equal(isRetryable(Object.assign(new Error('x'), { code: '40P01' })), true)
  const other = new Error('a bug')
  t.equal(asFault(other), other)
})

await eachEngine(t, 'a deadlock or serialisation failure is tried again', async (t, database) => {
  let tries = 0
  const result = await database.transaction(async (tx) => {
    tries++
    if (tries < 3)
      await sql`do $$ begin raise exception 'again' using errcode = '40001'; end $$`.execute(tx)
    return tries
  })
  t.equal(result, 3)
  await t.rejects(
    database.transaction((tx) => sql`select 1 / 0`.execute(tx)),
    /division by zero/,
  )
})
