import { type Command, Option } from 'commander'
import { radiusMethods, weekdayNames } from '../directory/network.ts'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { numberFrom } from './number.ts'
import { printTable } from './print.ts'
import { addProfile } from './profiles.ts'
import { addRemove } from './remove.ts'

interface ShownAttribute {
  readonly name: string
  readonly vendor: string | null
  readonly value: string
  readonly names: readonly string[]
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

/** `network …`: who gets in, and how */
export function addNetworks(program: Command, run: Run): void {
  addNetwork(
    program.command('network').description('policies: who gets on which network, how'),
    run,
  )
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

  network
    .command('attributes [search]')
    .description('list what can stand in a reply, by name; `Vendor:Type` with 0x… is for all else')
    .action(async (search: string | undefined, _options: unknown, command: Command) => {
      const context = run(command)
      const { attributes } = await context
        .client()
        .get<{ attributes: ShownAttribute[] }>('/networks/attributes')
      const wanted = search?.toLowerCase() ?? ''
      const found = attributes.filter(({ name, vendor }) =>
        `${name} ${vendor ?? 'standard'}`.toLowerCase().includes(wanted),
      )
      context.show({ attributes: found }, () =>
        printTable(
          context.output,
          found.map(({ name, vendor, value, names }) => ({
            name,
            vendor: vendor ?? 'standard',
            value,
            'by name': names.join(', '),
          })),
          `nothing is called like ${search}; write it Vendor:Type with its octets, 0x…`,
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
      .option(
        '--second-factor <how>',
        'a one-time code beside the password: appended, challenge (Access-Challenge), or none',
      )
      .addOption(
        new Option(
          '--require-crypto-binding <yes|no>',
          'refuse PEAP clients that do not tie their tunnel to what they show inside',
        ).choices(['yes', 'no']),
      )
      .addOption(
        new Option(
          '--resumption <on|off>',
          'let a device come back within the hour without its password',
        ).choices(['on', 'off']),
      )
      .option('--idle-timeout <seconds>', 'of silence, after which the NAS ends a session')
      .option('--interim <seconds>', 'between two reports of a session')
      .option('--attribute <name=value...>', 'that stands in each reply; see `network attributes`')
      .option('--hours <window...>', 'when it is open, such as mon-fri=08:00-18:00; `always` again')
      .option('--time-zone <name>', 'of --hours, such as Europe/Berlin', 'UTC')

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

  addProfile(network, run)
  addTest(network, run)
  addRemove(network, run, 'networks')
}

interface Explained {
  readonly network: string | null
  readonly denial: string | null
  readonly tried: readonly { readonly network: string; readonly differs: readonly string[] }[]
  readonly grant: {
    readonly why: string
    readonly vlan: number | string | null
    readonly attributes: readonly { readonly name: string; readonly value: string }[]
    readonly session?: Readonly<Record<string, number | null>>
  } | null
}

function addTest(network: Command, run: Run): void {
  network
    .command('test <person>')
    .description('tell on which network a log-in would end, what it would be given, and why')
    .requiredOption('--nas <name>', 'that asks')
    .option('--ssid <name>', 'that it names; none without')
    .option('--method <name>', radiusMethods.join(', '), 'ttls-pap')
    .option('--at <time>', 'instead of now, such as 2026-12-24T18:00:00Z')
    .action(async (person: string, options: Record<string, string>, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<Explained>('POST', '/networks/explain', { person, ...options })
      context.show(answer, (told) => {
        for (const line of explanationOf(told)) context.output.write(`${line}\n`)
      })
    })
}

function explanationOf({ network, denial, tried, grant }: Explained): readonly string[] {
  const passedOver = tried
    .filter((one) => one.network !== network)
    .map((one) => `${one.network}: passed over, other ${one.differs.join(', ') || 'rules'}`)
  const chosen = network === null ? [] : [`${network}: chosen`]
  if (grant === null) return [...passedOver, ...chosen, `rejected: ${denial}`]
  const limits = Object.entries(grant.session ?? {}).filter(([, seconds]) => seconds !== null)
  return [
    ...passedOver,
    ...chosen,
    `admitted: ${grant.why === 'everyone' ? 'everyone is' : `a member of ${grant.why}`}`,
    `VLAN: ${grant.vlan ?? 'none'}`,
    ...grant.attributes.map(({ name, value }) => `${name} = ${value}`),
    ...limits.map(([name, seconds]) => `${name} = ${seconds}`),
  ]
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
  readonly secondFactor?: string
  readonly requireCryptoBinding?: 'yes' | 'no'
  readonly resumption?: 'on' | 'off'
  readonly idleTimeout?: string
  readonly interim?: string
  readonly attribute?: string[]
  readonly hours?: string[]
  readonly timeZone: string
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
    secondFactor: options.secondFactor === 'none' ? null : options.secondFactor,
    requireCryptoBinding:
      options.requireCryptoBinding === undefined
        ? undefined
        : options.requireCryptoBinding === 'yes',
    resumption: options.resumption === undefined ? undefined : options.resumption === 'on',
    idleTimeoutSeconds: numberFrom('--idle-timeout', options.idleTimeout),
    interimSeconds: numberFrom('--interim', options.interim),
    attributes: options.attribute?.map(attributeFrom),
    hours: options.hours === undefined ? undefined : hoursFrom(options.hours, options.timeZone),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function groupFrom(text: string): { group: string; vlan?: number | string } {
  const at = text.lastIndexOf('=')
  return at < 0 ? { group: text } : { group: text.slice(0, at), vlan: vlanFrom(text.slice(at + 1)) }
}

function attributeFrom(text: string): { name: string; value: string } {
  const at = text.indexOf('=')
  if (at < 1) throw new CliError(`--attribute takes Name=value, not "${text}"`)
  return { name: text.slice(0, at).trim(), value: text.slice(at + 1).trim() }
}

function hoursFrom(texts: readonly string[], timeZone: string) {
  if (texts.includes('always')) return null
  return { timeZone, windows: texts.map(windowFrom) }
}

function windowFrom(text: string) {
  const [, days = '', from, to] = /^([a-z,-]+)=(\d\d:\d\d)-(\d\d:\d\d)$/i.exec(text) ?? []
  if (from === undefined || to === undefined)
    throw new CliError(`--hours takes days=from-to, such as mon-fri=08:00-18:00, not "${text}"`)
  return { days: days.toLowerCase().split(',').flatMap(daysFrom), from, to }
}

/** `sat`, or from one day to another, round the week's end as well. */
function daysFrom(text: string): readonly string[] {
  const names: readonly string[] = weekdayNames
  const [first, last] = text.split('-').map((day) => names.indexOf(day))
  if (first === undefined || first < 0 || last === -1)
    throw new CliError(`"${text}" is no day: they are ${weekdayNames.join(', ')}`)
  const count = (((last ?? first) - first + 7) % 7) + 1
  return Array.from({ length: count }, (_, index) => weekdayNames[(first + index) % 7] ?? '')
}

function vlanFrom(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text
}
