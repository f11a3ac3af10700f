import type { Command } from 'commander'
import type { Run } from './context.ts'
import { printFields } from './print.ts'

const WARNING = `Allowed. For each person who makes one, what is stored (sealed with the master key) is as good as
the password to whoever has both the database and the key: MS-CHAPv2 cannot do with less. Prefer
EAP-TLS, or EAP-TTLS with PAP, where devices can.
`

/** `network-password allow|forbid` */
export function addNetworkPasswordRule(program: Command, run: Run): void {
  const rule = program
    .command('network-password')
    .description('whether people may have passwords for MS-CHAPv2, which are stored by NT hash')

  const change = (name: string, description: string, isAllowed: boolean, said: string) =>
    rule
      .command(name)
      .description(description)
      .action(async (_options: unknown, command: Command) => {
        const context = run(command)
        const body = { allowNetworkPasswords: isAllowed }
        const answer = await context.client().send<object>('PATCH', '/settings', body)
        context.show(answer, () => context.output.write(said))
      })
  change('allow', 'let people have one; read the warning it prints', true, WARNING)
  change(
    'forbid',
    'end them all',
    false,
    'forbidden; none is good from now on, and all are erased\n',
  )
}

/** `person network-password make|show|revoke` */
export function addNetworkPassword(person: Command, run: Run): void {
  const own = person
    .command('network-password')
    .description('a generated password for Wi-Fi and VPN that want MS-CHAPv2')

  own
    .command('make <person>')
    .description('make one in place of the one before it, and show it this once')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().send<{ password: string }>('POST', pathOf(reference))
      context.show(answer, ({ password }) =>
        context.output.write(`network password: ${password}\n`),
      )
    })

  own
    .command('show <person>')
    .description('whether there is one, and when it was last used')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<Record<string, unknown>>(pathOf(reference))
      context.show(answer, (shown) =>
        shown['createdAt'] === null
          ? context.output.write('no network password\n')
          : printFields(context.output, shown),
      )
    })

  own
    .command('revoke <person>')
    .description('end it at once')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().send<{ changed: number }>('DELETE', pathOf(reference))
      context.show(answer, ({ changed }) => context.output.write(`${changed} revoked\n`))
    })
}

function pathOf(person: string): string {
  return `/people/${encodeURIComponent(person)}/network-password`
}
