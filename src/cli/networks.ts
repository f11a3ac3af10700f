import type { Command } from 'commander'
import { radiusMethods } from '../directory/network.ts'
import type { Run } from './context.ts'
import { addPolicy, type PolicyOptions, policyFrom } from './network-policy.ts'
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

  addPolicy(network.command('create <name>').description('create a network')).action(
    async (name: string, options: PolicyOptions, command: Command) => {
      const context = run(command)
      const answer = await context
        .client()
        .send<ShownNetwork>('POST', '/networks', { name, ...policyFrom(options) })
      context.show(answer, (created) => {
        context.output.write(`${created.name} created\n`)
        for (const line of whoIsMissing(created)) context.output.write(`${line}\n`)
      })
    },
  )

  addPolicy(network.command('set <name>').description('change a network; what is not named stays'))
    .option('--count <n>', 'how many open sessions may end or move by it, where that is many')
    .option('--dry-run', 'tell what would come of open sessions, and change nothing')
    .action(async (name: string, options: EditOptions, command: Command) => {
      const context = run(command)
      const path = `/networks/${encodeURIComponent(name)}`
      const policy = policyFrom(options)
      const client = context.client()
      if (options.dryRun === true) {
        const body = { ...policy, dryRun: true }
        const answer = await client.send<{ sessions: Outlook }>('PATCH', path, body)
        return context.show(answer, ({ sessions: { open, ended, moved } }) =>
          context.output.write(
            `dry run: nothing was changed\nof ${open} open sessions it ends ${ended} and moves ${moved}\n`,
          ),
        )
      }
      const count = numberFrom('--count', options.count)
      const body = { ...policy, ...(count === undefined ? {} : { count }) }
      const answer = await client.send<ShownNetwork>('PATCH', path, body)
      context.show(answer, (changed) => context.output.write(`${changed.name} changed\n`))
    })

  addProfile(network, run)
  addTest(network, run)
  addRemove(network, run, 'networks')
}

interface EditOptions extends PolicyOptions {
  readonly count?: string
  readonly dryRun?: boolean
}

interface Outlook {
  readonly open: number
  readonly ended: number
  readonly moved: number
}

/** Whom the network leaves outside, and what lets them in: people and devices apart. */
function whoIsMissing(made: ShownNetwork): readonly string[] {
  const lines: string[] = []
  const takesPeople = made.methods.some((method) => method !== 'mac')
  if (takesPeople && !made.everyone && made.groups.length === 0)
    lines.push(`it admits nobody yet: gatehouse network set ${made.name} --everyone, or --group`)
  if (made.methods.includes('mac'))
    lines.push(
      `it admits devices of its list alone: gatehouse device add NAME MAC --network ${made.name}`,
    )
  return lines
}

interface Explained {
  readonly network: string | null
  readonly denial: string | null
  readonly explanation: { readonly mend: string } | null
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

function explanationOf({
  network,
  denial,
  explanation,
  tried,
  grant,
}: Explained): readonly string[] {
  const passedOver = tried
    .filter((one) => one.network !== network)
    .map((one) => `${one.network}: passed over, other ${one.differs.join(', ') || 'rules'}`)
  const chosen = network === null ? [] : [`${network}: chosen`]
  if (grant === null) {
    const mend = explanation === null ? [] : [`to mend it: ${explanation.mend}`]
    return [...passedOver, ...chosen, `rejected: ${denial}`, ...mend]
  }
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
