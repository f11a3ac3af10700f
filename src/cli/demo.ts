import type { Command } from 'commander'
import { startDemo } from '../demo/demo.ts'
import { formatScreen } from '../demo/screen.ts'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { stopped } from './serve.ts'

const DEFAULT_PEOPLE = 24
const MAX_PEOPLE = 100_000
const DEFAULT_PASSWORD = 'Welcome to Contoso 1'

/** `demo`: a simulated tenant and everything served from it, until a signal ends it. */
export function addDemo(program: Command, run: Run, env: NodeJS.ProcessEnv): void {
  program
    .command('demo')
    .description('a simulated Microsoft 365 tenant, and everything served from it')
    .option('--people <n>', 'how many people the tenant has', String(DEFAULT_PEOPLE))
    .option('--password <text>', "everybody's password", DEFAULT_PASSWORD)
    .option('--fresh', 'start anew instead of going on')
    .action(
      async (options: { people: string; password: string; fresh?: boolean }, command: Command) => {
        const context = run(command)
        const people = Number(options.people)
        if (!Number.isInteger(people) || people < 1 || people > MAX_PEOPLE)
          throw new CliError(`--people is a number from 1 to ${MAX_PEOPLE}`)
        const dataDir = command.optsWithGlobals<{ data?: string }>().data ?? './data/demo'
        const say = (line: string) => context.output.write(`${line}\n`)
        const demo = await startDemo({
          dataDir,
          people,
          password: options.password,
          isFresh: options.fresh ?? false,
          env,
          signal: context.signal,
          say,
        })
        context.output.write(formatScreen(demo.facts, dataDir))
        await stopped(context.signal)
        say('stopping …')
        await demo.stop()
      },
    )
}
