import { Argument, type Command, Option } from 'commander'
import type {
  DriftStatus,
  RotationReport,
  SourceStatus,
  SyncReport,
  TierReport,
  Waiting,
} from '../admin/parts.ts'
import { EXTRAS, TIERS } from '../sources/microsoft365/settings.ts'
import { TOOLS } from '../sources/microsoft365/steps.ts'
import { CliError } from './client.ts'
import { addConnect } from './connect.ts'
import type { CommandContext, Run } from './context.ts'
import { addDisconnect } from './disconnect.ts'
import { addBoughtLicences } from './licences.ts'
import { numberFrom } from './number.ts'
import { readPages } from './pages.ts'
import { printFields, printTable } from './print.ts'
import { promptSecret } from './prompt.ts'
import { addRounds } from './rounds.ts'
import { addSignIn } from './sign-in.ts'
import { addLive } from './source-live.ts'
import { type SecretOptions, text, withoutUndefined } from './source-options.ts'
import { addVerify } from './verify.ts'

/** `source connect|disconnect|rounds|undo|verify|reconcile|attempt|list|steps|set-secret|rotate|tier|set-tier|set-pass-through|set-sign-in|health|set-live|retry|pause|resume|waiting|approve|reject` and `sync` */
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

  addConnect(source, run)
  addDisconnect(source, run)
  addRounds(source, run)
  addVerify(source, run, showReport)
  addSecret(source, run)
  addRotate(source, run)
  addTier(source, run)
  addBoughtLicences(source, run)
  addPassThrough(source, run)
  addLive(source, run)
  addSignIn(source, run)
  addPause(source, run)
  addWaiting(source, run)

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

function addSecret(source: Command, run: Run): void {
  source
    .command('set-secret <source>')
    .description('sign in with another secret: asked for, or read from a file; or a certificate')
    .option('--secret-file <file>', 'the client secret; `-` is standard input')
    .option('--secret-expires <date>', 'when the secret ends, such as 2027-03-31')
    .option('--certificate <file>', 'PEM, instead of a secret')
    .option('--private-key <file>', 'PEM, to --certificate')
    .option('--federated <name>', 'a token file of the daemon’s federated_tokens, instead of both')
    .action(async (name: string, options: SecretOptions, command: Command) => {
      const context = run(command)
      const body = await readCredential(context, options)
      const answer = await context
        .client()
        .send<SourceStatus>('PUT', `/sources/${encodeURIComponent(name)}/secret`, body)
      context.show(answer, ({ state, nextStep }) => {
        context.output.write('it is good, and is used from now on\n')
        if (state === 'paused' && nextStep !== null) context.output.write(`paused: ${nextStep}\n`)
      })
    })
}

