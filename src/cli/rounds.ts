import type { Command } from 'commander'
import type { RoundsReport } from '../admin/parts.ts'
import type { UndoCounts, UndoOutlook } from '../sources/round-undo.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { numberFrom } from './number.ts'
import { printTable } from './print.ts'
import { confirm } from './prompt.ts'
import { withoutUndefined } from './source-options.ts'

interface Options {
  readonly count?: string
  readonly reason?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

/** `source rounds|undo` */
export function addRounds(source: Command, run: Run): void {
  source
    .command('rounds <source>')
    .description('what the latest rounds did')
    .option('--limit <n>', 'how many of the latest', '20')
    .action(async (name: string, options: { limit: string }, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/rounds`
      context.show(await context.client().get<RoundsReport>(path, options), ({ rounds }) => {
        const rows = rounds.map(({ id, finishedAt, stream, mode, counts, changes }) => ({
          round: id,
          at: finishedAt,
          stream,
          mode,
          did: said(counts),
          'to undo': changes,
        }))
        printTable(context.output, rows, 'no round has ended yet')
      })
    })

  source
    .command('undo <round>')
    .description('take back what a round did, where it still stands; its source is paused')
    .option('--count <n>', 'how many people you mean, where that is many')
    .option('--reason <text>', 'kept in the journal')
    .option('--dry-run', 'tell what it would do, and change nothing')
    .option('--yes', 'without being asked')
    .action(async (round: string, options: Options, command: Command) => {
      const context = run(command)
      const path = `/rounds/${encodeURIComponent(round)}/undo`
      if (options.dryRun === true) {
        return context.show(await context.client().get<UndoOutlook>(path), (outlook) => {
          context.output.write('dry run: nothing was changed\n')
          printOutlook(context, outlook)
        })
      }
      if (options.yes !== true) await askFirst(context, path)
      const count = options.count === undefined ? undefined : numberFrom('--count', options.count)
      const body = withoutUndefined({ count, reason: options.reason })
      const answer = await context
        .client()
        .send<{ undo: string; counts: UndoCounts }>('POST', path, body)
      context.show(answer, ({ undo, counts }) => {
        context.output.write(`taken back: ${said({ ...counts })}\n`)
        context.output.write(`to take that back in turn: gatehouse source undo ${undo}\n`)
        context.output.write(
          'its source is paused: look at `gatehouse sync --dry-run`, then `gatehouse source resume`\n',
        )
      })
    })
}

function printOutlook({ output }: CommandContext, { source, counts, kept }: UndoOutlook): void {
  output.write(`takes back: ${said({ ...counts })}\n`)
  for (const { name, why } of kept) output.write(`${name} stays: ${why}\n`)
  output.write(`${source} is paused with it, as it would tell the same again\n`)
}

/** @throws {CliError} where nobody can be asked, or says no */
async function askFirst(context: CommandContext, path: string): Promise<void> {
  const outlook = await context.client().get<UndoOutlook>(path)
  if (!context.output.isJson) printOutlook(context, outlook)
  if (await confirm('Take this round back?', context.signal)) return
  throw new CliError('nothing was changed')
}

function said(counts: Readonly<Record<string, number>>): string {
  const told = Object.entries(counts).filter(([, count]) => count > 0)
  return told.length === 0 ? 'nothing' : told.map(([what, count]) => `${what} ${count}`).join(', ')
}
