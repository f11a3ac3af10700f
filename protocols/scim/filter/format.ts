import { formatAttributePath } from '../attribute-path.ts'
import type { Filter, ValuePathRest } from './ast.ts'

/** The inverse of `parseFilter`: reading the text again gives an equal filter. */
export function formatFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.operands
        .map((operand) => formatOperand(operand, filter.kind))
        .join(` ${filter.kind} `)
    case 'not':
      return `not (${formatFilter(filter.operand)})`
    case 'present':
      return `${formatAttributePath(filter.path)} pr`
    case 'compare':
      return `${formatAttributePath(filter.path)} ${filter.op} ${JSON.stringify(filter.value)}`
    case 'valuePath':
      return `${formatAttributePath(filter.path)}[${formatFilter(filter.filter)}]${formatRest(filter.rest)}`
  }
}

function formatOperand(operand: Filter, within: 'and' | 'or'): string {
  const text = formatFilter(operand)
  const bindsTighter = within === 'or' && operand.kind === 'and'
  const isAtom = operand.kind !== 'and' && operand.kind !== 'or'
  return isAtom || bindsTighter ? text : `(${text})`
}

function formatRest(rest: ValuePathRest | null): string {
  if (rest === null) return ''
  return rest.kind === 'present'
    ? `.${rest.sub} pr`
    : `.${rest.sub} ${rest.op} ${JSON.stringify(rest.value)}`
}
