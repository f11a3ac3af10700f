import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import type { BegunConsent, BegunDevice, ConnectAttempt, SourceStatus } from '../admin/parts.ts'
import { POLICIES } from '../sources/judge-people.ts'
import { CLOUD_NAMES } from '../sources/microsoft365/clouds.ts'
import { EXTRAS, TIERS } from '../sources/microsoft365/settings.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { type SecretOptions, text, withoutUndefined } from './source-options.ts'

const POLL_MS = 2_000
const PATH = '/sources/microsoft365'

interface ConnectOptions extends SecretOptions {
  readonly tenant?: string
  readonly client?: string
  readonly consent?: boolean
  readonly device?: boolean
  readonly publicClient?: string
  readonly wait: boolean
  readonly tier: string
  readonly extra?: readonly string[]
  readonly name: string
  readonly includeGuests?: boolean
  readonly import: string
  readonly paused?: boolean
  readonly cloud?: string
  readonly loginUrl?: string
  readonly graphUrl?: string
  readonly trustCa?: string
}

/** `source connect` and `source attempt` */
export function addConnect(source: Command, run: Run): void {
  source
    .command('connect')
    .description(
      'connect a Microsoft 365 tenant: through an app registration of its own (--tenant, --client), ' +
        'through one of several tenants that its administrator consents to (--consent), ' +
        'or through one that is made for it (--device)',
    )
    .option(
      '--tenant <guid>',
      'directory (tenant) id; with --consent and --device the only one that will do',
    )
    .option('--client <guid>', 'application (client) id')
    .option('--consent', 'print a link for the tenant’s administrator, and wait for her click')
    .option('--device', 'print a code for the tenant’s administrator, and make the application')
    .option('--public-client <guid>', 'with --device: shows the code, instead of Microsoft’s own')
    .option('--no-wait', 'with --consent and --device: do not wait; ask with `source attempt`')
    .addOption(
      new Option('--tier <tier>', 'with --consent and --device: what it may do')
        .choices(TIERS)
        .default('read'),
    )
    .addOption(
      new Option(
        '--extra <extra...>',
        'with --consent and --device: what is done beside it',
      ).choices(EXTRAS),
    )
    .option('--name <name>', 'what to call it here', 'microsoft365')
    .option('--secret-file <file>', 'the client secret; `-` is standard input')
    .option('--secret-expires <date>', 'when the secret ends, such as 2027-03-31')
    .option('--certificate <file>', 'PEM, instead of a secret')
    .option('--private-key <file>', 'PEM, to --certificate')
    .option('--federated <name>', 'a token file of the daemon’s federated_tokens, instead of both')
    .option('--include-guests', 'import guests as well')
    .addOption(
      new Option('--import <whom>', 'who comes in by herself; chosen: see `import`')
        .choices(POLICIES)
        .default('everybody'),
    )
    .option('--paused', 'import nothing yet: look with `sync --dry-run`, then `source resume`')
    .addOption(new Option('--cloud <cloud>', 'which of Microsoft’s clouds').choices(CLOUD_NAMES))
    .option('--login-url <url>', 'in place of the cloud’s own, for a proxy or a simulator')
    .option('--graph-url <url>', 'in place of the cloud’s own, for a proxy or a simulator')
    .option('--trust-ca <file>', 'PEM of a further CA to trust')
    .action(async (options: ConnectOptions, command: Command) => {
      const context = run(command)
      if (options.device === true) await connectByDevice(context, options)
      else if (options.consent === true) await connectByConsent(context, options)
      else await connectOwn(context, options)
    })

  source
    .command('attempt <id>')
    .description('what has become of a connection that was begun')
    .action(async (id: string, _options: unknown, command: Command) => {
      const context = run(command)
      context.show(await readAttempt(context, id))
    })
}

