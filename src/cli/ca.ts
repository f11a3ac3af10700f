import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { certificateNameKinds } from '../directory/client-certificate.ts'
import type { Run } from './context.ts'
import { printFields, printTable } from './print.ts'

interface ShownAuthority {
  readonly name: string
  readonly own: boolean
  readonly subject: string
  readonly expiresAt: string
  readonly names: readonly string[]
  readonly domains: readonly string[] | null
  readonly crl: { readonly revoked: number; readonly nextUpdate: string | null } | null
  readonly crlError: string | null
}

interface MatchOptions {
  readonly match?: string[]
  readonly domain?: string[]
  readonly crlUrl?: string
}

/** `ca list|show|add|set|remove|crl` */
export function addCa(program: Command, run: Run): void {
  const ca = program
    .command('ca')
    .description('authorities whose certificates people log in with: our own, and your company’s')

  ca.command('list')
    .description('list them')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ authorities: readonly ShownAuthority[] }>('/ca')
      context.show(answer, ({ authorities }) =>
        printTable(
          context.output,
          authorities.map(toRow),
          'none yet: the first `gatehouse certificate issue` makes our own',
        ),
      )
    })

  ca.command('show <name>')
    .description('show one, and its certificate')
    .option('--pem', 'the certificate alone')
    .action(async (name: string, { pem = false }: { pem?: boolean }, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .get<Record<string, unknown> & { certificate: string }>(pathOf(name))
      context.show(answer, (shown) => {
        const { certificate, ...rest } = shown
        if (!pem)
          printFields(context.output, { ...rest, crl: crlOf(rest['crl'] as ShownAuthority['crl']) })
        context.output.write(`${certificate.trim()}\n`)
      })
    })

  const matching = (command: Command) =>
    command
      .option('--match <name...>', `which names lead to people: ${certificateNameKinds.join(', ')}`)
      .option('--domain <domain...>', 'only people with a mail address or UPN in these')
      .option('--crl-url <url>', 'where its CRL is fetched from, every 15 minutes')

  matching(
    ca
      .command('add <name> <file>')
      .description('trust your company’s authority (PEM): its certificates let people in'),
  ).action(async (name: string, file: string, options: MatchOptions, command: Command) => {
    const context = run(command)
    const body = { name, certificate: readFileSync(file, 'utf8'), ...bodyOf(options) }
    const answer = await context.client().send<ShownAuthority>('POST', '/ca', body)
    context.show(answer, ({ subject }) => {
      context.output.write(`${name} is trusted: ${subject}\n`)
      context.output.write(
        `Nothing of it counts as revoked until it has a CRL: gatehouse ca crl ${name} FILE\n`,
      )
    })
  })

  matching(ca.command('set <name>').description('change one; what is not named stays')).action(
    async (name: string, options: MatchOptions, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<ShownAuthority>('PATCH', pathOf(name), bodyOf(options))
      context.show(answer, () => context.output.write(`${name} changed\n`))
    },
  )

  ca.command('remove <name>')
    .description('trust one no more')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      await context.client().send('DELETE', pathOf(name))
      context.show({ removed: name }, () => context.output.write(`${name} removed\n`))
    })

  ca.command('crl <name> [file]')
    .description('take its CRL (PEM or DER); without a file, fetch it from its address now')
    .action(async (name: string, file: string | undefined, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<ShownAuthority>(
          'PUT',
          `${pathOf(name)}/crl`,
          file === undefined ? {} : { crl: readCrl(file) },
        )
      context.show(answer, ({ crl }) => context.output.write(`${crlOf(crl)}\n`))
    })
}

function readCrl(file: string): string {
  const bytes = readFileSync(file)
  return bytes.subarray(0, 5).toString('latin1') === '-----'
    ? bytes.toString('latin1')
    : bytes.toString('base64')
}

function bodyOf({ match, domain, crlUrl }: MatchOptions): Record<string, unknown> {
  return {
    ...(match === undefined ? {} : { names: match }),
    ...(domain === undefined ? {} : { domains: domain }),
    ...(crlUrl === undefined ? {} : { crlUrl }),
  }
}

function crlOf(crl: ShownAuthority['crl']): string {
  if (crl === null) return 'no CRL'
  return `${crl.revoked} revoked, next list due ${crl.nextUpdate ?? 'never'}`
}

function pathOf(name: string): string {
  return `/ca/${encodeURIComponent(name)}`
}

function toRow({ name, own, subject, expiresAt, names, domains, crl, crlError }: ShownAuthority) {
  return {
    name: own ? `${name} (our own)` : name,
    subject,
    ends: expiresAt,
    'matches by': names.join(', '),
    domains: domains?.join(', ') ?? 'any',
    crl: own ? 'made here' : crlOf(crl),
    error: crlError,
  }
}
