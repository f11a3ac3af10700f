import { Argument, type Command } from 'commander'
import type { Run } from './context.ts'
import { numberFrom } from './number.ts'
import { readPages } from './pages.ts'
import { printTable } from './print.ts'

interface Brief {
  readonly [column: string]: string | number | null
}

/** `group list|show|create|remove|add|drop|master|pushes|approve` */
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

  addMastery(group, run)
  for (const [verb, path, what] of [
    ['add', 'add', 'add people to a group of our own, or one whose people are decided on here'],
    ['drop', 'remove', 'take people out of such a group'],
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

interface PushedMember {
  readonly person: string
  readonly isMember: boolean
  readonly status: string
  readonly reason: string | null
}

interface GroupPushes {
  readonly pushes: readonly PushedMember[]
  readonly total: number
  readonly held: number
}

/** Who decides on the people of a group that comes from a source. */
function addMastery(group: Command, run: Run): void {
  const pathOf = (reference: string) => `/groups/${encodeURIComponent(reference)}`

  group
    .command('master <group>')
    .addArgument(new Argument('<who>', 'decides on its people').choices(['here', 'source']))
    .description('who decides on the people of a group that comes from a source')
    .option('--reason <text>', 'why, for the log')
    .action(
      async (reference: string, who: string, options: { reason?: string }, command: Command) => {
        const context = run(command)
        const body = { master: who, ...options }
        const path = `${pathOf(reference)}/master`
        const answer = await context.client().send<{ changed: number }>('PUT', path, body)
        const where = who === 'here' ? 'here' : 'in its source'
        context.show(answer, ({ changed }) =>
          context.output.write(
            changed === 0 ? `decided on ${where} already\n` : `decided on ${where}, from now on\n`,
          ),
        )
      },
    )

  group
    .command('pushes <group>')
    .description('what was written of a group where it comes from, and what became of it')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<GroupPushes>(`${pathOf(reference)}/pushes`)
      context.show(answer, ({ pushes, total, held }) => {
        const rows = pushes.map(({ person, isMember, status, reason }) => ({
          person,
          wanted: isMember ? 'in' : 'out',
          state: status,
          why: reason,
        }))
        printTable(
          context.output,
          rows,
          'nothing was written of it (whoever is staged is written once she is active)',
        )
        if (total > rows.length) context.output.write(`and ${total - rows.length} more\n`)
        if (held > 0) context.output.write(`${held} wait to leave\n`)
      })
    })

  group
    .command('approve <group>')
    .description('let people leave a group in its source, who were too many within a day')
    .requiredOption('--count <n>', 'how many you have seen to wait')
    .action(async (reference: string, options: { count: string }, command: Command) => {
      const context = run(command)
      const path = `${pathOf(reference)}/approve`
      const body = { count: numberFrom('--count', options.count) }
      const answer = await context.client().send<{ changed: number }>('POST', path, body)
      context.show(answer, ({ changed }) => context.output.write(`${changed} let go\n`))
    })
}