async function connectOwn(context: CommandContext, options: ConnectOptions): Promise<void> {
  if (options.tenant === undefined)
    throw new CliError('--tenant is missing: the directory (tenant) id, or --consent, or --device')
  const body = { ...bodyOf(options), tenantId: options.tenant }
  context.show(await context.client().send<SourceStatus>('POST', PATH, body))
}

async function connectByConsent(context: CommandContext, options: ConnectOptions): Promise<void> {
  const body = withoutUndefined({
    ...bodyOf(options),
    tenant: options.tenant,
    tier: options.tier,
    extras: options.extra,
  })
  const begun = await context.client().send<BegunConsent>('POST', `${PATH}/consent`, body)
  // Whoever reads JSON wants the link now, and asks again by herself.
  if (context.output.isJson) return context.show(begun)
  context.output.write(
    `Open this as an administrator of the tenant (Global or Privileged Role Administrator); it is good\n` +
      `until ${begun.expiresAt} and once:\n\n  ${begun.url}\n\n` +
      `The app registration has to name this redirect URI (platform Web): ${begun.redirectUri}\n`,
  )
  await conclude(context, begun.id, options)
}

async function connectByDevice(context: CommandContext, options: ConnectOptions): Promise<void> {
  const body = withoutUndefined({
    ...connectionOf(options),
    tenant: options.tenant,
    tier: options.tier,
    extras: options.extra,
    publicClientId: options.publicClient,
  })
  const begun = await context.client().send<BegunDevice>('POST', `${PATH}/device`, body)
  if (context.output.isJson) return context.show(begun)
  context.output.write(
    `At ${begun.verificationUri} enter the code ${begun.userCode} and sign in as a Global Administrator of\n` +
      `the tenant, until ${begun.expiresAt}.\n\n` +
      `You sign in to the public client ${begun.publicClientId}, which asks for\n` +
      `${begun.scopes.join(', ')}. With that, Gatehouse makes an app registration,\n` +
      `gives it a certificate whose key stays here, and grants it ${begun.permissions.join(', ')}.\n` +
      'Your sign-in is kept nowhere, and dropped when this is done.\n',
  )
  await conclude(context, begun.id, options)
}

async function conclude(context: CommandContext, id: string, { wait }: ConnectOptions) {
  if (!wait) {
    context.output.write(`Then ask: gatehouse source attempt ${id}\n`)
    return
  }
  const attempt = await waitFor(context, id)
  if (attempt.status !== 'connected')
    throw new CliError(`not connected: ${attempt.note ?? attempt.status}`)
  context.output.write(`connected: ${attempt.source}\n`)
  if (attempt.note !== null) context.output.write(`${attempt.note}\n`)
}

async function waitFor(context: CommandContext, id: string): Promise<ConnectAttempt> {
  for (;;) {
    const attempt = await readAttempt(context, id)
    if (attempt.status !== 'waiting' && attempt.status !== 'working') return attempt
    await sleep(POLL_MS, undefined, { signal: context.signal })
  }
}

function readAttempt(context: CommandContext, id: string): Promise<ConnectAttempt> {
  return context.client().get<ConnectAttempt>(`${PATH}/attempts/${encodeURIComponent(id)}`)
}

function bodyOf(options: ConnectOptions): Record<string, unknown> {
  if (options.client === undefined)
    throw new CliError('--client is missing: the application (client) id')
  return withoutUndefined({
    ...connectionOf(options),
    clientId: options.client,
    clientSecret: text(options.secretFile)?.trim(),
    certificate: text(options.certificate),
    privateKey: text(options.privateKey),
    secretExpiresAt: options.secretExpires,
    federatedToken: options.federated,
  })
}

function connectionOf(options: ConnectOptions): Record<string, unknown> {
  return withoutUndefined({
    name: options.name,
    includeGuests: options.includeGuests,
    import: options.import,
    paused: options.paused,
    cloud: options.cloud,
    loginUrl: options.loginUrl,
    graphUrl: options.graphUrl,
    ca: text(options.trustCa),
  })
}
