import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { PasswordPolicy } from '../directory/password-policy.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { numberFrom } from './number.ts'
import { printFields } from './print.ts'

interface Options {
  readonly minLength?: string
  readonly maxLength?: string
  readonly minStrength?: string
  readonly history?: string
  readonly maxAgeDays?: string
  readonly neverExpire?: boolean
  readonly banned?: string
}

/** `password-policy show|set` */
export function addPasswordPolicy(program: Command, run: Run): void {
  const policy = program.command('password-policy').description('what passwords have to be')

  policy
    .command('show')
    .description('show the rules')
    .action(async (_options: unknown, command: Command) => await show(run(command)))

  policy
    .command('set')
    .description('change rules; they hold for passwords set from then on')
    .option('--min-length <n>', 'characters at least')
    .option('--max-length <n>', 'characters at most')
    .option('--min-strength <0-4>', "how hard to guess, by zxcvbn's measure")
    .option('--history <n>', 'earlier passwords that may not come back')
    .option('--max-age-days <n>', 'days after which a password has to be changed')
    .option('--never-expire', 'passwords stay good, as they do unless told otherwise')
    .option('--banned <file>', 'words no password may contain, one a line; `-` is standard input')
    .action(async ({ neverExpire, banned, ...rules }: Options, command: Command) => {
      const context = run(command)
      if (neverExpire === true && rules.maxAgeDays !== undefined)
        throw new CliError('give either --max-age-days or --never-expire')
      await context.client().send('PATCH', '/password-policy', {
        ...numbersOf(rules),
        ...(neverExpire === true ? { maxAgeDays: null } : {}),
        ...(banned === undefined ? {} : { banned: readWords(banned) }),
      })
      await show(context)
    })
}

async function show(context: CommandContext): Promise<void> {
  const policy = await context.client().get<PasswordPolicy>('/password-policy')
  context.show(policy, ({ maxAgeDays, banned, ...rules }) =>
    printFields(context.output, {
      ...rules,
      maxAgeDays: maxAgeDays ?? 'never',
      banned: banned.length === 0 ? 'no words' : banned,
    }),
  )
}

/** Options are named as the rules are. */
function numbersOf(rules: Readonly<Record<string, string>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(rules).map(([name, text]) => [name, numberFrom(`--${dashed(name)}`, text)]),
  )
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function readWords(file: string): readonly string[] {
  const lines = readFileSync(file === '-' ? 0 : file, 'utf8').split('\n')
  return lines.map((line) => line.trim()).filter((line) => line !== '')
}
