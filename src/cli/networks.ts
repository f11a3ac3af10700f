import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { radiusMethods } from '../directory/network.ts'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { numberFrom } from './number.ts'
import { printTable } from './print.ts'

interface ShownNas {
  readonly name: string
  readonly addresses: readonly string[]
  readonly requireMessageAuthenticator: string
  readonly secrets: number
  readonly secret?: string
}

interface ShownNetwork {
  readonly name: string
  readonly priority: number
  readonly ssids: readonly string[]
  readonly methods: readonly string[]
  readonly everyone: boolean
  readonly groups: readonly { readonly group: string; readonly vlan: number | string | null }[]
  readonly vlan: number | string | null
}

/** `nas …` (who may ask) and `network …` (who gets in, and how) */
export function addNetworks(program: Command, run: Run): void {
  addNas(
    program.command('nas').description('access points, switches and VPN gateways that may ask'),
    run,
  )
  addNetwork(
    program.command('network').description('policies: who gets on which network, how'),
    run,
  )
}

function addNas(nas: Command, run: Run): void {
  nas
    .command('list')
    .description('list NAS')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ nas: ShownNas[] }>('/nas')
      context.show(answer, () =>
        printTable(
          context.output,
          answer.nas.map((item) => ({
            name: item.name,
            addresses: item.addresses.join(', '),
            'message-authenticator': item.requireMessageAuthenticator,
            secrets: item.secrets,
          })),
          'no NAS yet: nobody is answered',
        ),
      )
    })

  nas
    .command('create <name> <addresses...>')
    .description(
      'create a NAS: addresses or CIDR blocks; without --secret-file one is made and shown once',
    )
    .option('--secret-file <file>', '`-` is standard input')
    .option('--require-message-authenticator <rule>', 'yes, no or auto', 'auto')
    .action(
      async (
        name: string,
        addresses: string[],
        options: { secretFile?: string; requireMessageAuthenticator: string },
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
        })
        context.show(answer, (created) =>
          context.output.write(
            created.secret === undefined
              ? `${created.name} created\n`
              : `secret: ${created.secret}\nKeep it now: it is not shown again.\n`,
          ),
        )
      },
    )

  nas
    .command('set-secret <name>')
    .description('change the shared secret')
    .requiredOption('--secret-file <file>', '`-` is standard input')
    .option('--keep-old', 'both work until it is changed again')
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

  addRemove(nas, run, 'nas')
}

function addNetwork(network: Command, run: Run): void {
  network
    .command('list')
    .description('list networks, in the order they are tried')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ networks: ShownNetwork[] }>('/networks')
      context.show(answer, () =>
        printTable(
          context.output,
          answer.networks.map((item) => ({
            name: item.name,
            priority: item.priority,
            ssids: item.ssids.join(', ') || 'any',
            methods: item.methods.join(', '),
            admits: item.everyone
              ? 'everyone'
              : item.groups
                  .map(({ group, vlan }) => (vlan === null ? group : `${group} (VLAN ${vlan})`))
                  .join(', ') || 'nobody',
            vlan: item.vlan,
          })),
          'no networks yet: everybody is rejected',
        ),
      )
    })

  const policy = (command: Command) =>
    command
      .option('--ssid <name...>', 'SSIDs it is for')
      .option('--nas <name...>', 'NAS it is for; all without')
      .option('--without-ssid', 'also for requests that name no SSID')
      .option('--method <name...>', radiusMethods.join(', '))
      .option('--everyone', 'admit every active person')
      .option(
        '--group <name=vlan...>',
        'admit members of a group, on a VLAN of theirs; also without `=vlan`',
      )
      .option('--vlan <id>', 'VLAN for everyone else')
      .option('--priority <n>', 'lower is tried first')
      .option('--session-timeout <seconds>', 'after which the NAS asks again')

  policy(network.command('create <name>').description('create a network')).action(
    async (name: string, options: PolicyOptions, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<ShownNetwork>('POST', '/networks', { name, ...policyFrom(options) })
      context.show(answer, (created) => {
        context.output.write(`${created.name} created\n`)
        if (!created.everyone && created.groups.length === 0)
          context.output.write(
            `it admits nobody yet: gatehouse network set ${created.name} --everyone, or --group\n`,
          )
      })
    },
  )

  policy(
    network.command('set <name>').description('change a network; what is not named stays'),
  ).action(async (name: string, options: PolicyOptions, command: Command) => {
    const context = run(command)
    const answer = await context
      .client()
      .send<ShownNetwork>('PATCH', `/networks/${encodeURIComponent(name)}`, policyFrom(options))
    context.show(answer, (changed) => context.output.write(`${changed.name} changed\n`))
  })

  addRemove(network, run, 'networks')
}

interface PolicyOptions {
  readonly ssid?: string[]
  readonly nas?: string[]
  readonly withoutSsid?: boolean
  readonly method?: string[]
  readonly everyone?: boolean
  readonly group?: string[]
  readonly vlan?: string
  readonly priority?: string
  readonly sessionTimeout?: string
}

function policyFrom(options: PolicyOptions): Record<string, unknown> {
  const given: Record<string, unknown> = {
    ssids: options.ssid,
    nas: options.nas,
    withoutSsid: options.withoutSsid,
    methods: options.method,
    everyone: options.everyone,
    groups: options.group?.map(groupFrom),
    vlan: options.vlan === undefined ? undefined : vlanFrom(options.vlan),
    priority: numberFrom('--priority', options.priority),
    sessionTimeoutSeconds: numberFrom('--session-timeout', options.sessionTimeout),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function groupFrom(text: string): { group: string; vlan?: number | string } {
  const at = text.lastIndexOf('=')
  return at < 0 ? { group: text } : { group: text.slice(0, at), vlan: vlanFrom(text.slice(at + 1)) }
}

function vlanFrom(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}

function addRemove(parent: Command, run: Run, path: string): void {
  parent
    .command('remove <name>')
    .description('remove one')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = run(command)
      await context.client().send('DELETE', `/${path}/${encodeURIComponent(name)}`)
      context.show({ removed: name }, () => context.output.write(`${name} removed\n`))
    })
}

function readSecret(file: string): string {
  const secret = readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '')
  if (secret === '') throw new CliError(`${file} is empty`)
  return secret
}
