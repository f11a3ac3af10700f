import type { Command } from 'commander'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { numberFrom } from './number.ts'
import { printTable } from './print.ts'

interface Listed {
  readonly id: string
  readonly name: string
  readonly uses: readonly string[]
  readonly ldapClient: string | null
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly lastUsedAt: string | null
  readonly lastUsedFrom: string | null
}

interface AddOptions {
  readonly ldap?: boolean
  readonly radius?: boolean
  readonly ldapClient?: string
  readonly days?: string
}

/** `person app-password add|list|revoke` */
export function addAppPassword(person: Command, run: Run): void {
  const appPassword = person
    .command('app-password')
    .description('generated passwords for one purpose, revoked one by one')

  appPassword
    .command('add <person> <name>')
    .description('make one, and show it this once; the name says what it is for')
    .option('--ldap', 'good for LDAP')
    .option('--radius', 'good for RADIUS (PAP, EAP-TTLS/PAP)')
    .option('--ldap-client <client>', 'good for LDAP through this client alone')
    .option('--days <n>', 'how long it is good; until revoked, unless given')
    .action(async (reference: string, name: string, options: AddOptions, command: Command) => {
      const context = run(command)
      const answer = await context.client().send<{ password: string }>('POST', pathOf(reference), {
        name,
        uses: usesOf(options),
        ...(options.ldapClient === undefined ? {} : { ldapClient: options.ldapClient }),
        ...(options.days === undefined ? {} : { days: numberFrom('--days', options.days) }),
      })
      context.show(answer, ({ password }) => context.output.write(`app password: ${password}\n`))
    })

  appPassword
    .command('list <person>')
    .description('list them, with when each was last used')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .get<{ appPasswords: readonly Listed[] }>(pathOf(reference))
      context.show(answer, ({ appPasswords }) =>
        printTable(context.output, appPasswords.map(toRow), 'no app passwords'),
      )
    })

  appPassword
    .command('revoke <person> [name]')
    .description('revoke one, by name or id, or all')
    .option('--all', 'every one of them')
    .action(
      async (
        reference: string,
        name: string | undefined,
        { all = false }: { all?: boolean },
        command: Command,
      ) => {
        if ((name === undefined) !== all) throw new CliError('give either a name or --all')
        const context = run(command)
        const path = name === undefined ? '' : `/${encodeURIComponent(name)}`
        const answer = await context
          .client()
          .send<{ changed: number }>('DELETE', `${pathOf(reference)}${path}`)
        context.show(answer, ({ changed }) => context.output.write(`${changed} revoked\n`))
      },
    )
}

function pathOf(person: string): string {
  return `/people/${encodeURIComponent(person)}/app-passwords`
}

/** @throws {CliError} when it would be good for nothing */
function usesOf({ ldap = false, radius = false, ldapClient }: AddOptions): readonly string[] {
  const uses = [
    ...(ldap || ldapClient !== undefined ? ['ldap'] : []),
    ...(radius ? ['radius'] : []),
  ]
  if (uses.length === 0) throw new CliError('say what it is for: --ldap, --radius or both')
  return uses
}

function toRow({ name, uses, ldapClient, lastUsedAt, lastUsedFrom, expiresAt, createdAt }: Listed) {
  return {
    name,
    for: uses.join(', '),
    client: ldapClient,
    created: createdAt,
    ends: expiresAt,
    'last used': lastUsedAt,
    from: lastUsedFrom,
  }
}
