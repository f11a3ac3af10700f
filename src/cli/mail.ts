import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { MailSettings } from '../mail/settings.ts'
import type { Run } from './context.ts'
import { numberFrom } from './number.ts'
import { printFields, printTable } from './print.ts'
import { promptSecret } from './prompt.ts'

interface Options {
  readonly host: string
  readonly port?: string
  readonly tls: string
  readonly user?: string
  readonly passwordFile?: string
  readonly from: string
  readonly ca?: string
}

const PORTS: Readonly<Record<string, number>> = { implicit: 465, starttls: 587, none: 25 }

/** `mail show|set|test|outbox` */
export function addMail(program: Command, run: Run): void {
  const mail = program.command('mail').description('mail to people: links, and notices of changes')

  mail
    .command('show')
    .description('show how mail is sent')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ mail: MailSettings | null }>('/mail')
      context.show(answer, ({ mail: settings }) => {
        if (settings === null)
          context.output.write('no mail is sent: say how with `gatehouse mail set`\n')
        else printFields(context.output, { ...settings })
      })
    })

  mail
    .command('set')
    .description('say how mail is sent')
    .requiredOption('--host <name>', 'SMTP server')
    .option('--port <n>', '465, 587 or 25, as --tls has it, unless given')
    .option('--tls <mode>', '`implicit`, `starttls` or `none`', 'starttls')
    .option('--user <name>', 'where the server asks for a sign-in; its password is asked for')
    .option('--password-file <file>', '`-` is standard input')
    .requiredOption('--from <address>', 'such as "Gatehouse <no-reply@example.com>"')
    .option('--ca <file>', "CA to trust beside the system's (PEM)")
    .action(async (options: Options, command: Command) => {
      const context = run(command)
      const { host, tls, user, passwordFile, from, ca } = options
      const password = user === undefined ? null : await readPassword(passwordFile, context.signal)
      await context.client().send('PUT', '/mail', {
        host,
        port: numberFrom('--port', options.port) ?? PORTS[tls] ?? 0,
        tls,
        from,
        ...(user === undefined ? {} : { user, password }),
        ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
      })
      context.show({ host }, () =>
        context.output.write('set; try it with `gatehouse mail test <address>`\n'),
      )
    })

  mail
    .command('test <address>')
    .description('send a mail at once, and tell what came of it')
    .action(async (to: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().send<{ sent: boolean }>('POST', '/mail/test', { to })
      context.show(answer, () => context.output.write(`sent to ${to}\n`))
    })

  mail
    .command('outbox')
    .description('what was sent, waits, or failed and why')
    .option('--limit <n>', 'how many at most', '50')
    .action(async (options: { limit: string }, command: Command) => {
      const context = run(command)
      const path = `/mail/outbox?limit=${numberFrom('--limit', options.limit)}`
      const answer = await context.client().get<{ mail: readonly Listed[] }>(path)
      context.show(answer, ({ mail: listed }) => {
        const rows = listed.map(({ createdAt, kind, recipient, status, attempts, reason }) => ({
          since: createdAt,
          about: kind,
          to: recipient,
          state: status,
          tries: attempts,
          why: reason,
        }))
        printTable(context.output, rows, 'no mail yet')
      })
    })
}

interface Listed {
  readonly createdAt: string
  readonly kind: string
  readonly recipient: string
  readonly status: string
  readonly attempts: number
  readonly reason: string | null
}

async function readPassword(file: string | undefined, signal: AbortSignal): Promise<string> {
  if (file === undefined)
    return await promptSecret('Password of the SMTP user: ', signal, '--password-file')
  return readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '')
}
