import type { Command } from 'commander'
import type { LoggedAnswer, LoggedChange, Status } from '../admin/parts.ts'
import type { Run } from './context.ts'
import { printFields, printTable } from './print.ts'
import { hintsFor } from './reason-hints.ts'

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
        context.show(answer, ({ answers }) => {
          printTable(
            context.output,
            answers.map((row) => ({
              at: row.at,
              outcome: row.outcome,
              reason: row.reason,
              code: codeOf(row),
              name: row.person ?? row.name,
              with: row.detail?.['credentialLabel'] as string | undefined,
              method: row.method,
              resource: row.resource,
              from: row.device ?? row.address,
              times: row.count,
            })),
            'nothing yet',
          )
          for (const hint of hintsFor(answers.map(({ reason }) => reason)))
            context.output.write(`${hint}\n`)
        })
      },
    )

  log
    .command('changes')
    .description('what was changed, when and by whom')
    .option('--person <name>', 'of one person')
    .option('--limit <n>', 'how many at most', '50')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      // Options of the same name that stand behind `changes` are read as those of `log`.
      const { person, limit } = command.optsWithGlobals<{ person?: string; limit: string }>()
      const query = { limit, ...(person === undefined ? {} : { person }) }
      const answer = await context.client().get<{ changes: LoggedChange[] }>('/journal', query)
      context.show(answer, ({ changes }) =>
        printTable(
          context.output,
          changes.map(({ usn, at, kind, principal, entity, actor, reason, detail }) => ({
            usn,
            at,
            kind,
            what: principal ?? entity,
            actor,
            reason,
            detail: detail === null ? null : describeDetail(detail),
          })),
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

/** What the place that checked the password answered, as it says it. */
function codeOf({ detail }: LoggedAnswer): string | null {
  const code = detail?.['code']
  return typeof code === 'string' ? code : null
}

/** `after.username=adele`: one word for each value, so that a row stays a line. */
function describeDetail(detail: Readonly<Record<string, unknown>>, path = ''): string {
  return Object.entries(detail)
    .map(([name, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? describeDetail(value as Readonly<Record<string, unknown>>, `${path}${name}.`)
        : `${path}${name}=${isPlain(value) ? value : JSON.stringify(value)}`,
    )
    .filter((words) => words !== '')
    .join(' ')
}

function isPlain(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.@:+-]+$/.test(value)
}
