import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/storage/connection.ts'
import { lockDirectory } from '../../src/storage/directory-lock.ts'
import { embeddedDirectory, testDatabase } from '../support/database.ts'

const WRITER = fileURLToPath(new URL('../support/embedded-writer.ts', import.meta.url))

function startWriter(t: Test, parameters: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', WRITER, ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** Lines of a process's output as they come; resolves `until` when one fits or it ends. */
function readLines(child: ChildProcess) {
  const lines: string[] = []
  let rest = ''
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  const until = async (test: (line: string) => boolean) => {
    while (!lines.some(test)) {
      const isEnded = await Promise.race([closed.then(() => true), sleep(10).then(() => false)])
      if (isEnded && !lines.some(test)) throw new Error(`it ended with: ${lines.join(' | ')}`)
    }
  }
  return { lines, until, closed }
}

await t.test(
  'a second process on the same directory is refused and told who holds it',
  async (t) => {
    const dataDir = await embeddedDirectory(t)
    const lock = await lockDirectory(dataDir)
    t.teardown(() => lock.release())
    const output = readLines(startWriter(t, [dataDir]))
    await output.closed
    t.match(output.lines, [new RegExp(`^failed .*in use by process ${process.pid};`)])
  },
)

await t.test('of many that race for a stale lock one wins', async (t) => {
  const dataDir = mkdtempSync('/tmp/gh-lock-')
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  for (let round = 0; round < 3; round++) {
    writeFileSync(join(dataDir, 'lock'), '')
    const tried = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(dataDir)))
    const won = tried.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    t.equal(won.length, 1)
    await won[0]?.release()
  }
  t.equal(existsSync(join(dataDir, 'lock')), false)
})

await t.test('a directory whose lock would have too long a path is refused in words', async (t) => {
  await t.rejects(lockDirectory(`/tmp/${'x'.repeat(110)}`), { message: /shorter path/ })
})

await t.test('no acknowledged row is lost when the process is killed', async (t) => {
  const dataDir = await embeddedDirectory(t)
  const writer = startWriter(t, [dataDir])
  const output = readLines(writer)
  await output.until((line) => Number(line) >= 100)
  writer.kill('SIGKILL')
  await output.closed
  const acknowledged = Math.max(...output.lines.map(Number).filter(Number.isInteger))
  const database = await openDatabase({ dataDir })
  const { rows } = await database.pool.query('select count(*)::int as n, max(n) from written')
  await database.stop()
  t.ok(rows[0].n >= acknowledged, `${rows[0].n} of ${acknowledged} rows are there`)
  t.equal(rows[0].n, rows[0].max)
})

await t.test('the files are closed to others, and a wide-open directory is refused', async (t) => {
  const dataDir = await embeddedDirectory(t)
  const cluster = join(dataDir, 'database')
  t.equal(statSync(cluster).mode & 0o777, 0o700)
  chmodSync(cluster, 0o755)
  await t.rejects(openDatabase({ dataDir }), { code: 'STORAGE_UNREADABLE', message: /chmod 700/ })
  chmodSync(cluster, 0o700)
  writeFileSync(join(cluster, 'PG_VERSION'), '17\n')
  await t.rejects(openDatabase({ dataDir }), { message: /written by PostgreSQL 17/ })
})

await t.test('writes are synced: the server says so', async (t) => {
  const database = await testDatabase(t, { engine: 'embedded' })
  const { rows } = await database.pool.query(
    `select current_setting('fsync') as fsync, current_setting('wal_sync_method') as method,
            current_setting('jit') as jit, current_setting('timezone') as zone`,
  )
  t.same(rows, [{ fsync: 'on', method: 'fsync', jit: 'off', zone: 'UTC' }])
})

await t.test(
  'a statement that does not end is ended, and the database is there again',
  async (t) => {
    const dataDir = await embeddedDirectory(t)
    const database = await openDatabase({ dataDir, statementLimitMs: 400 })
    t.teardown(() => database.stop())
    await database.pool.query('create table kept (n integer)')
    await database.pool.query('insert into kept values (1)')
    const startedAtMs = performance.now()
    await t.rejects(
      database.pool.query('select count(*) from generate_series(1, 400000000)'),
      /the embedded database stopped/,
    )
    t.ok(performance.now() - startedAtMs < 5_000)
    t.same((await database.pool.query('select n from kept')).rows, [{ n: 1 }])
  },
)

await t.test('a backend that died is replaced', async (t) => {
  const database = await testDatabase(t, { engine: 'embedded' })
  await database.pool.query('create table copied (n integer)')
  await database.pool.query('insert into copied values (7)')
  // COPY FROM STDIN ends the embedded backend, like a PANIC does.
  await t.rejects(database.pool.query('copy copied from stdin'))
  t.same((await database.pool.query('select n from copied')).rows, [{ n: 7 }])
})

await t.test('vacuum and checkpoint run on demand', async (t) => {
  const database = await testDatabase(t, { engine: 'embedded' })
  await database.pool.query(
    'create table bulky as select n, repeat(n::text, 100) from generate_series(1, 5000) n',
  )
  for (let round = 0; round < 3; round++)
    await database.pool.query('delete from bulky where n % 2 = 0')
  await database.maintain()
  const { rows } = await database.pool.query(
    `select relpages > 0 as analysed, reltuples::int as tuples from pg_class where relname = 'bulky'`,
  )
  t.same(rows, [{ analysed: true, tuples: 2500 }])
})

await t.test(
  'transactions of many connections do not mix, also when connections drop',
  async (t) => {
    const database = await testDatabase(t, { engine: 'embedded' })
    await database.pool.query(
      'create table account (id integer primary key, amount integer not null)',
    )
    await database.pool.query('insert into account select n, 100 from generate_series(1, 5) n')
    const clients = await Promise.all(Array.from({ length: 6 }, () => database.direct()))
    let dropped = 0
    await Promise.all(
      clients.map(async (client, number) => {
        for (let round = 0; round < 15; round++) {
          await client.query('begin')
          await client.query('update account set amount = amount - 1 where id = $1', [
            1 + (round % 5),
          ])
          await sleep(Math.random() * 3)
          if (number === 0 && round === 7) {
            // Gone in mid-transaction, without a word.
            client.connection.stream.destroy()
            dropped++
            return
          }
          await client.query('update account set amount = amount + 1 where id = $1', [
            1 + ((round + 1) % 5),
          ])
          await client.query(round % 10 === 3 ? 'rollback' : 'commit')
        }
      }),
    )
    await Promise.all(clients.map((client) => client.end().catch(() => {})))
    t.equal(dropped, 1)
    const { rows } = await database.pool.query('select sum(amount)::int as total from account')
    t.same(rows, [{ total: 500 }])
  },
)

await t.test('notifications reach the other connections after the commit', async (t) => {
  const database = await testDatabase(t, { engine: 'embedded' })
  const listener = await database.direct()
  t.teardown(() => listener.end())
  await listener.query('listen test_channel')
  const received = new Promise((resolve) =>
    listener.once('notification', (n) => resolve(n.payload)),
  )
  await database.pool.query(`select pg_notify('test_channel', 'hello')`)
  t.equal(await received, 'hello')
})
