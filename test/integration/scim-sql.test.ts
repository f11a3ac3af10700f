import { Kysely, PostgresDialect, sql } from 'kysely'
import t, { type Test } from 'tap'
import {
  bindFilter,
  groupType,
  parseFilter,
  type ResourceStores,
  type ResourceType,
  ScimError,
  Selection,
  userType,
} from '../../protocols/scim/index.ts'
import type { Position } from '../../src/directory/change.ts'
import type { PrincipalId } from '../../src/directory/id.ts'
import { makeStores } from '../../src/gateway/scim/stores.ts'
import type { Tables } from '../../src/storage/database.ts'
import { PostgresListing } from '../../src/storage/listing.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { sharedPostgres } from '../support/postgres.ts'
import { DirectoryRows } from '../support/scim-directory.ts'

const PEOPLE = 3_000
const SEARCH_LIMIT_MS = 300
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

interface Watched {
  readonly stores: ResourceStores
  /** What was sent to the database, oldest first. */
  readonly statements: Statement[]
}

function watch(
  database: TestDatabase,
  connectionId: string,
  position: () => Position | null = () => null,
): Watched {
  const statements: Statement[] = []
  const kysely = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: database.pool }),
    log: ({ query }) => {
      statements.push({ sql: query.sql, parameters: query.parameters })
    },
  })
  const listing = new PostgresListing({ kysely }, { searchLimitMs: SEARCH_LIMIT_MS, position })
  const audience = { connectionId: connectionId as PrincipalId, view: { sees: 'all' } } as const
  return { stores: makeStores(listing, audience), statements }
}

async function list(
  { stores }: Watched,
  type: ResourceType,
  question: { readonly filter?: string; readonly excluded?: string; readonly count?: number },
) {
  const { filter, excluded, count = 10 } = question
  return await stores[type.name].list({
    filter: filter === undefined ? null : bindFilter(parseFilter(filter), type),
    sort: null,
    startIndex: 1,
    count,
    selection: new Selection(type, {
      attributes: null,
      excludedAttributes: excluded === undefined ? null : [excluded],
    }),
    locate: (_type, id) => id,
    signal: new AbortController().signal,
  })
}

/** Many people by one statement, with names and addresses that tell their number. */
async function fill(database: TestDatabase): Promise<string> {
  const rows = new DirectoryRows(database)
  const connection = await rows.addConnection('app')
  await database.pool.query(`
    with made as (
      insert into principal (id, kind, lifecycle)
      select gen_random_uuid(), 'person', 'active' from generate_series(1, ${PEOPLE})
      returning id, no)
    insert into person (id, username, username_folded, display_name, display_name_folded, mail,
      mail_folded, uid_number, gid_number, home_directory, login_shell)
    select id, 'user' || no, 'user' || no, 'User ' || no, 'user ' || no, 'user' || no || '@x.example',
      'user' || no || '@x.example', no, no, '/', '/' from made`)
  await database.pool.query(`
    insert into connection_external_id
    select '${connection}', id, 'ext-' || no from principal where kind = 'person'`)
  await rows.addGroup({ name: 'everyone' })
  await database.pool.query(`
    insert into membership select g.no, p.no, 'person'
    from directory_group g, principal p where p.kind = 'person'`)
  await database.pool.query('vacuum analyze')
  return connection
}

