import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { BadLine } from '../admin/apply-people.ts'
import type { Consequences } from '../admin/consequences.ts'
import type { CommandContext, Run } from './context.ts'
import { numberFrom } from './number.ts'

interface Options {
  readonly dryRun?: boolean
  readonly skipBad?: boolean
  readonly count?: string
}

interface Answer {
  readonly dryRun: boolean
  readonly people: number
  readonly losingAccess: number
  readonly bad: readonly BadLine[]
  readonly counts?: Readonly<Record<string, number>>
  readonly consequences?: readonly (Consequences & { readonly of: string })[]
}

/** `person apply` */
export function addApply(person: Command, run: Run): void {
  person
    .command('apply <file>')
    .description(
      'do what a sheet (CSV) says: person, action (activate, suspend, resume, delete, restore), start, leave, reason; `-` is standard input',
    )
    .option('--dry-run', 'tell what it would do, and change nothing')
    .option('--skip-bad', 'pass over lines that cannot be carried out')
    .option('--count <n>', 'how many lose access, where that is many')
    .action(async (file: string, options: Options, command: Command) => {
      const context = run(command)
      const bytes = readFileSync(file === '-' ? 0 : file)
      const query = new URLSearchParams({
        ...(options.dryRun === true ? { dryRun: 'true' } : {}),
        ...(options.skipBad === true ? { skipBad: 'true' } : {}),
        ...(options.count === undefined
          ? {}
          : { count: String(numberFrom('--count', options.count)) }),
      })
      const answer = await context
        .client()
        .upload<Answer>(`/people/apply?${query}`, { bytes, type: 'text/csv' })
      context.show(answer, (told) => print(context, told))
    })
}

function print({ output }: CommandContext, answer: Answer): void {
  const { dryRun, people, losingAccess, bad, counts = {}, consequences = [] } = answer
  if (dryRun)
    output.write(
      `dry run: nothing was changed\n${people} people, of whom ${losingAccess} lose access\n`,
    )
  for (const { of, username, summary } of consequences)
    output.write(`${of} ${username}: ${summary}\n`)
  for (const { line, why } of bad) output.write(`line ${line}: ${why}\n`)
  if (dryRun) return
  const done = Object.entries(counts).map(([what, count]) => `${what} ${count}`)
  output.write(`${done.length === 0 ? 'nothing was left to do' : done.join(', ')}\n`)
}
