import { type Command, Option } from 'commander'
import { FILTER_FLAGS, FILTER_TEXTS } from '../sources/import.ts'

const DASHED = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Options that say whom of a source's people is meant; all that are given must hold. */
export function withFilter(command: Command): Command {
  for (const name of FILTER_FLAGS) {
    command.addOption(new Option(`--${DASHED(name)}`, `only who is ${words(name)}`))
    command.addOption(new Option(`--no-${DASHED(name)}`, `only who is not ${words(name)}`))
  }
  for (const name of FILTER_TEXTS)
    command.option(`--${DASHED(name)} <text>`, `of this ${words(name)}`)
  return command
    .option('--domain <name>', 'of this domain, by the UPN')
    .option('--group <name>', 'in this group, directly or through others')
    .option('--search <text>', 'part of the name shown, the UPN or the mail address')
}

const TEXTS = [...FILTER_TEXTS, 'domain', 'group', 'search'] as const

/** What was given of them; empty when nothing was. */
export function filterFrom(command: Command): Record<string, string | boolean> {
  const given: Record<string, string | boolean> = {}
  for (const name of [...FILTER_FLAGS, ...TEXTS]) {
    // `--no-x` makes commander say that x is true unless told otherwise.
    const value: unknown = command.getOptionValue(name)
    const isGiven = command.getOptionValueSource(name) === 'cli'
    if (isGiven && (typeof value === 'string' || typeof value === 'boolean')) given[name] = value
  }
  return given
}

function words(name: string): string {
  return name === 'onPremises' ? 'mastered on premises' : DASHED(name).replaceAll('-', ' ')
}
