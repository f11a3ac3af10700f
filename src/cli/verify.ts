import type { Command } from 'commander'
import type { SyncReport, VerificationReport } from '../admin/parts.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { printTable } from './print.ts'
import { confirm } from './prompt.ts'

/** `source verify|reconcile` */
export function addVerify(
  source: Command,
  run: Run,
  showReport: (context: CommandContext, report: SyncReport) => void,
): void {
  source
    .command('verify <source>')
    .description('count people and groups there and here; weekly by itself, see `source list`')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/verify`
      const answer = await context.client().send<{ verification: VerificationReport }>('POST', path)
      context.show(answer, ({ verification }) => printVerification(context, verification))
    })

  source
    .command('reconcile <source>')
    .description('read everything again and compare; what it would change is shown first')
    .option('--dry-run', 'show what it would change, and change nothing')
    .option('--yes', 'without being asked')
    .action(
      async (name: string, options: { dryRun?: boolean; yes?: boolean }, command: Command) => {
        const context = run(command)
        const path = `/sources/${encodeURIComponent(name)}/reconcile`
        const send = (dryRun: boolean) =>
          context.client().send<SyncReport>('POST', path, { dryRun })
        if (options.dryRun !== true && options.yes !== true) {
          const preview = await send(true)
          if (!context.output.isJson) showReport(context, preview)
          if (!(await confirm(`Reconcile ${name}?`, context.signal)))
            throw new CliError('nothing was changed')
        }
        const answer = await send(options.dryRun === true)
        context.show(answer, (report) => showReport(context, report))
      },
    )
}

function printVerification({ output }: CommandContext, verification: VerificationReport): void {
  const rows = verification.streams.map(({ stream, there, here, waiting, differs, error }) => ({
    stream,
    there: there ?? 'not told',
    here,
    'waiting to go': waiting,
    said: error ?? (differs ? 'differs' : 'as it should be'),
  }))
  printTable(output, rows, 'nothing was counted')
  if (verification.nextStep !== null) output.write(`${verification.nextStep}\n`)
}
