import { openDatabase } from '../../src/storage/connection.ts'

/**
 * A process that opens an embedded database and commits numbered rows, one after the other, printing
 * each number once it is acknowledged, until a test kills it.
 */
const [dataDir] = process.argv.slice(2)
if (!dataDir) throw new Error('no data directory given')

try {
  const database = await openDatabase({ dataDir })
  await database.pool.query('create table written (n integer primary key)')
  for (let n = 1; ; n++) {
    await database.pool.query('insert into written values ($1)', [n])
    process.stdout.write(`${n}\n`)
  }
} catch (error) {
  process.stdout.write(`failed ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
