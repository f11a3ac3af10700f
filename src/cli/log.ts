import type { Command } from 'commander'
import type { LoggedAnswer, LoggedChange, Status } from '../admin/parts.ts'
import type { ExplainedAnswer } from '../admin/routes/log.ts'
import { printAnswer } from './answer-record.ts'
import type { CommandContext, Run } from './context.ts'
import { followAnswers } from './follow.ts'
import { type Output, printFields, printTable } from './print.ts'

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
    .option('--reason <word>', 'for one reason')
    .option('--method <word>', 'by one method, such as eap-tls')
    .option('--network <name>', 'at one network')
    .option('--nas <name>', 'that one NAS asked for')
    .option('--ssid <name>', 'at one SSID')
    .option('--device <mac>', 'of one device')
    .option(
      '--since <time>',
      'ISO time; of the last seven days without, unless by person or device',
    )
    .option('--until <time>', 'ISO time')
    .option('--limit <n>', 'how many at most', '50')
    .option('--detail', 'each try in full: where, how, what failed and how to mend it')
    .option('--follow', 'go on, and show each try in full as it comes')
    .action(async (options: LogOptions, command: Command) => {
      const context = run(command)
      const { denied, detail = false, follow = false, ...given } = options
      const query = { ...given, ...(denied === true ? { outcome: 'denied' } : {}) }
      if (follow) {
        await showAsTheyCome(context, query)
        return
      }
      const answer = await context.client().get<{ answers: ExplainedAnswer[] }>('/log', query)
      context.show(answer, ({ answers }) => {
        if (detail && answers.length > 0)
          for (const each of answers) printAnswer(context.output, each)
        else printAnswers(context.output, answers, query)
      })
    })

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

interface LogOptions {
  readonly person?: string
  readonly denied?: boolean
  readonly reason?: string
  readonly method?: string
  readonly network?: string
  readonly nas?: string
  readonly ssid?: string
  readonly device?: string
  readonly since?: string
  readonly until?: string
  readonly limit: string
  readonly detail?: boolean
  readonly follow?: boolean
}

/** In JSON one object a line, so that a reader need not wait for the end. */
async function showAsTheyCome(
  context: CommandContext,
  { limit, ...query }: Readonly<Record<string, string>> & { readonly limit: string },
): Promise<void> {
  const { output, signal } = context
  for await (const answer of followAnswers(context.client(), query, { first: limit, signal })) {
    if (output.isJson) output.write(`${JSON.stringify(answer)}\n`)
    else printAnswer(output, answer)
  }
}

function printAnswers(
  output: Output,
  answers: readonly ExplainedAnswer[],
  { limit: _, ...asked }: Readonly<Record<string, string>>,
): void {
  printTable(
    output,
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
    Object.keys(asked).length === 0
      ? 'nothing yet'
      : `nothing fits ${Object.entries(asked)
          .map(([name, value]) => `${name} ${value}`)
          .join(', ')}`,
  )
  for (const hint of hintsFor(answers)) output.write(`${hint}\n`)
}

/** A line for each reason that has one, in the order in which they come. */
function hintsFor(answers: readonly ExplainedAnswer[]): ReadonlySet<string> {
  return new Set(
    answers.flatMap(({ reason, explanation }) =>
      explanation === null ? [] : [`${reason}: ${explanation.mend}`],
    ),
  )
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
