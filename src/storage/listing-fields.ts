import { type RawBuilder, sql } from 'kysely'
import type { OrderTest, TextField, TextTest, TimeField } from '../directory/ports/listing.ts'
import { IS_CHANGE } from './entities/principal-columns.ts'
import { type FoldedAttribute, foldedAttributes } from './folded-values.ts'

/** An expression, of whatever type. */
export type Sql = RawBuilder<unknown>

/** How a field is compared in one table's rows, and whether it is there. */
export interface TextColumn {
  /** Folded, save for ids; collated "C". */
  readonly compared: Sql
  readonly present: Sql
  /** A uuid, whose text is only looked at where no uuid can be compared. */
  readonly uuid?: Sql
}

/** The fields that a kind of row has. */
export interface Fields {
  readonly text: Readonly<Partial<Record<TextField, TextColumn>>>
  readonly time: Readonly<Partial<Record<TimeField, Sql>>>
}

function idColumn(column: Sql): TextColumn {
  return { compared: sql`${column}::text collate "C"`, present: sql`true`, uuid: column }
}

function plain(compared: Sql): TextColumn {
  return { compared, present: sql`${compared} is not null` }
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

function foldedColumn(name: FoldedAttribute): TextColumn {
  return {
    compared: sql`(p.folded ->> ${sql.lit(name)}) collate "C"`,
    present: sql`${sql.ref(`p.${snake(name)}`)} is not null`,
  }
}

/**
 * When a row, or what hangs on it, was last changed: a hold leaves the row of its person alone, but
 * not the journal. Where the journal has been cleared away, the row's own time remains.
 */
function changedAt(row: string, id: string): Sql {
  return sql`greatest(${sql.ref(row)}, (
    select j.at from journal j where j.entity = ${sql.ref(id)} and ${IS_CHANGE}
    order by j.usn desc limit 1))`
}

export const personChangedAt = changedAt('p.changed_at', 'p.id')
export const groupChangedAt = changedAt('g.changed_at', 'g.id')

/** Rows of `principal pr`, `person p`, and `connection_external_id x` of the asking connection. */
export const personFields: Fields = {
  text: {
    ...Object.fromEntries(foldedAttributes.map((name) => [name, foldedColumn(name)])),
    id: idColumn(sql`pr.id`),
    externalId: plain(sql`x.external_id`),
    username: plain(sql`p.username_folded`),
    displayName: plain(sql`p.display_name_folded`),
    mail: plain(sql`p.mail_folded`),
  },
  time: { createdAt: sql`pr.created_at`, changedAt: personChangedAt },
}

/** Rows of `directory_group g`, and `connection_external_id x`. */
export const groupFields: Fields = {
  text: {
    id: idColumn(sql`g.id`),
    externalId: plain(sql`x.external_id`),
    displayName: plain(sql`g.display_name_folded`),
  },
  time: { createdAt: sql`g.created_at`, changedAt: groupChangedAt },
}

/** Rows of `related r`, which has `id` and `display_name_folded` only. */
export const relatedFields: Fields = {
  text: { id: idColumn(sql`r.id`), displayName: plain(sql`r.display_name_folded`) },
  time: {},
}

const operators = {
  equals: sql`=`,
  above: sql`>`,
  atLeast: sql`>=`,
  below: sql`<`,
  atMost: sql`<=`,
} as const satisfies Record<OrderTest, Sql>

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function compareText(column: TextColumn, test: TextTest, value: string): Sql {
  const { compared } = column
  const wanted = sql`${value}::text`
  switch (test) {
    case 'contains':
      return sql`strpos(${compared}, ${wanted}) > 0`
    case 'startsWith':
      return sql`${compared} ^@ ${wanted}`
    case 'endsWith':
      return sql`right(${compared}, length(${wanted})) = ${wanted}`
    case 'equals':
      if (column.uuid === undefined) return sql`${compared} = ${wanted}`
      return uuid.test(value) ? sql`${column.uuid} = ${value}::uuid` : sql`false`
    default:
      return sql`${compared} ${operators[test]} ${wanted}`
  }
}

/** Times are told by the millisecond, so they are compared by it. */
export function compareTime(column: Sql, test: OrderTest, valueMs: number): Sql {
  return sql`date_trunc('milliseconds', ${column}) ${operators[test]} to_timestamp(${valueMs}::double precision / 1000)`
}
