import { type Command, Option } from 'commander'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { readPages } from './pages.ts'
import { printTable } from './print.ts'
import { addRemove } from './remove.ts'
import { timeAfter, timeFrom } from './time.ts'

interface ShownGuest {
  readonly name: string
  readonly label: string | null
  readonly company: string | null
  readonly sponsor: string | null
  readonly startsAt: string
  readonly expiresAt: string
  readonly state: string
}

type MadeGuest = ShownGuest & { readonly password: string }

interface TimeOptions {
  readonly until?: string
  readonly for?: string
}

interface AddOptions extends TimeOptions {
  readonly label?: string
  readonly company?: string
  readonly note?: string
  readonly sponsor?: string
  readonly from?: string
  readonly count?: string
}

/** `guest …`: who is let into networks for a time. */
export function addGuests(program: Command, run: Run): void {
  const guest = program
    .command('guest')
    .description('visitors and the like, let into networks for a time')

  guest
    .command('list')
    .description('list guests, and when their time ends')
    .option('--all', 'those too that expired or were removed in the last 30 days')
    .option('--limit <n>', 'at most so many; all without')
    .action(async (options: { all?: boolean; limit?: string }, command: Command) => {
      const context = run(command)
      const { all, ...page } = options
      const answer = await readPages<'guests', ShownGuest>(
        context.client(),
        { path: '/guests', key: 'guests' },
        { ...page, ...(all ? { all: 'true' } : {}) },
      )
      context.show(answer, () =>
        printTable(
          context.output,
          answer.guests.map(toRow),
          'no guests: `gatehouse guest add` lets somebody in for a day',
        ),
      )
    })

  times(guest.command('add [name]').description('let somebody in; the password is shown this once'))
    .option('--label <name>', 'who it is, for people to read')
    .option('--company <name>', 'whom the guest comes from')
    .option('--note <text>', 'anything else')
    .option('--sponsor <person>', 'who must be let in herself as long as the guest is')
    .option('--from <time>', 'when it begins, 365 days ahead at most; now without')
    .option('--count <n>', 'so many guests at once, such as for an event')
    .action(async (name: string | undefined, given: AddOptions, command: Command) => {
      const context = run(command)
      const body = { ...(name === undefined ? {} : { name }), ...bodyOf(given) }
      const answer = await context
        .client()
        .send<{ readonly guests: readonly MadeGuest[] }>('POST', '/guests', body)
      context.show(answer, () =>
        printTable(
          context.output,
          answer.guests.map((made) => ({
            name: made.name,
            password: made.password,
            begins: made.startsAt,
            ends: made.expiresAt,
          })),
          '',
        ),
      )
    })

  times(guest.command('extend <name>').description('let a guest stay longer, or less long')).action(
    async (name: string, given: TimeOptions, command: Command) => {
      const context = run(command)
      const end = endOf(given, Date.now())
      if (end === null) throw new CliError('say --until or --for: when it ends')
      const path = `/guests/${encodeURIComponent(name)}`
      const answer = await context.client().send<ShownGuest>('PATCH', path, { expiresAt: end })
      context.show(answer, () =>
        context.output.write(`${answer.name} is let in until ${answer.expiresAt}\n`),
      )
    },
  )

  addRemove(guest, run, 'guests')
}

function times(command: Command): Command {
  return command
    .option('--until <time>', 'when it ends, such as 2026-12-24 or 2026-12-24T18:00Z')
    .addOption(
      new Option('--for <span>', 'how long, such as 8h or 3d; one day without').conflicts('until'),
    )
}

function bodyOf(given: AddOptions) {
  const { from, count, until: _until, for: _for, ...same } = given
  const startsAt = from === undefined ? null : timeFrom('--from', from)
  const end = endOf(given, startsAt === null ? Date.now() : Date.parse(startsAt))
  if (count !== undefined && !/^\d+$/.test(count))
    throw new CliError(`--count takes a number, not "${count}"`)
  return {
    ...same,
    ...(startsAt === null ? {} : { startsAt }),
    ...(end === null ? {} : { expiresAt: end }),
    ...(count === undefined ? {} : { count: Number(count) }),
  }
}

function endOf(given: TimeOptions, fromMs: number): string | null {
  if (given.until !== undefined) return timeFrom('--until', given.until)
  return given.for === undefined ? null : timeAfter(fromMs, '--for', given.for)
}

function toRow({ name, label, company, sponsor, startsAt, expiresAt, state }: ShownGuest) {
  return { name, label, company, sponsor, begins: startsAt, ends: expiresAt, state }
}
