import type { Command } from 'commander'
import type { Run } from './context.ts'
import { printTable } from './print.ts'

interface Factors {
  readonly totp: {
    readonly createdAt: string
    readonly lastUsedAt: string | null
    readonly recoveryCodesLeft: number
  } | null
}

/** `person factors list|remove` */
export function addFactors(person: Command, run: Run): void {
  const factors = person
    .command('factors')
    .description('what people prove on the account pages beside a password')

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
    .command('remove <person>')
    .description('remove them, as when a phone is lost; she is told by mail')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().send<{ changed: number }>('DELETE', pathOf(reference))
      context.show(answer, ({ changed }) => context.output.write(`${changed} removed\n`))
    })
}

function pathOf(person: string): string {
  return `/people/${encodeURIComponent(person)}/factors`
}

function rowsOf({ totp }: Factors) {
  if (totp === null) return []
  const { createdAt, lastUsedAt, recoveryCodesLeft } = totp
  return [
    {
      factor: 'authenticator app',
      created: createdAt,
      'last used': lastUsedAt,
      'recovery codes': recoveryCodesLeft,
    },
  ]
}
