import { type Kysely, sql } from 'kysely'
import type { Tables } from '../../src/storage/database.ts'

interface Column {
  readonly table: string
  readonly column: string
  readonly type: string
  readonly nullable: boolean
  readonly fallback: boolean
  readonly identity: boolean
}

const SCALARS: Readonly<Record<string, string>> = {
  uuid: 'string',
  text: 'string',
  inet: 'string',
  cidr: 'string',
  bool: 'boolean',
  int4: 'number',
  int8: 'number',
  timestamptz: 'Timestamp',
  bytea: 'Buffer',
  jsonb: 'Json',
}

/** The text `src/storage/database.ts` must have for the tables that are in the database. */
export async function renderCatalogTypes(db: Kysely<Tables>): Promise<string> {
  const columns = await readColumns(db)
  const choices = await readChoices(db)
  const tables = groupByTable(columns)
  const blocks = [...tables].map(([table, own]) => {
    const lines = own.map((column) => `  ${column.column}: ${renderColumn(column, choices)}`)
    return `export interface ${pascal(table)}Table {\n${lines.join('\n')}\n}\n`
  })
  const index = [...tables.keys()].map((table) => `  ${table}: ${pascal(table)}Table`)
  return `${HEAD}\n${blocks.join('\n')}\n/** Every table, as Kysely wants it. */\nexport interface Tables {\n${index.join('\n')}\n}\n`
}

const HEAD = `// Rendered from the catalog after all migrations; a test compares. See CONTRIBUTING.md.
import type { ColumnType, Generated } from 'kysely'

/** Goes in as a Date or ISO text, comes out as a Date. */
export type Timestamp = ColumnType<Date, Date | string, Date | string>
/** Comes out parsed, goes in as JSON text. */
export type Json = ColumnType<unknown, string, string>
/** The same with a default, which \`Generated<Timestamp>\` would hide. */
export type GeneratedTimestamp = ColumnType<Date, Date | string | undefined, Date | string>
export type GeneratedJson = ColumnType<unknown, string | undefined, string>
/** Given by the database alone. */
export type Identity = ColumnType<number, never, never>
`

function groupByTable(columns: readonly Column[]): Map<string, Column[]> {
  const tables = new Map<string, Column[]>()
  for (const column of columns) {
    tables.set(column.table, [...(tables.get(column.table) ?? []), column])
  }
  return tables
}

function pascal(name: string): string {
  return name.replace(/(?:^|_)([a-z])/g, (_whole, letter: string) => letter.toUpperCase())
}

function renderColumn(column: Column, choices: ReadonlyMap<string, string>): string {
  if (column.identity) return 'Identity'
  const base = choices.get(`${column.table}.${column.column}`) ?? renderType(column.type)
  const value = column.nullable ? `${base} | null` : base
  if (!column.fallback || column.nullable) return value
  return base === 'Timestamp' || base === 'Json' ? `Generated${base}` : `Generated<${value}>`
}

function renderType(type: string): string {
  const isArray = type.startsWith('_')
  const scalar = SCALARS[isArray ? type.slice(1) : type]
  if (scalar === undefined) throw new Error(`no TypeScript type is known for ${type}`)
  return isArray ? `${scalar}[]` : scalar
}

async function readColumns(db: Kysely<Tables>): Promise<readonly Column[]> {
  const { rows } = await sql<Column>`
    select c.relname as "table", a.attname as "column", t.typname as "type",
           not a.attnotnull as "nullable", a.atthasdef as "fallback", a.attidentity <> '' as "identity"
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    order by c.relname collate "C", a.attnum`.execute(db)
  return rows
}

/** `check (kind in ('a', 'b'))` on one column becomes the union of its literals. */
async function readChoices(db: Kysely<Tables>): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ key: string; definition: string }>`
    select c.relname || '.' || a.attname as "key", pg_get_constraintdef(k.oid) as "definition"
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
    where k.contype = 'c' and array_length(k.conkey, 1) = 1`.execute(db)
  return new Map(
    rows.flatMap(({ key, definition }) => {
      const list = /= ANY \(ARRAY\[(.*)\]\)/.exec(definition)?.[1]
      const literals = list?.match(/'[^']*'/g)
      return literals ? [[key, literals.join(' | ')] as const] : []
    }),
  )
}
