import type { Command } from 'commander'
import type { Run } from './context.ts'
import { printTable } from './print.ts'

interface Shown {
  readonly name: string
  readonly viewGroups: readonly string[] | null
  readonly allowedGroups: readonly string[] | null
  readonly bindDn?: string
  readonly secret?: string
}

/** `ldap-client …` and `token …`: machines that sign in with a generated secret, shown once. */
export function addServices(program: Command, run: Run): void {
  addKind(
    program.command('ldap-client').description('servers and apps that search and bind over LDAP'),
    run,
    { path: 'ldap-clients', key: 'ldapClients' },
  )
  const token = program
    .command('token')
    .description('bearer tokens, for SCIM and for the admin API')
  addKind(token.command('scim').description('SCIM connections'), run, {
    path: 'scim-connections',
    key: 'scimConnections',
  })
  addKind(token.command('api').description('tokens for the admin API'), run, {
    path: 'api-tokens',
    key: 'apiTokens',
  })
}

function addKind(parent: Command, run: Run, kind: { path: string; key: string }): void {
  parent
    .command('list')
    .description('list them')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<Record<string, Shown[]>>(`/${kind.path}`)
      context.show(answer, () => {
        const rows = (answer[kind.key] ?? []).map(
          ({ name, bindDn, viewGroups, allowedGroups }) => ({
            name,
            ...(bindDn === undefined ? {} : { 'bind dn': bindDn }),
            sees: viewGroups?.join(', ') ?? 'everyone',
            admits: allowedGroups?.join(', ') ?? 'everyone it sees',
          }),
        )
        printTable(context.output, rows, 'none yet')
      })
    })

  parent
    .command('create <name>')
    .description('create one; its secret is shown this once')
    .option('--view-group <name...>', 'show only people of these groups')
    .option('--allowed-group <name...>', 'let only people of these groups sign in through it')
    .action(
      async (
        name: string,
        options: { viewGroup?: string[]; allowedGroup?: string[] },
        command: Command,
      ) => {
        const context = run(command)
        const groups = {
          ...(options.viewGroup === undefined ? {} : { viewGroups: options.viewGroup }),
          ...(options.allowedGroup === undefined ? {} : { allowedGroups: options.allowedGroup }),
        }
        const answer = await context
          .client()
          .send<Shown>('POST', `/${kind.path}`, { name, ...groups })
        context.show(answer, (created) => showSecret(context.output, created))
      },
    )

  parent
    .command('new-secret <name>')
    .description('replace the secret; the old one ends at once')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<Shown>('POST', `/${kind.path}/${encodeURIComponent(name)}/secret`)
      context.show(answer, (changed) => showSecret(context.output, changed))
    })

  parent
    .command('remove <name>')
    .description('remove one; it is refused from now on')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      await context.client().send('DELETE', `/${kind.path}/${encodeURIComponent(name)}`)
      context.show({ removed: name }, () => context.output.write(`${name} removed\n`))
    })
}

function showSecret(out: { write(text: string): void }, shown: Shown): void {
  if (shown.bindDn !== undefined) out.write(`bind dn: ${shown.bindDn}\n`)
  out.write(`secret: ${shown.secret ?? ''}\nKeep it now: it is not shown again.\n`)
}
