import { type Command, Option } from 'commander'
import { DEPARTURES, type Departure } from '../sources/departure.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { numberFrom } from './number.ts'
import { confirm } from './prompt.ts'
import { withoutUndefined } from './source-options.ts'

interface Options {
  readonly people: Departure
  readonly count?: string
  readonly reason?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

interface Outlook {
  readonly lines: readonly string[]
  readonly consequences: readonly {
    readonly username: string
    readonly loses: Readonly<Record<string, readonly string[]>>
  }[]
}

const DONE: Readonly<Record<Departure, (affected: number) => string>> = {
  keep: () => 'its people stay as they are',
  suspend: (affected) => `${affected} suspended`,
  delete: (affected) => `${affected} deleted`,
}

/** `source disconnect` */
export function addDisconnect(source: Command, run: Run): void {
  source
    .command('disconnect <source>')
    .description('read and write there no more; its people are kept, suspended or deleted')
    .addOption(
      new Option('--people <what>', 'what becomes of its people')
        .choices(DEPARTURES)
        .makeOptionMandatory(),
    )
    .option('--count <n>', 'how many you mean, where that is many')
    .option('--reason <text>', 'kept in the journal')
    .option('--dry-run', 'tell what it would do, and change nothing')
    .option('--yes', 'without being asked')
    .action(async (name: string, options: Options, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/disconnect`
      const { people, reason } = options
      if (options.dryRun === true) {
        const outlook = await context.client().get<Outlook>(path, { people })
        return context.show(outlook, (shown) => {
          context.output.write('dry run: nothing was changed\n')
          printOutlook(context, shown)
        })
      }
      if (options.yes !== true) await askFirst(context, { name, path, people })
      const count = options.count === undefined ? undefined : numberFrom('--count', options.count)
      const body = withoutUndefined({ people, count, reason })
      const answer = await context
        .client()
        .send<{ source: string; affected: number }>('POST', path, body)
      context.show(answer, ({ affected }) =>
        context.output.write(`${answer.source} is disconnected: ${DONE[people](affected)}\n`),
      )
    })
}

function printOutlook({ output }: CommandContext, { lines, consequences }: Outlook): void {
  for (const line of lines) output.write(`${line}\n`)
  for (const { username, loses } of consequences) {
    const names = Object.values(loses).flat()
    if (names.length > 0) output.write(`${username} loses ${names.join(', ')}\n`)
  }
}

/** @throws {CliError} where nobody can be asked, or says no */
async function askFirst(
  context: CommandContext,
  what: { readonly name: string; readonly path: string; readonly people: Departure },
): Promise<void> {
  const { name, path, people } = what
  const outlook = await context.client().get<Outlook>(path, { people })
  if (!context.output.isJson) printOutlook(context, outlook)
  if (await confirm(`Disconnect ${name}?`, context.signal)) return
  throw new CliError('nothing was changed')
}
