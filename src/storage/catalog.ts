import { type Kysely, sql } from 'kysely'
import type { Tables } from './database.ts'

type AnyDatabase = Kysely<Tables> | Kysely<unknown>

export interface Column {
  readonly name: string
  /** As SQL says it, for a cast. */
  readonly type: string
}

export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
}

/** Told by the migrations, not by an archive. */
const OWN_TABLES = new Set(['schema_version'])

/** Every table with its columns, each after those it refers to. */
export async function readTables(db: AnyDatabase): Promise<readonly Table[]> {
  const { rows } = await sql<{ table: string; name: string; type: string }>`
    select c.relname as "table", a.attname as name, format_type(a.atttypid, a.atttypmod) as type
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    order by c.relname collate "C", a.attnum`.execute(db as Kysely<unknown>)
  const columns = new Map<string, Column[]>()
  for (const { table, name, type } of rows) {
    if (OWN_TABLES.has(table)) continue
    columns.set(table, [...(columns.get(table) ?? []), { name, type }])
  }
  const order = sortByReference([...columns.keys()], await readReferences(db))
  return order.map((name) => ({ name, columns: columns.get(name) ?? [] }))
}

async function readReferences(db: AnyDatabase): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const { rows } = await sql<{ from: string; to: string }>`
    select distinct k.conrelid::regclass::text as "from", k.confrelid::regclass::text as "to"
    from pg_constraint k
    where k.contype = 'f' and k.connamespace = 'public'::regnamespace and k.conrelid <> k.confrelid
    order by 1, 2`.execute(db as Kysely<unknown>)
  const references = new Map<string, Set<string>>()
  for (const { from, to } of rows) {
    references.set(from, (references.get(from) ?? new Set()).add(to))
  }
  return references
}

function sortByReference(
  names: readonly string[],
  references: ReadonlyMap<string, ReadonlySet<string>>,
): readonly string[] {
  const sorted: string[] = []
  const visited = new Set<string>()
  const visit = (name: string) => {
    if (visited.has(name)) return
    visited.add(name)
    for (const other of references.get(name) ?? []) visit(other)
    sorted.push(name)
  }
  for (const name of names) visit(name)
  return sorted
}

/** Next values of all sequences, by name. */
export async function readSequences(db: AnyDatabase): Promise<Readonly<Record<string, number>>> {
  const { rows } = await sql<{ name: string; next: number }>`
    select sequencename as name, coalesce(last_value + increment_by, start_value) as next
    from pg_sequences where schemaname = 'public' order by 1`.execute(db as Kysely<unknown>)
  return Object.fromEntries(rows.map(({ name, next }) => [name, next]))
}

/** Sets what a sequence gives next; a name that is not here any more is passed over. */
export async function writeSequence(db: AnyDatabase, name: string, next: number): Promise<void> {
  await sql`
    select setval(c.oid, ${next}, false) from pg_class c
    where c.relname = ${name} and c.relkind = 'S' and c.relnamespace = 'public'::regnamespace`.execute(
    db as Kysely<unknown>,
  )
}
