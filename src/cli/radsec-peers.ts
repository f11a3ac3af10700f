import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Run } from './context.ts'

interface PeerOptions {
  readonly san?: string[]
  readonly fingerprint?: string[]
  readonly trustedCa?: string
  readonly address?: string[]
}

/** `nas create-radsec …`: a NAS or proxy that comes over TLS and shows a certificate. */
export function addRadsecPeer(nas: Command, run: Run): void {
  nas
    .command('create-radsec <name>')
    .description('create a NAS or proxy that comes over TLS (RadSec), known by its certificate')
    .option('--san <name...>', 'DNS names or addresses its certificate may be for')
    .option('--fingerprint <sha256...>', 'SHA-256 of certificates it may show')
    .option('--trusted-ca <file>', 'PEM of who issues its certificate; else the built-in CA')
    .option('--address <cidr...>', 'where it may come from; else anywhere')
    .action(async (name: string, options: PeerOptions, command: Command) => {
      const context = run(command)
      const answer = await context.client().send<object>('POST', '/radsec-peers', {
        name,
        names: options.san ?? [],
        fingerprints: options.fingerprint ?? [],
        trustedCa: options.trustedCa === undefined ? null : readFileSync(options.trustedCa, 'utf8'),
        ...(options.address === undefined ? {} : { addresses: options.address }),
      })
      context.show(answer, () => context.output.write(`${name} created\n`))
    })
}
