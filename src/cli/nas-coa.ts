import type { Command } from 'commander'
import type { Run } from './context.ts'
import { numberFrom } from './number.ts'

export interface CoaOptions {
  readonly coa?: string
  readonly coaPort?: string
}

/** What is said of a NAS that ends sessions on request. */
export function withCoaOptions(command: Command): Command {
  return command
    .option('--coa <mode>', 'it ends sessions on request: off, disconnect, or coa (moves them too)')
    .option('--coa-port <n>', 'UDP port at which it takes such requests; 3799 unless given')
}

export function coaBody({ coa, coaPort }: CoaOptions) {
  return {
    ...(coa === undefined ? {} : { coa }),
    ...(coaPort === undefined ? {} : { coaPort: numberFrom('--coa-port', coaPort) }),
  }
}

/** `nas set-coa` */
export function addSetCoa(nas: Command, run: Run, readSecret: (file: string) => string): void {
  withCoaOptions(nas.command('set-coa <name>'))
    .description('say how a NAS is told to end sessions (RFC 5176)')
    .option('--coa-secret-file <file>', 'a secret for this alone; `-` is standard input')
    .option('--shared-secret', 'back to the secret shared for log-ins')
    .action(
      async (
        name: string,
        options: CoaOptions & { coaSecretFile?: string; sharedSecret?: boolean },
        command: Command,
      ) => {
        const context = run(command)
        const { coaSecretFile, sharedSecret = false } = options
        const answer = await context
          .client()
          .send<{ coa: string; coaPort: number }>('PATCH', `/nas/${encodeURIComponent(name)}`, {
            ...coaBody(options),
            ...(sharedSecret ? { coaSecret: null } : {}),
            ...(coaSecretFile === undefined ? {} : { coaSecret: readSecret(coaSecretFile) }),
          })
        context.show(answer, ({ coa, coaPort }) =>
          context.output.write(
            coa === 'off'
              ? 'sessions are left to their Session-Timeout\n'
              : `asked at port ${coaPort}, ${coa}\n`,
          ),
        )
      },
    )
}
