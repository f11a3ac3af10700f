/** Where a command writes: text for people, or JSON for machines. */
export interface Output {
  readonly isJson: boolean
  write(text: string): void
}

type Cell = string | number | boolean | null | undefined

const GAP = '  '

/** A table with a heading, columns as wide as they must be; `none` is said when there are no rows. */
export function printTable(
  out: Output,
  rows: readonly Readonly<Record<string, Cell>>[],
  none: string,
): void {
  const [first] = rows
  if (first === undefined) {
    out.write(`${none}\n`)
    return
  }
  const columns = Object.keys(first)
  const lines = [
    columns.map((column) => column.toUpperCase()),
    ...rows.map((row) => columns.map((column) => formatCell(row[column]))),
  ]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)))
  for (const line of lines)
    out.write(
      `${line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join(GAP)
        .trimEnd()}\n`,
    )
}

/** `name: value` a line; lists go on with indentation, what is null is left out. */
export function printFields(
  out: Output,
  value: Readonly<Record<string, unknown>>,
  indent = '',
): void {
  for (const [name, item] of Object.entries(value)) {
    if (item === null || item === undefined) continue
    if (Array.isArray(item)) printList(out, { name, items: item }, indent)
    else if (typeof item === 'object') {
      out.write(`${indent}${words(name)}:\n`)
      printFields(out, item as Record<string, unknown>, `${indent}  `)
    } else out.write(`${indent}${words(name)}: ${String(item)}\n`)
  }
}

export function printJson(out: Output, value: unknown): void {
  out.write(`${JSON.stringify(value, null, 2)}\n`)
}

function printList(
  out: Output,
  list: { name: string; items: readonly unknown[] },
  indent: string,
): void {
  if (list.items.length === 0) return
  out.write(`${indent}${words(list.name)}:\n`)
  for (const item of list.items) {
    const text =
      typeof item === 'object' && item !== null
        ? Object.entries(item)
            .filter(([, part]) => part !== null && part !== false)
            .map(([name, part]) => (part === true ? words(name) : formatPart(part)))
            .join(GAP)
        : String(item)
    out.write(`${indent}  ${text}\n`)
  }
}

function formatPart(part: unknown): string {
  return typeof part === 'object' ? JSON.stringify(part) : String(part)
}

function formatCell(cell: Cell): string {
  return cell === null || cell === undefined ? '-' : String(cell)
}

/** `uidNumber` is read as `uid number`. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
