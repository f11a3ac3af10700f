import type { Command } from 'commander'
import type { LoggedAnswer, LoggedChange, Status } from '../admin/parts.ts'
import type { Run } from './context.ts'
import { printFields, printTable } from './print.ts'

/** `log` (who was let in, and why not), `log changes` (what was changed) and `status` */
export function addLog(program: Command, run: Run): void {
  const log = program
    .command('log')
    .description('who was let in, who was not, and why')
    .option(
      '--person <name>',
      'of one person; a name that leads to nobody is searched as it was claimed',
    )
    .option('--denied', 'refusals only')
    .option('--since <time>', 'ISO time')
    .option('--limit <n>', 'how many at most', '50')
    .action(
      async (
        options: { person?: string; denied?: boolean; since?: string; limit: string },
        command: Command,
      ) => {
        const context = run(command)
        const { denied, ...query } = options
        const answer = await context.client().get<{ answers: LoggedAnswer[] }>('/log', {
          ...query,
          ...(denied === true ? { outcome: 'denied' } : {}),
        })
        context.show(answer, ({ answers }) =>
          printTable(
            context.output,
            answers.map((row) => ({
              at: row.at,
              outcome: row.outcome,
              reason: row.reason,
              name: row.person ?? row.name,
              method: row.method,
              resource: row.resource,
              from: row.device ?? row.address,
              times: row.count,
            })),
            'nothing yet',
          ),
        )
      },
    )

  log
    .command('changes')
    .description('what was changed, when and by whom')
    .option('--person <name>', 'of one person')
    .option('--limit <n>', 'how many at most', '50')
    .action(async (options: { person?: string; limit: string }, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ changes: LoggedChange[] }>('/journal', options)
      context.show(answer, ({ changes }) =>
        printTable(
          context.output,
          changes.map((row) => ({ ...row })),
          'nothing yet',
        ),
      )
    })

  program
    .command('status')
    .description('what runs, on what, and how fresh it is')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      context.show(await context.client().get<Status>('/status'), (status) =>
        printFields(context.output, { ...status }),
      )
    })
}
