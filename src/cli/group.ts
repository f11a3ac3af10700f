import type { Command } from 'commander'
import type { Run } from './context.ts'
import { readPages } from './pages.ts'
import { printTable } from './print.ts'

interface Brief {
  readonly [column: string]: string | number | null
}

/** `group list|show|create|remove|add|drop` */
export function addGroup(program: Command, run: Run): void {
  const group = program.command('group').description('groups and who belongs to them')

  group
    .command('list')
    .description('list groups')
    .option('--search <text>', 'part of a name')
    .option('--limit <n>', 'how many at most; all unless given')
    .action(async (options: { search?: string; limit?: string }, command: Command) => {
      const context = run(command)
      const list = { path: '/groups', key: 'groups' } as const
      const answer = await readPages<'groups', Brief>(context.client(), list, options)
      context.show(answer, ({ groups, next }) => {
        printTable(
          context.output,
          groups.map(({ name, displayName, origin, gidNumber, directMembers }) => ({
            name,
            shown: displayName,
            origin,
            gid: gidNumber,
            members: directMembers,
          })),
          'no groups',
        )
        if (next !== null)
          context.output.write('… and more: raise --limit, or narrow with --search\n')
      })
    })

  group
    .command('show <group>')
    .description('show a group and its direct members')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      context.show(await context.client().get<object>(`/groups/${encodeURIComponent(reference)}`))
    })

  group
    .command('create <name>')
    .description('create a group of our own')
    .option('--display-name <text>')
    .option('--description <text>')
    .action(
      async (
        name: string,
        options: { displayName?: string; description?: string },
        command: Command,
      ) => {
        const context = run(command)
        const answer = await context
          .client()
          .send<{ name: string; gidNumber: number }>('POST', '/groups', { name, ...options })
        context.show(answer, (created) =>
          context.output.write(`${created.name} created, gid ${created.gidNumber}\n`),
        )
      },
    )

  group
    .command('remove <group>')
    .description('remove a group of our own')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      await context.client().send('DELETE', `/groups/${encodeURIComponent(reference)}`)
      context.show({ removed: reference }, () => context.output.write(`${reference} removed\n`))
    })

  for (const [verb, path, what] of [
    ['add', 'add', 'add people to a group of our own'],
    ['drop', 'remove', 'take people out of a group of our own'],
  ] as const) {
    group
      .command(`${verb} <group> [people...]`)
      .description(what)
      .option('--group <name...>', 'groups instead of, or beside, people')
      .action(
        async (
          reference: string,
          people: string[],
          options: { group?: string[] },
          command: Command,
        ) => {
          const context = run(command)
          const answer = await context
            .client()
            .send<{ changed: number }>(
              'POST',
              `/groups/${encodeURIComponent(reference)}/members/${path}`,
              { people, groups: options.group ?? [] },
            )
          context.show(answer, ({ changed }) => context.output.write(`${changed} changed\n`))
        },
      )
  }
}