async function planOf(database: TestDatabase, statement: Statement): Promise<string> {
  const client = await database.pool.connect()
  try {
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${statement.sql}`, [
      ...statement.parameters,
    ])
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  } finally {
    client.release()
  }
}

await t.test('lists on a larger directory', { skip: await noPostgres() }, async (t) => {
  const database = await testDatabase(t, { engine: 'postgresql' })
  const connection = await fill(database)
  const { rows } = await database.pool.query<{ id: string; no: number }>(
    'select id, no from principal where kind = $1 order by no offset 1000 limit 1',
    ['person'],
  )
  const { id = '', no = 0 } = rows[0] ?? {}
  await lookUps(t, database, { connection, id, no })
  await membersUntouched(t, database, connection)
  await tooLong(t, database, connection)
  await injection(t, database, connection)
  await countedOnce(t, database, connection)
})

/** With CI=true nothing may be left out. */
async function noPostgres(): Promise<string | false> {
  return (await sharedPostgres()) !== null || process.env['CI'] === 'true' ? false : 'no PostgreSQL'
}

async function lookUps(
  t: Test,
  database: TestDatabase,
  one: { readonly connection: string; readonly id: string; readonly no: number },
): Promise<void> {
  await t.test(
    'what clients match people by is found by an index, in one statement and a few rows',
    async (t) => {
      const filters = [
        `userName eq "USER${one.no}"`,
        `emails[type eq "work"].value eq "User${one.no}@x.example"`,
        `emails.value eq "user${one.no}@X.example" and active eq true`,
        `externalId eq "ext-${one.no}"`,
        `id eq "${one.id}"`,
      ]
      for (const filter of filters) {
        const watched = watch(database, one.connection)
        const page = await list(watched, userType, { filter, excluded: 'groups' })
        t.same(
          page.resources.map((resource) => resource['id']),
          [one.id],
          filter,
        )
        const [statement, ...more] = watched.statements
        if (statement === undefined) throw new Error('nothing was asked')
        t.same(more, [], 'no count, no transaction, no memberships')
        const plan = await planOf(database, statement)
        t.notMatch(
          plan,
          /Seq Scan on (principal|person|connection_external_id)/,
          `${filter}\n${plan}`,
        )
        t.notMatch(statement.sql, /lower\s*\(/i)
      }
    },
  )
}

async function membersUntouched(
  t: Test,
  database: TestDatabase,
  connection: string,
): Promise<void> {
  await t.test(
    'excludedAttributes=members and =groups leave the table of members alone',
    async (t) => {
      const locker = await database.direct()
      t.teardown(() => locker.end())
      await locker.query('begin; lock table membership in access exclusive mode')
      const watched = watch(database, connection)
      const groups = await list(watched, groupType, { excluded: 'members' })
      t.equal(groups.totalResults, 1)
      t.equal(groups.resources[0]?.['members'], undefined)
      const people = await list(watched, userType, { excluded: 'groups' })
      t.equal(people.totalResults, PEOPLE)
      await t.rejects(list(watched, groupType, {}), ScimError, 'with them it waits for the lock')
      await locker.query('rollback')
      const whole = await list(watched, groupType, {})
      const members = (whole.resources[0]?.['members'] ?? []) as readonly unknown[]
      t.equal(members.length, PEOPLE)
    },
  )
}

async function tooLong(t: Test, database: TestDatabase, connection: string): Promise<void> {
  await t.test('RFC 7644 §3.12: a search the database gives up on is tooMany', async (t) => {
    const locker = await database.direct()
    t.teardown(() => locker.end())
    await locker.query('begin; lock table hold in access exclusive mode')
    const watched = watch(database, connection)
    const startedAtMs = performance.now()
    const refusal = await list(watched, userType, { filter: 'active eq false' }).then(
      () => null,
      (error: unknown) => error,
    )
    t.match(refusal, { name: 'ScimError', status: 400, scimType: 'tooMany' })
    t.ok(performance.now() - startedAtMs < SEARCH_LIMIT_MS * 20, 'it did not wait for the lock')
    await locker.query('rollback')
    t.equal((await list(watched, userType, { filter: 'active eq false' })).totalResults, 0)
  })
}

async function injection(t: Test, database: TestDatabase, connection: string): Promise<void> {
  await t.test('values never become part of a statement', async (t) => {
    const hostile = `'); drop table person; -- $1 \\ % _ "`
    const watched = watch(database, connection)
    for (const op of ['eq', 'co', 'sw', 'ew', 'gt']) {
      for (const path of [
        'userName',
        'id',
        'externalId',
        `${enterprise}:department`,
        'groups.display',
      ]) {
        const value = JSON.stringify(hostile)
        await list(watched, userType, { filter: `${path} ${op} ${value}`, count: 1 })
      }
    }
    t.notOk(watched.statements.some((statement) => statement.sql.includes('drop table')))
    const { rows } = await sql<{ n: number }>`select count(*) as n from person`.execute(
      database.kysely,
    )
    t.equal(rows[0]?.n, PEOPLE)
  })
}

async function countedOnce(t: Test, database: TestDatabase, connection: string): Promise<void> {
  await t.test('a total is counted once for as long as the journal stands still', async (t) => {
    let usn = 1
    const watched = watch(database, connection, () => ({ usn, epoch: 'one' }))
    const counts = () => watched.statements.filter(({ sql }) => sql.includes('count(*)')).length
    const ask = async (filter?: string) => {
      const question = { excluded: 'groups', ...(filter === undefined ? {} : { filter }) }
      return (await list(watched, userType, question)).totalResults
    }
    t.same([await ask(), await ask(), counts()], [PEOPLE, PEOPLE, 1])
    await ask('userName sw "user1"')
    t.equal(counts(), 2, 'another question is counted for itself')
    await database.pool.query("update principal set lifecycle = 'staged' where no = 10")
    usn = 2
    t.same([await ask(), counts()], [PEOPLE - 1, 3])
  })
}
