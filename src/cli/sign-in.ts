import { Argument, type Command } from 'commander'
import type { SourceStatus } from '../admin/parts.ts'
import type { Run } from './context.ts'
import { withoutUndefined } from './source-options.ts'

/** `source set-sign-in` */
export function addSignIn(source: Command, run: Run): void {
  source
    .command('set-sign-in <source>')
    .addArgument(new Argument('<state>', 'whether it is allowed').choices(['on', 'off']))
    .description('let people sign in with Microsoft, in a browser, to choose their password here')
    .option('--reason <text>', 'why, for the log')
    .action(async (name: string, state: string, options: { reason?: string }, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<SourceStatus & { redirectUri: string | null }>(
          'PUT',
          `/sources/${encodeURIComponent(name)}/sign-in`,
          withoutUndefined({ allowed: state === 'on', reason: options.reason }),
        )
      context.show(answer, ({ signIn, redirectUri }) => {
        const said = signIn
          ? `people sign in with Microsoft, from now on. The app registration has to know this\nredirect URI (Authentication > Web): ${redirectUri}`
          : 'nobody signs in with Microsoft, from now on'
        context.output.write(`${answer.name}: ${said}\n`)
      })
    })
}
