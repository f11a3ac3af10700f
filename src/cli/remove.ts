import type { Command } from 'commander'
import type { Run } from './context.ts'

/** `… remove <name>` of what the API has under `path`. */
export function addRemove(parent: Command, run: Run, path: string): void {
  parent
    .command('remove <name>')
    .description('remove one')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      await context.client().send('DELETE', `/${path}/${encodeURIComponent(name)}`)
      context.show({ removed: name }, () => context.output.write(`${name} removed\n`))
    })
}
