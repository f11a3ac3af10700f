import { Argument, type Command } from 'commander'
import type { Act } from '../access/consequences.ts'
import type { Consequences } from '../admin/consequences.ts'
import type { PersonRecord } from '../admin/record.ts'
import { mailLinks } from './activation-links.ts'
import { addApply } from './apply.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { numberFrom } from './number.ts'
import { printTable } from './print.ts'
import { confirm } from './prompt.ts'

interface Options {
  readonly reason?: string
  readonly allStaged?: boolean
  readonly mail?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly count?: string
  readonly protected?: boolean
}

/** `person activate|suspend|resume|delete|restore|record|protect|schedule` and what undoes them */
export function addLifecycle(person: Command, run: Run): void {
  person
    .command('activate [people...]')
    .description('let staged people sign in')
    .option('--all-staged', 'everybody who is staged')
    .option('--mail', 'send each a link instead: active once a password is chosen with it')
    .option('--reason <text>', 'kept in the journal')
    .option('--dry-run', 'tell what it would do, and change nothing')
    .action(async (people: string[], options: Options, command: Command) => {
      const context = run(command)
      if ((people.length === 0) !== (options.allStaged === true))
        throw new CliError('name people, or give --all-staged')
      if (options.mail === true) return await mailLinks(context, people, options)
      if (options.dryRun === true && people.length > 0)
        return await showConsequences(context, people, 'activate')
      const whom = options.allStaged === true ? { allStaged: true } : { people }
      await change(context, { path: '/people/activate', body: { ...whom, ...reasonOf(options) } })
    })

  person
    .command('suspend <people...>')
    .description('cut people off everywhere, at once')
    .option('--count <n>', 'how many you mean, where that is many')
    .option('--protected', 'one person who is protected, all the same')
    .option('--reason <text>', 'kept beside the hold')
    .option('--dry-run', 'tell what it would do, and change nothing')
    .action(async (people: string[], options: Options, command: Command) => {
      const context = run(command)
      if (options.dryRun === true) return await showConsequences(context, people, 'suspend')
      await change(context, { path: '/people/suspend', body: { people, ...meantBy(options) } })
    })

  person
    .command('resume <people...>')
    .description("lift the admins' hold")
    .option('--reason <text>', 'kept in the journal')
    .option('--dry-run', 'tell what it would do, and change nothing')
    .action(async (people: string[], options: Options, command: Command) => {
      const context = run(command)
      if (options.dryRun === true) return await showConsequences(context, people, 'resume')
      const body = { people, ...reasonOf(options) }
      const answer = await context.client().send<Resumed>('POST', '/people/resume', body)
      context.show(answer, ({ changed, stillHeld }) => {
        context.output.write(`${changed} resumed\n`)
        for (const { username, reasons } of stillHeld)
          context.output.write(`${username} is still held: ${reasons.join(', ')}\n`)
      })
    })

  person
    .command('delete <people...>')
    .description('delete people; for 30 days they can be restored as they were')
    .option('--count <n>', 'how many you mean, where that is many')
    .option('--protected', 'one person who is protected, all the same')
    .option('--reason <text>', 'kept in the journal')
    .option('--dry-run', 'tell what it would do, and change nothing')
    .option('--yes', 'without being asked')
    .action(async (people: string[], options: Options, command: Command) => {
      const context = run(command)
      if (options.dryRun === true) return await showConsequences(context, people, 'delete')
      if (options.yes !== true) await askFirst(context, people)
      await change(context, { path: '/people/delete', body: { people, ...meantBy(options) } })
    })

  person
    .command('restore <people...>')
    .description('bring back people who were deleted here: `person list --state deleted`')
    .option('--reason <text>', 'kept in the journal')
    .action(async (people: string[], options: Options, command: Command) => {
      const body = { people, ...reasonOf(options) }
      await change(run(command), { path: '/people/restore', body })
    })

  addApply(person, run)
  addProtection(person, run)
  addDates(person, run)

  person
    .command('record <person>')
    .description('what happened to a person, here and where she comes from, with times')
    .option('--limit <n>', 'how many of the latest steps', '50')
    .action(async (reference: string, options: { limit: string }, command: Command) => {
      const context = run(command)
      const path = `/people/${encodeURIComponent(reference)}/record`
      context.show(await context.client().get<PersonRecord>(path, options), (record) => {
        const rows = record.steps.map(({ at, what, by, why }) => ({ at, what, by, why }))
        printTable(context.output, rows, 'nothing has happened to her yet')
        for (const line of record.waiting) context.output.write(`waits: ${line}\n`)
      })
    })
}

