import type { Command } from 'commander'
import { startDaemon } from '../daemon.ts'
import type { Run } from './context.ts'

/** `serve`: the daemon, until a signal ends it. */
export function addServe(program: Command, run: Run): void {
  program
    .command('serve')
    .description('run the daemon')
    .option('--migrate', 'bring the schema of a PostgreSQL database up to date first')
    .action(async (options: { migrate?: boolean }, command: Command) => {
      const context = run(command)
      const daemon = await startDaemon(context.config(), {
        signal: context.signal,
        mayMigrate: options.migrate ?? false,
      })
      await stopped(context.signal)
      await daemon.stop()
    })
}

export async function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  )
}
