import type { Command } from 'commander'
import type { AccountLicences, BoughtLicence } from '../admin/licence-control.ts'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { printTable } from './print.ts'
import { confirm } from './prompt.ts'
import { withoutUndefined } from './source-options.ts'

/** `source licences <source>` */
export function addBoughtLicences(source: Command, run: Run): void {
  source
    .command('licences <source>')
    .description('what the tenant has bought, how much of it is used, and what is free')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/licences`
      const answer = await context.client().get<{ licences: BoughtLicence[] }>(path)
      context.show(answer, ({ licences }) => {
        const rows = licences.map(({ name: licence, state, bought, inGrace, used, free }) => ({
          licence,
          bought,
          'in grace': inGrace,
          used,
          free,
          state,
        }))
        printTable(context.output, rows, 'the tenant has bought nothing that people can be given')
      })
    })
}

interface ChangeOptions {
  readonly source?: string
  readonly reason?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

interface Changed {
  readonly changed: number
  readonly losses: readonly string[]
}

/** `person licences show|assign|remove|yield` */
export function addPersonLicences(person: Command, run: Run): void {
  const own = person
    .command('licences')
    .description('what licences a person has where she comes from')
  const pathOf = (reference: string) => `/people/${encodeURIComponent(reference)}/licences`

  own
    .command('show <person>')
    .description('what licences she has, by what, and which are decided on here')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ accounts: AccountLicences[] }>(pathOf(reference))
      context.show(answer, ({ accounts }) => {
        printTable(context.output, accounts.flatMap(rowsOf), 'she has no licence')
        for (const { source, usageLocation } of accounts)
          if (usageLocation === null)
            context.output.write(
              `${source} knows no usage location of hers, without which nothing can be assigned\n`,
            )
      })
    })

  for (const [verb, what, said] of [
    ['assign', 'have her given licences, which are decided on here from then on', 'to be assigned'],
    [
      'remove',
      'have licences taken from her, which are decided on here from then on',
      'to be removed',
    ],
    ['yield', 'give licences back: whoever changes them in the source decides again', 'given back'],
  ] as const) {
    const one = own
      .command(`${verb} <person> <licences...>`)
      .description(what)
      .option('--source <name>', 'where she has several accounts')
      .option('--reason <text>', 'why, for the log')
    if (verb === 'remove')
      one
        .option('--dry-run', 'tell what she loses, and change nothing')
        .option('--yes', 'also where she loses something that does not come back')
    one.action(
      async (
        reference: string,
        licences: readonly string[],
        options: ChangeOptions,
        command: Command,
      ) => {
        const context = run(command)
        const client = context.client()
        const { source, reason, dryRun, yes } = options
        const path = `${pathOf(reference)}/${verb}`
        const body = withoutUndefined({ licences, source, reason, accept: yes })
        if (verb === 'remove' && yes !== true) {
          const preview = await client.send<Changed>('POST', path, { ...body, dryRun: true })
          const lines = preview.losses.map((loss) => `${loss}\n`).join('')
          const nothing = 'she loses nothing for good\n'
          if (dryRun === true)
            return context.show(preview, () => context.output.write(lines === '' ? nothing : lines))
          if (lines !== '' && !(await confirm(`${lines}Remove all the same?`, context.signal)))
            throw new CliError('nothing was changed')
        }
        const answer = await client.send<Changed>('POST', path, { ...body, accept: true })
        context.show(answer, ({ changed }) =>
          context.output.write(
            changed === 0
              ? 'it was decided so already\n'
              : `${licences.join(', ')} ${said}: gatehouse person licences show ${reference}\n`,
          ),
        )
      },
    )
  }
}

function rowsOf({ source, licences }: AccountLicences) {
  return licences.map(({ name, has, by, error, decided, state, reason }) => ({
    source,
    licence: name,
    has: has ? 'yes' : 'no',
    by: by.join(', '),
    'decided here': decided,
    state: state ?? error,
    why: reason,
  }))
}
