import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { PushStatus } from '../admin/parts.ts'
import { addActivationLink } from './activation-links.ts'
import { addAppPassword } from './app-passwords.ts'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { addFactors } from './factors.ts'
import { addPersonLicences } from './licences.ts'
import { addLifecycle } from './lifecycle.ts'
import { addNetworkPassword } from './network-passwords.ts'
import { readPages } from './pages.ts'
import { printTable } from './print.ts'
import { promptSecret } from './prompt.ts'

interface Brief {
  readonly [column: string]: string | number | null
}

/** `person list|show|edit|yield|pushes|set-password|set-ssh-keys|rename|licences`, and the lifecycle */
export function addPerson(program: Command, run: Run): void {
  const person = program.command('person').description('people: who they are, and what they may do')

  person
    .command('list')
    .description('list people')
    .option('--state <state>', 'staged, active, suspended or deleted')
    .option('--group <name>', 'members of a group, nested ones too')
    .option('--search <text>', 'part of a name or mail address')
    .option('--limit <n>', 'how many at most; all unless given')
    .action(
      async (
        options: { state?: string; group?: string; search?: string; limit?: string },
        command: Command,
      ) => {
        const context = run(command)
        const list = { path: '/people', key: 'people' } as const
        const answer = await readPages<'people', Brief>(context.client(), list, options)
        context.show(answer, ({ people, next }) => {
          printTable(
            context.output,
            people.map(({ username, displayName, state, uidNumber, mail }) => ({
              username,
              name: displayName,
              state,
              uid: uidNumber,
              mail,
            })),
            'nobody',
          )
          if (next !== null)
            context.output.write('… and more: raise --limit, or narrow with --search\n')
        })
      },
    )

  person
    .command('show <person>')
    .description('show a person; by username, UPN, mail address or id')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      context.show(await context.client().get<object>(`/people/${encodeURIComponent(reference)}`))
    })

  addLifecycle(person, run)
  addActivationLink(person, run)
  addAppPassword(person, run)
  addNetworkPassword(person, run)
  addFactors(person, run)
  addPersonLicences(person, run)

  person
    .command('unlock <person>')
    .description('forget failed tries: whoever was locked out may try again at once')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const path = `/people/${encodeURIComponent(reference)}/failures`
      const answer = await context.client().send<{ changed: number }>('DELETE', path)
      context.show(answer, ({ changed }) =>
        context.output.write(changed === 0 ? 'nothing counted against them\n' : 'unlocked\n'),
      )
    })

  person
    .command('pushes <person>')
    .description('what was written about a person where she comes from, and what became of it')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const context = run(command)
      const path = `/people/${encodeURIComponent(reference)}/pushes`
      const answer = await context.client().get<{ pushes: PushStatus[] }>(path)
      context.show(answer, ({ pushes }) => {
        const rows = pushes.map(({ source, attribute, wanted, status, writtenAt, reason }) => ({
          source,
          what: attribute,
          wanted: String(wanted),
          state: status,
          written: writtenAt,
          why: reason,
        }))
        printTable(
          context.output,
          rows,
          'nothing was written about her (of whoever is staged nothing is, until she is active)',
        )
      })
    })

  person
    .command('set-password <person>')
    .description(
      'set the primary password: asked for, read from a file, or generated and shown once',
    )
    .option('--generate', 'make one and show it')
    .option('--password-file <file>', '`-` is standard input')
    .option('--temporary', 'to be changed on the account pages before it is good for anything else')
    .action(
      async (
        reference: string,
        options: { generate?: boolean; passwordFile?: string; temporary?: boolean },
        command: Command,
      ) => {
        const context = run(command)
        const password =
          options.generate === true
            ? { generate: true }
            : { password: await readPassword(context, options.passwordFile) }
        const body = { ...password, temporary: options.temporary === true }
        const answer = await context
          .client()
          .send<{ password?: string }>(
            'PUT',
            `/people/${encodeURIComponent(reference)}/password`,
            body,
          )
        context.show(answer, ({ password }) =>
          context.output.write(
            password === undefined ? 'password set\n' : `password: ${password}\n`,
          ),
        )
      },
    )

  person
    .command('set-ssh-keys <person> [keys...]')
    .description('replace the SSH public keys (none given: remove all)')
    .action(async (reference: string, keys: string[], _options: unknown, command: Command) => {
      const context = run(command)
      await context
        .client()
        .send('PUT', `/people/${encodeURIComponent(reference)}/ssh-keys`, { keys })
      context.show({ keys: keys.length }, () => context.output.write(`${keys.length} keys\n`))
    })

  person
    .command('edit <person> <changes...>')
    .description(
      'change attributes, such as `jobTitle=Buyer` or `manager=adele.vance`; `mobilePhone=` clears one',
    )
    .option('--reason <text>', 'why, for the log')
    .action(
      async (
        reference: string,
        changes: readonly string[],
        options: { reason?: string },
        command: Command,
      ) => {
        const context = run(command)
        const path = `/people/${encodeURIComponent(reference)}`
        const body = { ...parseChanges(changes), ...reason(options) }
        const answer = await context.client().send<{ changed: number }>('PATCH', path, body)
        context.show(answer, ({ changed }) => {
          context.output.write(changed === 0 ? 'she has these values already\n' : 'changed\n')
        })
      },
    )

  person
    .command('yield <person> <attributes...>')
    .description('give attributes back to the source, whose last word holds again')
    .option('--reason <text>', 'why, for the log')
    .action(
      async (
        reference: string,
        attributes: readonly string[],
        options: { reason?: string },
        command: Command,
      ) => {
        const context = run(command)
        const path = `/people/${encodeURIComponent(reference)}/yield`
        const body = { attributes, ...reason(options) }
        const answer = await context.client().send<{ changed: number }>('POST', path, body)
        context.show(answer, ({ changed }) => {
          const said = changed === 0 ? 'none of these was mastered here' : 'given back'
          context.output.write(`${said}\n`)
        })
      },
    )

  person
    .command('rename <person> <username>')
    .description(
      'change the username: moves the DN, uid and memberUid; home directories are not moved',
    )
    .option('--dry-run', 'tell what it would move, and change nothing')
    .action(
      async (
        reference: string,
        username: string,
        options: { dryRun?: boolean },
        command: Command,
      ) => {
        const context = run(command)
        const path = `/people/${encodeURIComponent(reference)}`
        if (options.dryRun === true) {
          const query = { of: 'rename', username }
          const preview = await context
            .client()
            .get<{ summary: string }>(`${path}/consequences`, query)
          return context.show(preview, ({ summary }) => context.output.write(`${summary}\n`))
        }
        await context.client().send('PUT', `${path}/username`, { username })
        context.show({ username }, () => context.output.write(`now ${username}\n`))
      },
    )
}

/** @throws {CliError} for what is no `name=value` */
function parseChanges(changes: readonly string[]): Record<string, string | null> {
  const pairs = changes.map((change): [string, string | null] => {
    const at = change.indexOf('=')
    if (at < 1) throw new CliError(`'${change}' is no name=value, such as jobTitle=Buyer`)
    const value = change.slice(at + 1)
    return [change.slice(0, at), value === '' ? null : value]
  })
  return Object.fromEntries(pairs)
}

function reason(options: { reason?: string }): { reason?: string } {
  return options.reason === undefined ? {} : { reason: options.reason }
}

async function readPassword(context: CommandContext, file: string | undefined): Promise<string> {
  if (file !== undefined) return readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '')
  const first = await promptSecret('New password: ', context.signal)
  const second = await promptSecret('Once more: ', context.signal)
  if (first !== second) throw new CliError('the two are not the same')
  return first
}
