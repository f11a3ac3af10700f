import type { Command } from 'commander'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { readPages } from './pages.ts'
import { printTable } from './print.ts'
import { addRemove } from './remove.ts'
import { timeFrom } from './time.ts'

interface ShownDevice {
  readonly name: string
  readonly mac: string
  readonly networks: readonly string[]
  readonly owner: string | null
  readonly vlan: number | string | null
  readonly enabled: boolean
  readonly expiresAt: string | null
  readonly lastSeenAt: string | null
}

interface DeviceOptions {
  readonly network?: string[]
  readonly owner?: string
  readonly vlan?: string
  readonly until?: string
}

interface SetOptions extends DeviceOptions {
  readonly name?: string
  readonly enable?: boolean
  readonly disable?: boolean
}

/** `device …`: what is let in by its MAC address. */
export function addDevices(program: Command, run: Run): void {
  const device = program
    .command('device')
    .description('printers and the like, let in by their MAC address')

  device
    .command('list')
    .description('list devices, and when each was last let in')
    .option('--limit <n>', 'at most so many; all without')
    .action(async (options: { limit?: string }, command: Command) => {
      const context = run(command)
      const list = { path: '/devices', key: 'devices' } as const
      const answer = await readPages<'devices', ShownDevice>(context.client(), list, {
        ...options,
      })
      context.show(answer, () =>
        printTable(
          context.output,
          answer.devices.map(toRow),
          'no devices yet: nothing is let in by its MAC address',
        ),
      )
    })

  const options = (command: Command) =>
    command
      .option('--network <name...>', 'where it may come in; the network must allow the method mac')
      .option('--owner <person>', 'who must be let in herself; `none` for nobody')
      .option('--vlan <vlan>', 'in the place of the network’s; `none` leaves that one')
      .option('--until <time>', 'when it ends, such as 2026-12-24 or 2026-12-24T18:00Z; or `none`')

  options(device.command('add <name> <mac>').description('let a device in')).action(
    async (name: string, mac: string, given: DeviceOptions, command: Command) => {
      const context = run(command)
      if (given.network === undefined) throw new CliError('say --network: where it may come in')
      const answer = await context
        .client()
        .send<ShownDevice>('POST', '/devices', { name, mac, ...bodyOf(given) })
      context.show(answer, () => context.output.write(`${answer.name} added: ${answer.mac}\n`))
    },
  )

  options(device.command('set <name>').description('change a device; by name, address or id'))
    .option('--name <name>', 'another name')
    .option('--enable', 'let it in again')
    .option('--disable', 'let it in no more, and end its sessions')
    .action(async (reference: string, given: SetOptions, command: Command) => {
      const context = run(command)
      const { name, enable, disable } = given
      if (enable && disable) throw new CliError('--enable and --disable exclude each other')
      const answer = await context
        .client()
        .send<ShownDevice>('PATCH', `/devices/${encodeURIComponent(reference)}`, {
          ...(name === undefined ? {} : { name }),
          ...(enable || disable ? { enabled: enable === true } : {}),
          ...bodyOf(given),
        })
      context.show(answer, () => context.output.write(`${answer.name} changed\n`))
    })

  addRemove(device, run, 'devices')
}

function bodyOf({ network, owner, vlan, until }: DeviceOptions) {
  return {
    ...(network === undefined ? {} : { networks: network }),
    ...(owner === undefined ? {} : { owner: owner === 'none' ? null : owner }),
    ...(vlan === undefined ? {} : { vlan: vlan === 'none' ? null : vlanFrom(vlan) }),
    ...(until === undefined
      ? {}
      : { expiresAt: until === 'none' ? null : timeFrom('--until', until) }),
  }
}

function vlanFrom(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}

function toRow({ name, mac, networks, owner, vlan, enabled, expiresAt, lastSeenAt }: ShownDevice) {
  return {
    name,
    mac,
    networks: networks.join(', '),
    owner,
    vlan,
    state: enabled ? 'enabled' : 'disabled',
    ends: expiresAt,
    'last seen': lastSeenAt,
  }
}
