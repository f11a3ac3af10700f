import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { SourceStatus, SyncReport, WaitingRemoval } from '../admin/parts.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { printFields, printTable } from './print.ts'

/** `source connect|list|waiting|approve` and `sync` */
export function addSource(program: Command, run: Run): void {
  const source = program.command('source').description('where people come from')

  source
    .command('list')
    .description('list sources and how they do')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ sources: SourceStatus[] }>('/sources')
      context.show(answer, ({ sources }) => {
        if (sources.length === 0)
          context.output.write('no source yet: gatehouse source connect --help\n')
        for (const item of sources) printFields(context.output, { ...item })
      })
    })

  source
    .command('connect')
    .description(
      'connect a Microsoft 365 tenant through an app registration of its own (User.Read.All, GroupMember.Read.All)',
    )
    .requiredOption('--tenant <guid>', 'directory (tenant) id')
    .requiredOption('--client <guid>', 'application (client) id')
    .option('--name <name>', 'what to call it here', 'microsoft365')
    .option('--secret-file <file>', 'the client secret; `-` is standard input')
    .option('--certificate <file>', 'PEM, instead of a secret')
    .option('--private-key <file>', 'PEM, to --certificate')
    .option('--include-guests', 'import guests as well')
    .option('--login-url <url>', 'for a national cloud or a simulator')
    .option('--graph-url <url>', 'for a national cloud or a simulator')
    .option('--trust-ca <file>', 'PEM of a further CA to trust')
    .action(async (options: ConnectOptions, command: Command) => {
      const context = run(command)
      const body = withoutUndefined({
        name: options.name,
        tenantId: options.tenant,
        clientId: options.client,
        clientSecret: text(options.secretFile)?.trim(),
        certificate: text(options.certificate),
        privateKey: text(options.privateKey),
        includeGuests: options.includeGuests,
        loginUrl: options.loginUrl,
        graphUrl: options.graphUrl,
        ca: text(options.trustCa),
      })
      context.show(await context.client().send<SourceStatus>('POST', '/sources/microsoft365', body))
    })

  source
    .command('waiting <source>')
    .description('removals that the guard holds back')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .get<{ waiting: WaitingRemoval[] }>(`/sources/${encodeURIComponent(name)}/waiting`)
      context.show(answer, ({ waiting }) =>
        printTable(
          context.output,
          waiting.map((item) => ({ ...item })),
          'nothing waits',
        ),
      )
    })

  for (const [verb, done, what] of [
    ['approve', 'approved', 'approve the removals that wait, and carry them out'],
    ['reject', 'rejected', 'keep whoever waits to be removed'],
  ] as const) {
    source
      .command(`${verb} <source>`)
      .description(what)
      .action(async (name: string, _options: unknown, command: Command) => {
        const context = run(command)
        const path = `/sources/${encodeURIComponent(name)}/waiting/${verb}`
        const answer = await context.client().send<Record<string, number>>('POST', path)
        context.show(answer, () => context.output.write(`${answer[done] ?? 0} ${done}\n`))
      })
  }

  program
    .command('sync [source]')
    .description('run a round now')
    .option('--dry-run', 'show what it would change, and change nothing')
    .option('--full', 'read everything again and reconcile')
    .action(
      async (
        name: string | undefined,
        options: { dryRun?: boolean; full?: boolean },
        command: Command,
      ) => {
        const context = run(command)
        const source = name ?? (await onlySource(context))
        const answer = await context
          .client()
          .send<SyncReport>(
            'POST',
            `/sources/${encodeURIComponent(source)}/sync`,
            withoutUndefined(options),
          )
        context.show(answer, (report) => showReport(context, report))
      },
    )
}

interface ConnectOptions {
  readonly tenant: string
  readonly client: string
  readonly name: string
  readonly secretFile?: string
  readonly certificate?: string
  readonly privateKey?: string
  readonly includeGuests?: boolean
  readonly loginUrl?: string
  readonly graphUrl?: string
  readonly trustCa?: string
}

async function onlySource(context: CommandContext): Promise<string> {
  const { sources } = await context.client().get<{ sources: SourceStatus[] }>('/sources')
  const [first, ...others] = sources
  if (first === undefined)
    throw new CliError('there is no source yet: gatehouse source connect --help')
  if (others.length > 0)
    throw new CliError(`which? ${sources.map((source) => source.name).join(', ')}`)
  return first.name
}

function showReport(context: CommandContext, report: SyncReport): void {
  if (report.dryRun) context.output.write('dry run: nothing was changed\n')
  for (const { stream, mode, counts, note } of report.streams) {
    const changes = Object.entries(counts).filter(([, count]) => count > 0)
    const said =
      changes.length === 0
        ? 'nothing changed'
        : changes.map(([what, count]) => `${what} ${count}`).join(', ')
    context.output.write(`${stream} (${mode}): ${said}${note === null ? '' : `; ${note}`}\n`)
  }
}

function text(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readFileSync(file === '-' ? 0 : file, 'utf8')
}

function withoutUndefined(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined))
}
