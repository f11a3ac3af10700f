import { openDatabase } from '../../src/storage/connection.ts'

/**
 * A process that opens an embedded database and commits numbered rows, one after the other, printing
 * each number once it is acknowledged. Tests kill it. With a second argument `hold` it only opens.
 */
const [dataDir, mode] = process.argv.slice(2)
if (!dataDir) throw new Error('no data directory given')

try {
  const database = await openDatabase({ dataDir })
  process.stdout.write('open\n')
  if (mode === 'hold') {
    setInterval(() => {}, 60_000)
  } else {
    await database.pool.query('create table if not exists written (n integer primary key)')
    const { rows } = await database.pool.query<{ last: number }>(
      'select coalesce(max(n), 0) as last from written',
    )
    for (let n = (rows[0]?.last ?? 0) + 1; ; n++) {
      await database.pool.query('insert into written values ($1)', [n])
      process.stdout.write(`${n}\n`)
    }
  }
} catch (error) {
  process.stdout.write(`failed ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
