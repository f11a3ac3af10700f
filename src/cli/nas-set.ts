import { type Command, Option } from 'commander'
import type { Run } from './context.ts'
import { numberFrom } from './number.ts'

interface NasOptions {
  readonly address?: string[]
  readonly rate?: string
  readonly requireMessageAuthenticator?: string
  readonly limitProxyState?: 'yes' | 'no'
}

/** `nas set`: what is neither secret nor about ending sessions. */
export function addSetNas(nas: Command, run: Run): void {
  nas
    .command('set <name>')
    .description('change a NAS; what is not named stays')
    .option('--address <cidr...>', 'addresses or CIDR blocks, in place of the ones it has')
    .option('--rate <n>', 'log-ins a second that each of its addresses may begin')
    .addOption(
      new Option('--require-message-authenticator <rule>', 'yes, no or auto').choices([
        'yes',
        'no',
        'auto',
      ]),
    )
    .addOption(
      new Option(
        '--limit-proxy-state <yes|no>',
        'without Message-Authenticator, take nothing that came by a proxy',
      ).choices(['yes', 'no']),
    )
    .action(async (name: string, options: NasOptions, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<{ name: string }>('PATCH', `/nas/${encodeURIComponent(name)}`, bodyOf(options))
      context.show(answer, (changed) => context.output.write(`${changed.name} changed\n`))
    })
}

function bodyOf({ address, rate, requireMessageAuthenticator, limitProxyState }: NasOptions) {
  return {
    ...(address === undefined ? {} : { addresses: address }),
    ...(rate === undefined ? {} : { rate: numberFrom('--rate', rate) }),
    ...(requireMessageAuthenticator === undefined ? {} : { requireMessageAuthenticator }),
    ...(limitProxyState === undefined ? {} : { limitProxyState: limitProxyState === 'yes' }),
  }
}
