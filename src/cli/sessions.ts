import type { Command } from 'commander'
import type { ShownSession, ShownUsage } from '../directory/ports/session-reading.ts'
import type { Run } from './context.ts'
import { printTable } from './print.ts'

/** `session list|usage|disconnect` */
export function addSessions(program: Command, run: Run): void {
  const session = program
    .command('session')
    .description('who is on the network, as its NAS report it, and how to end it')

  session
    .command('list')
    .description('sessions under way, newest report first, with what became of ending them')
    .option('--person <name>', 'of one person')
    .option('--nas <name>', 'of one NAS')
    .option('--all', 'those that are over as well')
    .option('--limit <n>', 'how many at most', '100')
    .action(
      async (
        options: { person?: string; nas?: string; all?: boolean; limit: string },
        command: Command,
      ) => {
        const context = run(command)
        const { all, ...query } = options
        const answer = await context.client().get<{ sessions: ShownSession[] }>('/sessions', {
          ...query,
          ...(all === true ? { all: 'true' } : {}),
        })
        context.show(answer, ({ sessions }) =>
          printTable(
            context.output,
            sessions.map(toRow),
            'no sessions: nobody is on, or the NAS send no accounting',
          ),
        )
      },
    )

  session
    .command('usage')
    .description('time and octets by person and device')
    .option('--person <name>', 'of one person')
    .option('--since <time>', 'ISO time; 30 days ago unless given')
    .option('--until <time>', 'ISO time; now unless given')
    .option('--limit <n>', 'how many at most', '100')
    .action(async (options: Record<string, string>, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ usage: ShownUsage[] }>('/sessions/usage', options)
      context.show(answer, ({ usage }) =>
        printTable(
          context.output,
          usage.map(({ lastAt, ...row }) => ({ ...row, 'last report': lastAt })),
          'nothing was reported in that time',
        ),
      )
    })

  session
    .command('disconnect <id>')
    .description('have a session ended by its NAS; who may come in may come in again')
    .action(async (id: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<{ changed: number }>('POST', `/sessions/${encodeURIComponent(id)}/disconnect`)
      context.show(answer, () =>
        context.output.write('asked; `gatehouse session list` says how it went\n'),
      )
    })
}

function toRow(session: ShownSession) {
  const { disconnect } = session
  return {
    id: session.id,
    person: session.person ?? session.username,
    device: session.device,
    nas: session.nas,
    network: session.network ?? session.ssid,
    address: session.address ?? session.ipv6,
    since: session.startedAt,
    'last report': session.updatedAt,
    ended: session.stoppedAt === null ? null : (session.endedBecause ?? session.stoppedAt),
    disconnect:
      disconnect === null
        ? null
        : `${disconnect.status} (${disconnect.cause})${disconnect.outcome === null ? '' : `: ${disconnect.outcome}`}`,
  }
}
