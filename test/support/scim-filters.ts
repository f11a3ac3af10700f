import { readFileSync } from 'node:fs'
import { type Filter, formatAttributePath, ScimError } from '../../protocols/scim/index.ts'

/** Lines `word  text` of a file of vectors; comments and empty lines left out. */
export function readVectors(
  name: string,
): readonly { readonly word: string; readonly text: string }[] {
  const lines = readFileSync(`test/vectors/scim/${name}`, 'utf8').split('\n')
  return lines
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [word = ''] = line.split(' ', 1)
      return { word, text: line.slice(word.length).trimStart() }
    })
}

/** Prefix form, in which nothing is implied. */
export function showFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${filter.kind} ${filter.operands.map(showFilter).join(' ')})`
    case 'not':
      return `(not ${showFilter(filter.operand)})`
    case 'present':
      return `(pr ${formatAttributePath(filter.path)})`
    case 'compare':
      return `(${filter.op} ${formatAttributePath(filter.path)} ${JSON.stringify(filter.value)})`
    case 'valuePath':
      return showValuePath(filter)
  }
}

function showValuePath({ path, filter, rest }: Extract<Filter, { kind: 'valuePath' }>): string {
  const inner = `${formatAttributePath(path)} ${showFilter(filter)}`
  if (rest === null) return `(some ${inner})`
  const test =
    rest.kind === 'present'
      ? `(pr ${rest.sub})`
      : `(${rest.op} ${rest.sub} ${JSON.stringify(rest.value)})`
  return `(some ${inner} ${test})`
}

/** How `run` refused; fails when it didn't, or with anything but a {@link ScimError}. */
export function refusalOf(run: () => unknown): ScimError {
  try {
    run()
  } catch (error) {
    if (error instanceof ScimError) return error
    throw error
  }
  throw new Error('nothing was refused')
}
