import type { Command } from 'commander'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { printTable } from './print.ts'

interface Used {
  readonly createdAt: string
  readonly lastUsedAt: string | null
}

interface Factors {
  readonly totp: (Used & { readonly recoveryCodesLeft: number }) | null
  readonly passkeys: readonly (Used & { readonly id: string; readonly name: string })[]
}

/** `person factors list|remove` */
export function addFactors(person: Command, run: Run): void {
  const factors = person
    .command('factors')
    .description('what people prove on the account pages beside a password, or in its place')

  factors
    .command('list <person>')
    .description('list them, with when each was last used')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<Factors>(pathOf(reference))
      context.show(answer, (shown) =>
        printTable(context.output, rowsOf(shown), 'no second factor: a password alone signs in'),
      )
    })

  factors
    .command('remove <person> [factor]')
    .description('remove one (totp, or the id of a passkey) or all, as when a phone is lost')
    .option('--all', 'every one of them')
    .action(
      async (
        reference: string,
        factor: string | undefined,
        { all = false }: { all?: boolean },
        command: Command,
      ) => {
        if ((factor === undefined) !== all) throw new CliError('give either a factor or --all')
        const context = run(command)
        const path = factor === undefined ? '' : `/${encodeURIComponent(factor)}`
        const answer = await context
          .client()
          .send<{ changed: number }>('DELETE', `${pathOf(reference)}${path}`)
        context.show(answer, ({ changed }) => context.output.write(`${changed} removed\n`))
      },
    )
}

function pathOf(person: string): string {
  return `/people/${encodeURIComponent(person)}/factors`
}

function rowsOf({ totp, passkeys }: Factors) {
  const row = (factor: string, name: string, { createdAt, lastUsedAt }: Used) => ({
    factor,
    name,
    created: createdAt,
    'last used': lastUsedAt,
  })
  return [
    ...(totp === null
      ? []
      : [row('totp', `authenticator app, ${totp.recoveryCodesLeft} recovery codes left`, totp)]),
    ...passkeys.map((one) => row(one.id, `passkey ${one.name}`, one)),
  ]
}
