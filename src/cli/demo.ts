import { resolve } from 'node:path'
import type { Command } from 'commander'
import { startDemo } from '../demo/demo.ts'
import { formatScreen } from '../demo/screen.ts'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { stopped } from './serve.ts'

const DEFAULT_PEOPLE = 24
/** Enough to choose from. */
const EMPTY_PEOPLE = 200
const MAX_PEOPLE = 100_000
const DEFAULT_PASSWORD = 'Welcome to Contoso 1'

/** `demo`: a simulated tenant and everything served from it, until a signal ends it. */
export function addDemo(program: Command, run: Run, env: NodeJS.ProcessEnv): void {
  program
    .command('demo')
    .description('a simulated Microsoft 365 tenant, and everything served from it')
    .option(
      '--people <n>',
      `how many people the tenant has (default: ${DEFAULT_PEOPLE}; ${EMPTY_PEOPLE} with --empty)`,
    )
    .option('--password <text>', "everybody's password", DEFAULT_PASSWORD)
    .option('--fresh', 'start anew instead of going on')
    .option('--empty', 'start anew, with nothing connected: connect and import yourself')
    .action(async (options: DemoCommandOptions, command: Command) => {
      const context = run(command)
      const isEmpty = options.empty ?? false
      const people = Number(options.people ?? (isEmpty ? EMPTY_PEOPLE : DEFAULT_PEOPLE))
      if (!Number.isInteger(people) || people < 1 || people > MAX_PEOPLE)
        throw new CliError(`--people is a number from 1 to ${MAX_PEOPLE}`)
      const dataDir =
        command.optsWithGlobals<{ data?: string }>().data ??
        (isEmpty ? './data/demo-empty' : './data/demo')
      const say = (line: string) => context.output.write(`${line}\n`)
      const demo = await startDemo({
        dataDir,
        people,
        password: options.password,
        isFresh: options.fresh ?? false,
        isEmpty,
        env,
        signal: context.signal,
        say,
      })
      context.output.write(
        formatScreen(demo.facts, {
          dataDir: resolve(dataDir),
          isEmpty,
          password: options.password,
        }),
      )
      await stopped(context.signal)
      say('stopping …')
      await demo.stop()
    })
}

interface DemoCommandOptions {
  readonly people?: string
  readonly password: string
  readonly fresh?: boolean
  readonly empty?: boolean
}
