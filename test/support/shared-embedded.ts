import type { Database } from '../../src/storage/connection.ts'

const LIST_TABLES = `
  select c.oid::regclass::text as name from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`
const LIST_SEQUENCES = `
  select c.oid::regclass::text as name from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'S'`

async function listNames(database: Database, query: string): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ name: string }>(query)
  return rows.map(({ name }) => name)
}

/**
 * Remembers what the migrations left behind; what it gives brings exactly that back. Opening the
 * embedded database takes a second, so the tests of a file share one and empty it in between.
 */
export async function makeReset(database: Database): Promise<() => Promise<void>> {
  const { pool } = database
  const tables = await listNames(database, LIST_TABLES)
  const sequences = await listNames(database, LIST_SEQUENCES)
  const seeds: { readonly table: string; readonly rows: string }[] = []
  for (const table of tables) {
    const { rows } = await pool.query(`select jsonb_agg(t) as rows from ${table} t`)
    if (rows[0].rows !== null) seeds.push({ table, rows: JSON.stringify(rows[0].rows) })
  }
  return async () => {
    const added = (await listNames(database, LIST_TABLES)).filter((name) => !tables.includes(name))
    if (added.length > 0) await pool.query(`drop table ${added.join(', ')} cascade`)
    await pool.query(`truncate ${tables.join(', ')}`)
    await pool.query(sequences.map((name) => `alter sequence ${name} restart`).join(';'))
    for (const { table, rows } of seeds) {
      await pool.query(
        `insert into ${table} overriding system value
         select * from jsonb_populate_recordset(null::${table}, $1::jsonb)`,
        [rows],
      )
    }
  }
}

/** The same database, which `stop` leaves open for the next test. */
export function keepOpen(database: Database): Database {
  return {
    kind: database.kind,
    pool: database.pool,
    kysely: database.kysely,
    direct: (options) => database.direct(options),
    transaction: (run) => database.transaction(run),
    write: (run) => database.write(run),
    maintain: () => database.maintain(),
    stop: async () => {},
  }
}
