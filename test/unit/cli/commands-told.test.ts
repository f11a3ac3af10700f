import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import t from 'tap'
import { makeProgram } from '../../../src/cli/program.ts'

const program = makeProgram({ env: {}, signal: AbortSignal.abort(), write: () => undefined })

/** What is wrong with a command line as a page or a message tells it; null when it can be run. */
function findFault(line: string): string | null {
  let command: Command = program
  const known = new Set(['--help', '--version'])
  const learn = () => {
    for (const { long } of command.options) if (long) known.add(long)
  }
  learn()
  for (const words of line.trim().split(/[\s=]+/)) {
    // `show|set` stands for both.
    const word = words.split('|').find((one) => !isKnown(command, one)) ?? words.split('|')[0] ?? ''
    if (word.startsWith('--') && !known.has(word)) return `no option ${word}`
    const next = command.commands.find((one) => one.name() === word)
    if (next !== undefined) command = next
    else if (command.commands.length > 0 && /^[a-z]/.test(word) && command !== program)
      if (!isArgument(command)) return `no command ${word}`
    learn()
  }
  return null
}

function isKnown(command: Command, word: string): boolean {
  return command.commands.some((one) => one.name() === word)
}

/** Such as `log`, which does something itself and has commands besides. */
function isArgument(command: Command): boolean {
  return command.registeredArguments.length > 0 || command.options.length > 0
}

/** Commands in blocks of code and between backticks: `gatehouse …` up to what ends it. */
function* commandsIn(text: string): Iterable<string> {
  for (const [, line] of text.matchAll(/`(?:npx )?gatehouse ([a-z][^`\\]*)/g)) if (line) yield line
  for (const [, line] of text.matchAll(/^(?:npx )?gatehouse ([a-z][^#|>\n]*)/gm))
    if (line) yield line
}

function files(folder: string, ending: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
}

t.test(
  'each command that a page, a message or a reason tells exists, with its options',
  async (t) => {
    const pages = ['README.md', ...files('docs', '.md'), ...files('src', '.ts')]
    let found = 0
    for (const page of pages)
      for (const line of commandsIn(readFileSync(page, 'utf8').replaceAll('\\\n', ''))) {
        found += 1
        const fault = findFault(line)
        if (fault !== null) t.fail(`${page}: gatehouse ${line}: ${fault}`)
      }
    t.ok(found > 200, `${found} commands were looked at`)
  },
)
