import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { addSetCoa, type CoaOptions, coaBody, withCoaOptions } from './nas-coa.ts'
import { addSetNas } from './nas-set.ts'
import { numberFrom } from './number.ts'
import { printTable } from './print.ts'
import { addRadsecPeer } from './radsec-peers.ts'
import { addRemove } from './remove.ts'

interface ShownNas {
  readonly name: string
  readonly addresses: readonly string[]
  readonly requireMessageAuthenticator: string
  readonly messageAuthenticatorSince: string | null
  readonly secrets: number
  readonly oldSecretsUntil: string | null
  readonly hint: string | null
  readonly secret?: string
  readonly transport: string
  readonly coa: string
  readonly coaPort: number
  readonly rate: number
}

/** `nas …`: who may ask. */
export function addNas(program: Command, run: Run): void {
  const nas = program
    .command('nas')
    .description('access points, switches and VPN gateways that may ask')
  nas
    .command('list')
    .description('list NAS')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ nas: ShownNas[] }>('/nas')
      context.show(answer, () => {
        printTable(
          context.output,
          answer.nas.map((item) => ({
            name: item.name,
            transport: item.transport,
            addresses: item.addresses.join(', ') || 'any',
            'message-authenticator':
              item.messageAuthenticatorSince === null
                ? item.requireMessageAuthenticator
                : `auto: demanded since ${item.messageAuthenticatorSince}`,
            secrets: item.secrets,
            'old until': item.oldSecretsUntil,
            rate: `${item.rate}/s`,
            coa: item.coa === 'off' ? 'off' : `${item.coa}, port ${item.coaPort}`,
          })),
          'no NAS yet: nobody is answered',
        )
        for (const { name, hint } of answer.nas)
          if (hint !== null) context.output.write(`${name}: ${hint}\n`)
      })
    })

  withCoaOptions(nas.command('create <name> <addresses...>'))
    .description(
      'create a NAS: addresses or CIDR blocks; without --secret-file one is made and shown once',
    )
    .option('--secret-file <file>', '`-` is standard input')
    .option('--require-message-authenticator <rule>', 'yes, no or auto', 'auto')
    .option('--rate <n>', 'log-ins a second that each of its addresses may begin; 500 unless given')
    .action(
      async (
        name: string,
        addresses: string[],
        options: CoaOptions & {
          secretFile?: string
          requireMessageAuthenticator: string
          rate?: string
        },
        command: Command,
      ) => {
        const context = run(command)
        const secret =
          options.secretFile === undefined ? {} : { secret: readSecret(options.secretFile) }
        const answer = await context.client().send<ShownNas>('POST', '/nas', {
          name,
          addresses,
          requireMessageAuthenticator: options.requireMessageAuthenticator,
          ...secret,
          ...(options.rate === undefined ? {} : { rate: numberFrom('--rate', options.rate) }),
          ...coaBody(options),
        })
        context.show(answer, (created) => {
          if (created.secret === undefined) context.output.write(`${created.name} created\n`)
          else printSecret(context, created.secret)
        })
      },
    )

  nas
    .command('set-secret <name>')
    .description('change the shared secret')
    .requiredOption('--secret-file <file>', '`-` is standard input')
    .option('--keep-old', 'the old one is good for a week more')
    .action(
      async (
        name: string,
        options: { secretFile: string; keepOld?: boolean },
        command: Command,
      ) => {
        const context = run(command)
        const answer = await context
          .client()
          .send<ShownNas>('PATCH', `/nas/${encodeURIComponent(name)}`, {
            secret: readSecret(options.secretFile),
            keepOldSecret: options.keepOld ?? false,
          })
        context.show(answer, () => context.output.write('secret changed\n'))
      },
    )

  nas
    .command('rotate <name>')
    .description('put a new secret beside the old one, which then lapses by itself')
    .option('--secret-file <file>', '`-` is standard input; without it one is made and shown once')
    .option('--keep <days>', 'for which the old one is good as well', '7')
    .action(
      async (name: string, options: { secretFile?: string; keep: string }, command: Command) => {
        const context = run(command)
        const answer = await context
          .client()
          .send<ShownNas>('POST', `/nas/${encodeURIComponent(name)}/rotate`, {
            keepDays: numberFrom('--keep', options.keep),
            ...(options.secretFile === undefined ? {} : { secret: readSecret(options.secretFile) }),
          })
        context.show(answer, ({ secret, oldSecretsUntil }) => {
          if (secret !== undefined) printSecret(context, secret)
          context.output.write(
            `the old one is good until ${oldSecretsUntil}; \`gatehouse nas list\` tells who still uses it\n`,
          )
        })
      },
    )

  nas
    .command('end-rotation <name>')
    .description('end all secrets but the newest, now')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<ShownNas>('POST', `/nas/${encodeURIComponent(name)}/end-rotation`)
      context.show(answer, () => context.output.write('only the newest secret is good\n'))
    })

  addSetNas(nas, run)
  addSetCoa(nas, run, readSecret)
  addRadsecPeer(nas, run)
  addRemove(nas, run, 'nas')
}

function printSecret({ output }: ReturnType<Run>, secret: string): void {
  output.write(`secret: ${secret}\nKeep it now: it is not shown again.\n`)
}

function readSecret(file: string): string {
  const secret = readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '')
  if (secret === '') throw new CliError(`${file} is empty`)
  return secret
}