function addProtection(person: Command, run: Run): void {
  for (const [verb, what] of [
    ['protect', 'let no source, date or list suspend or delete these people'],
    ['unprotect', 'let these people be suspended and deleted as all others'],
  ] as const) {
    person
      .command(`${verb} <people...>`)
      .description(what)
      .option('--reason <text>', 'kept in the journal')
      .action(async (people: string[], options: Options, command: Command) => {
        const body = { people, ...reasonOf(options) }
        await change(run(command), { path: `/people/${verb}`, body })
      })
  }
}

function addDates(person: Command, run: Run): void {
  const pathOf = (reference: string, act: string) =>
    `/people/${encodeURIComponent(reference)}/dates/${act}`

  person
    .command('schedule <person>')
    .description('activate, suspend or delete a person at a moment')
    .addArgument(new Argument('<act>', 'what').choices(DATED_ACTS))
    .argument('<time>', 'with its time zone, such as 2026-12-31T18:00+01:00')
    .option('--count <n>', 'how many you mean, where that is many')
    .option('--reason <text>', 'kept beside the date')
    .action(
      async (reference: string, act: string, at: string, options: Options, command: Command) => {
        const context = run(command)
        const body = { at, ...meantBy(options) }
        await context.client().send('PUT', pathOf(reference, act), body)
        context.show({ act, at }, () => context.output.write(`${act} at ${at}\n`))
      },
    )

  person
    .command('unschedule <person>')
    .description('take a date back; a leave that has come ends')
    .addArgument(new Argument('<act>', 'what').choices(DATED_ACTS))
    .action(async (reference: string, act: string, _options: unknown, command: Command) => {
      const context = run(command)
      const path = pathOf(reference, act)
      const answer = await context.client().send<{ changed: number }>('DELETE', path)
      context.show(answer, ({ changed }) =>
        context.output.write(changed === 0 ? 'there was no such date\n' : 'taken back\n'),
      )
    })

  person
    .command('scheduled')
    .description('who is to be activated, suspended or deleted, and when')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ dates: Record<string, string>[] }>('/dates')
      context.show(answer, ({ dates }) => {
        const rows = dates.map(({ at, username, act, setBy, reason, refused }) => ({
          at,
          username,
          act,
          'set by': setBy,
          reason,
          refused,
        }))
        printTable(context.output, rows, 'nobody is scheduled')
      })
    })
}

const DATED_ACTS = ['activate', 'suspend', 'delete'] as const

interface Resumed {
  readonly changed: number
  readonly stillHeld: readonly { readonly username: string; readonly reasons: readonly string[] }[]
}

const DONE: Readonly<Record<string, string>> = {
  '/people/activate': 'activated',
  '/people/suspend': 'suspended',
  '/people/delete': 'deleted',
  '/people/restore': 'restored',
  '/people/protect': 'protected',
  '/people/unprotect': 'no longer protected',
}

async function change(
  context: CommandContext,
  { path, body }: { readonly path: string; readonly body: object },
): Promise<void> {
  const answer = await context.client().send<{ changed: number }>('POST', path, body)
  context.show(answer, ({ changed }) => context.output.write(`${changed} ${DONE[path]}\n`))
}

interface Preview {
  readonly of: Act
  readonly people: readonly Consequences[]
}

function readPreview(
  context: CommandContext,
  people: readonly string[],
  act: Act,
): Promise<Preview> {
  return context.client().send<Preview>('POST', '/people/consequences', { people, of: act })
}

async function showConsequences(
  context: CommandContext,
  people: readonly string[],
  act: Act,
): Promise<void> {
  context.show(await readPreview(context, people, act), (preview) => {
    context.output.write('dry run: nothing was changed\n')
    printPreview(context, preview)
  })
}

function printPreview({ output }: CommandContext, { people }: Preview): void {
  for (const { username, isProtected, summary } of people)
    output.write(`${username}${isProtected ? ' (protected)' : ''}: ${summary}\n`)
}

/** @throws {CliError} where nobody can be asked, or says no */
async function askFirst(context: CommandContext, people: readonly string[]): Promise<void> {
  if (!context.output.isJson) printPreview(context, await readPreview(context, people, 'delete'))
  const whom = people.length === 1 ? 'this person' : `these ${people.length} people`
  if (await confirm(`Delete ${whom}?`, context.signal)) return
  throw new CliError('nobody was deleted')
}

function meantBy(options: Options): object {
  const { count } = options
  return {
    ...reasonOf(options),
    ...(count === undefined ? {} : { count: numberFrom('--count', count) }),
    ...(options.protected === true ? { protected: true } : {}),
  }
}

function reasonOf({ reason }: Options): { readonly reason?: string } {
  return reason === undefined ? {} : { reason }
}
