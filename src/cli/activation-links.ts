import type { Command } from 'commander'
import { CliError } from './client.ts'
import type { CommandContext, Run } from './context.ts'
import { numberFrom } from './number.ts'
import { readPages } from './pages.ts'
import { printTable } from './print.ts'

interface Link {
  readonly link?: string
  readonly mailedTo: string | null
  readonly expiresAt: string
}

/** `person link` */
export function addActivationLink(person: Command, run: Run): void {
  person
    .command('link <person>')
    .description('make a link to choose a password with, good once, and show it')
    .option('--mail', 'send it to their address instead')
    .option('--hours <n>', 'how long it is good', '72')
    .action(
      async (reference: string, options: { mail?: boolean; hours: string }, command: Command) => {
        const context = run(command)
        const answer = await context
          .client()
          .send<Link>('POST', `/people/${encodeURIComponent(reference)}/activation-link`, {
            mail: options.mail === true,
            hours: numberFrom('--hours', options.hours),
          })
        context.show(answer, ({ link, mailedTo, expiresAt }) =>
          context.output.write(`${link ?? `sent to ${mailedTo}`}\ngood once, until ${expiresAt}\n`),
        )
      },
    )
}

/** One after the other: whoever has no address keeps nobody else waiting. */
export async function mailLinks(
  context: CommandContext,
  people: readonly string[],
  options: { allStaged?: boolean; reason?: string },
): Promise<void> {
  const client = context.client()
  const list = { path: '/people', key: 'people' } as const
  const references =
    options.allStaged === true
      ? (
          await readPages<'people', { readonly username: string }>(client, list, {
            state: 'staged',
          })
        ).people.map(({ username }) => username)
      : people
  const answers: { person: string; sentTo: string | null; fault: string | null }[] = []
  for (const person of references) {
    const path = `/people/${encodeURIComponent(person)}/activation-link`
    try {
      const body = {
        mail: true,
        ...(options.reason === undefined ? {} : { reason: options.reason }),
      }
      const { mailedTo } = await client.send<Link>('POST', path, body)
      answers.push({ person, sentTo: mailedTo, fault: null })
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      answers.push({ person, sentTo: null, fault: error.message })
    }
  }
  context.show({ links: answers }, () => {
    const rows = answers.map(({ person, sentTo, fault }) => ({ person, 'sent to': sentTo, fault }))
    printTable(context.output, rows, 'nobody is staged')
  })
  const failed = answers.filter(({ fault }) => fault !== null).length
  if (failed > 0) throw new CliError(`${failed} of ${answers.length} were sent no link`)
}