function addRotate(source: Command, run: Run): void {
  source
    .command('rotate <source>')
    .description('have the application put a new certificate in the place of its own')
    .option('--application-object-id <id>', "the registration's object id, until it is known")
    .action(async (name: string, options: { applicationObjectId?: string }, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/rotate`
      const answer = await context
        .client()
        .send<RotationReport>('POST', path, withoutUndefined(options))
      context.show(answer, (report) => context.output.write(`${describeRotation(report)}\n`))
    })
}

function describeRotation(report: RotationReport): string {
  if (report.state === 'waiting')
    return `uploaded; the login service does not take it yet (${report.why}). What was in use stays so; within an hour it is tried again, or run this again`
  const old =
    report.old === 'removed'
      ? 'the old one is no longer in the app registration'
      : 'take the old one out of the app registration, or let it end'
  return `signs in with a new certificate, good until ${report.expiresAt.slice(0, 10)}; ${old}`
}

interface StepsOptions {
  readonly tier: string
  readonly tool: string
  readonly extra?: string
  readonly federated?: string
}

function addTier(source: Command, run: Run): void {
  source
    .command('steps')
    .description('how to make the app registration that a tier needs, to be pasted')
    .addOption(new Option('--tier <tier>', 'for what').choices(TIERS).default('read'))
    .addOption(new Option('--extra <extra>', 'what is done beside it').choices(EXTRAS))
    .addOption(new Option('--tool <tool>', 'with what').choices(TOOLS).default('portal'))
    .option('--federated <name>', 'a token file it signs in with, instead of a certificate')
    .action(async (options: StepsOptions, command: Command) => {
      const context = run(command)
      const { tier, tool, extra, federated } = options
      const query = new URLSearchParams({
        ...{ tier, tool },
        ...(extra === undefined ? {} : { extra }),
        ...(federated === undefined ? {} : { federatedToken: federated }),
      })
      const path = `/sources/microsoft365/steps?${query}`
      const answer = await context.client().get<{ steps: string }>(path)
      context.show(answer, ({ steps }) => context.output.write(steps))
    })

  source
    .command('tier <source>')
    .description('what each tier is granted in the tenant, what it lacks, and what that costs')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/tier`
      context.show(await context.client().get<TierReport>(path), ({ tiers }) =>
        printTable(context.output, tiers.flatMap(rowsOfTier), 'no tier is known'),
      )
    })

  source
    .command('set-tier <source>')
    .addArgument(new Argument('<tier>', 'each does what those before it do').choices(TIERS))
    .description(
      'what Gatehouse may do in the tenant: read, disable (accounts and sessions), write-back, or password (those set here are set there)',
    )
    .option('--reason <text>', 'why, for the log')
    .action(async (name: string, tier: string, options: { reason?: string }, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/tier`
      const body = withoutUndefined({ tier, reason: options.reason })
      const answer = await context.client().send<SourceStatus>('PUT', path, body)
      context.show(answer, () => {
        context.output.write(`${answer.name}: ${answer.tier}, from now on\n`)
      })
    })

  source
    .command('set-extra <source>')
    .addArgument(
      new Argument(
        '<extra>',
        'groups: people of groups decided on here; licences: of people',
      ).choices(EXTRAS),
    )
    .description(
      'what Gatehouse may do in the tenant beside its tier, with a permission of its own',
    )
    .option('--off', 'no longer')
    .option('--reason <text>', 'why, for the log')
    .action(
      async (
        name: string,
        extra: string,
        options: { off?: boolean; reason?: string },
        command: Command,
      ) => {
        const context = run(command)
        const path = `/sources/${encodeURIComponent(name)}/extras/${extra}`
        const on = options.off !== true
        const body = withoutUndefined({ on, reason: options.reason })
        const answer = await context.client().send<SourceStatus>('PUT', path, body)
        context.show(answer, () => {
          context.output.write(
            `${answer.name}: ${extra} ${on ? 'written' : 'left alone'}, from now on\n`,
          )
        })
      },
    )

  source
    .command('drift <source>')
    .description('what the source has otherwise than is wanted here: a dry run, nothing is written')
    .option('--limit <n>', 'how many at most; all unless given')
    .action(async (name: string, options: { limit?: string }, command: Command) => {
      const context = run(command)
      const list = { path: `/sources/${encodeURIComponent(name)}/drift`, key: 'drift' } as const
      const answer = await readPages<'drift', DriftStatus>(context.client(), list, options)
      context.show(answer, ({ drift }) => {
        const rows = drift.map(({ person, attribute, here, there, state }) => ({
          person,
          attribute,
          here,
          there: there === undefined ? 'not told' : there,
          state,
        }))
        printTable(
          context.output,
          rows,
          'nothing: the source has all that is wanted here (of whoever is staged, nothing is yet)',
        )
      })
    })

  source
    .command('retry <source>')
    .description('try again to write what the source refused')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/retry-pushes`
      const answer = await context.client().send<{ people: number }>('POST', path)
      context.show(answer, ({ people }) => {
        context.output.write(`${people} people are tried again\n`)
      })
    })
}

function addPassThrough(source: Command, run: Run): void {
  source
    .command('set-pass-through <source>')
    .description(
      'check the passwords of some groups by signing in to the tenant (no MFA, LDAP and PAP only)',
    )
    .option('--group <name...>', 'whose members; all that are meant')
    .option('--remember-hours <n>', 'serve from a verifier for so long while it is away', '0')
    .option('--off', 'check all passwords here again')
    .option('--reason <text>', 'why, for the log')
    .action(async (name: string, options: PassThroughOptions, command: Command) => {
      const context = run(command)
      const { group = [], off = false, reason } = options
      if (off === group.length > 0) throw new CliError('say whose: --group <name…>, or --off')
      const path = `/sources/${encodeURIComponent(name)}/pass-through`
      const rememberHours = numberFrom('--remember-hours', options.rememberHours)
      const body = withoutUndefined({ groups: group, rememberHours, reason })
      const answer = await context.client().send<SourceStatus>('PUT', path, body)
      context.show(answer, ({ passThrough }) => {
        const said =
          passThrough === null
            ? 'all passwords are checked here'
            : `passwords of ${passThrough.groups.join(', ')} are checked there`
        context.output.write(`${answer.name}: ${said}, from now on\n`)
      })
    })
}

function rowsOfTier({ tier, isOn, granted, missing, refused }: TierReport['tiers'][number]) {
  const row = (permission: string, state: string) => ({
    tier,
    on: isOn ? 'yes' : 'no',
    permission,
    state,
  })
  return [
    ...granted.map((permission) => row(permission, 'granted')),
    ...missing.map(({ permission, cost }) => row(permission, `missing: ${cost}`)),
    ...(refused === null ? [] : [row(`refused: ${refused.count}`, refused.reason)]),
  ]
}

async function readCredential(
  context: CommandContext,
  options: SecretOptions,
): Promise<Record<string, unknown>> {
  const { secretFile, certificate, privateKey } = options
  if (certificate !== undefined || privateKey !== undefined)
    return withoutUndefined({ certificate: text(certificate), privateKey: text(privateKey) })
  if (options.federated !== undefined) return { federatedToken: options.federated }
  const secretExpiresAt = options.secretExpires
  if (secretFile !== undefined)
    return withoutUndefined({ clientSecret: text(secretFile)?.trim(), secretExpiresAt })
  const otherwise =
    '--secret-file (`-` is standard input), or --certificate and --private-key, or --federated'
  const clientSecret = await promptSecret('New client secret: ', context.signal, otherwise)
  return withoutUndefined({ clientSecret: clientSecret.trim(), secretExpiresAt })
}

function addPause(source: Command, run: Run): void {
  for (const [verb, done, what] of [
    ['pause', 'paused', 'begin no further round'],
    ['resume', 'active', 'let the rounds of a paused source go on'],
  ] as const) {
    source
      .command(`${verb} <source>`)
      .description(what)
      .option('--reason <text>', 'for the journal')
      .action(async (name: string, options: { reason?: string }, command: Command) => {
        const context = run(command)
        const path = `/sources/${encodeURIComponent(name)}/${verb}`
        const answer = await context
          .client()
          .send<SourceStatus>('POST', path, withoutUndefined(options))
        context.show(answer, ({ state, stateReason }) => {
          const why = state === done || stateReason === null ? '' : `: ${stateReason}`
          context.output.write(`${name} is ${state}${why}\n`)
        })
      })
  }
}

function addWaiting(source: Command, run: Run): void {
  source
    .command('waiting <source>')
    .description('removals that the guard holds back')
    .option('--limit <n>', 'how many at most', '1000')
    .option('--offset <n>', 'how many to pass over', '0')
    .action(async (name: string, options: { limit: string; offset: string }, command: Command) => {
      const context = run(command)
      const answer = await readWaiting(context, name, options)
      context.show(answer, (waiting) => showWaiting(context, waiting))
    })

  source
    .command('approve <source>')
    .description('approve the removals that wait, and carry them out')
    .option('--count <n>', 'how many you mean; without it they are shown')
    .option('--until <time>', 'of those that waited then')
    .action(async (name: string, options: { count?: string; until?: string }, command: Command) => {
      const context = run(command)
      const seen = await readWaiting(context, name, { limit: '10', offset: '0' })
      const until = options.until ?? seen.until
      if (options.count === undefined && !context.output.isJson) showWaiting(context, seen)
      if (until === null) throw new CliError('nothing waits')
      if (options.count === undefined) {
        const what = `--count ${seen.count} --until ${until}`
        throw new CliError(`say how many you mean: gatehouse source approve ${name} ${what}`)
      }
      const path = `/sources/${encodeURIComponent(name)}/waiting/approve`
      const body = { count: numberFrom('--count', options.count), until }
      const answer = await context.client().send<{ approved: number }>('POST', path, body)
      context.show(answer, ({ approved }) => context.output.write(`${approved} approved\n`))
    })

  source
    .command('reject <source>')
    .description('keep whoever waits to be removed')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      const path = `/sources/${encodeURIComponent(name)}/waiting/reject`
      const answer = await context.client().send<{ rejected: number }>('POST', path)
      context.show(answer, ({ rejected }) => context.output.write(`${rejected} rejected\n`))
    })
}

async function readWaiting(
  context: CommandContext,
  name: string,
  page: { readonly limit: string; readonly offset: string },
): Promise<Waiting> {
  const path = `/sources/${encodeURIComponent(name)}/waiting`
  return await context.client().get<Waiting>(path, { limit: page.limit, offset: page.offset })
}

function showWaiting({ output }: Pick<CommandContext, 'output'>, { count, waiting }: Waiting) {
  printTable(
    output,
    waiting.map((item) => ({ ...item })),
    'nothing waits',
  )
  if (count > waiting.length) output.write(`${waiting.length} of ${count}\n`)
}

interface PassThroughOptions {
  readonly group?: string[]
  readonly rememberHours: string
  readonly off?: boolean
  readonly reason?: string
}

export async function onlySource(context: CommandContext): Promise<string> {
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
