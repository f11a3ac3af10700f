import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CliError } from './client.ts'
import type { Run } from './context.ts'
import { numberFrom } from './number.ts'
import { printTable } from './print.ts'
import { addRemove } from './remove.ts'

interface ShownServer {
  readonly host: string
  readonly port: number
  readonly acctPort: number | null
  readonly radsec: object | null
}

interface ShownRealm {
  readonly name: string
  readonly servers: readonly ShownServer[]
  readonly vlan: number | string | null
  readonly allow: readonly string[]
  readonly operatorName: string | null
}

interface AddOptions {
  readonly server?: string[]
  readonly secretFile?: string
  readonly acctPort?: string
  readonly radsec?: string[]
  readonly trustedCa?: string
  readonly fingerprint?: string[]
  readonly san?: string[]
  readonly local?: boolean
  readonly allow?: string[]
  readonly vlan?: string
  readonly operatorName?: string
}

/** `realm …`: whose log-ins are forwarded, and where. */
export function addRealms(program: Command, run: Run): void {
  const realm = program.command('realm').description('people of others, authenticated at home')
  realm
    .command('list')
    .description('list realms')
    .action(async (_options: unknown, command: Command) => {
      const context = run(command)
      const answer = await context.client().get<{ realms: ShownRealm[] }>('/realms')
      context.show(answer, () =>
        printTable(
          context.output,
          answer.realms.map((item) => ({
            name: item.name,
            servers: item.servers.map(showServer).join(', ') || 'ours',
            vlan: item.vlan,
            allows: item.allow.join(', '),
          })),
          'no realms yet: nothing is forwarded',
        ),
      )
    })

  realm
    .command('add <name>')
    .description('forward a realm: example.org, *.example.org for all below it, * for the rest')
    .option(
      '--server <server...>',
      'RADIUS over UDP: an address, perhaps with :port; IPv6 in brackets',
    )
    .option('--secret-file <file>', 'the secret shared with these servers; `-` is standard input')
    .option('--acct-port <port>', 'where they take accounting, or `none`; else the port after it')
    .option('--radsec <server...>', 'RADIUS over TLS: a host, perhaps with :port')
    .option('--trusted-ca <file>', 'PEM of who issues their certificates; else the built-in CA')
    .option('--san <name...>', 'names their certificates are for; else their hosts')
    .option('--fingerprint <sha256...>', 'SHA-256 of certificates they may show')
    .option('--local', 'the realm is ours, and never forwarded')
    .option('--allow <attribute...>', 'reply attributes they may set')
    .option('--vlan <vlan>', 'where their people are put')
    .option('--operator-name <realm>', 'what we call ourselves in requests (RFC 5580)')
    .action(async (name: string, options: AddOptions, command: Command) => {
      const context = run(command)
      const servers = [...udpServers(options), ...radsecServers(options)]
      if (servers.length === 0 && options.local !== true) {
        throw new CliError('say --server, --radsec or --local')
      }
      const answer = await context
        .client()
        .send<object>('PUT', `/realms/${encodeURIComponent(name)}`, {
          servers,
          allow: options.allow ?? [],
          vlan: readVlan(options.vlan),
          operatorName: options.operatorName ?? null,
        })
      context.show(answer, () => context.output.write(`${name} added\n`))
    })

  addRemove(realm, run, 'realms')
}

function showServer({ host, port, radsec }: ShownServer): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}${radsec === null ? '' : ' (RadSec)'}`
}

function udpServers({ server = [], secretFile, acctPort }: AddOptions): object[] {
  if (server.length === 0) {
    if (acctPort === undefined) return []
    throw new CliError('--acct-port is of --server: over TLS everything takes one port')
  }
  if (secretFile === undefined) throw new CliError('--server needs --secret-file')
  const secret = readFileSync(secretFile === '-' ? 0 : secretFile, 'utf8').replace(/\r?\n$/, '')
  const more = acctPort === undefined ? {} : { acctPort: readAcctPort(acctPort) }
  return server.map((text) => ({ ...readHost(text), ...more, secret }))
}

function radsecServers({
  radsec = [],
  trustedCa: file,
  san,
  fingerprint = [],
}: AddOptions): object[] {
  const trustedCa = file === undefined ? null : readFileSync(file, 'utf8')
  return radsec.map((text) => {
    const { host, ...port } = readHost(text)
    const names = san ?? (fingerprint.length > 0 ? [] : [host])
    return { host, ...port, radsec: { names, fingerprints: fingerprint, trustedCa } }
  })
}

function readHost(text: string): { host: string; port?: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (host === undefined) throw new CliError(`${text} is not host, host:port or [IPv6]:port`)
  return match?.[3] === undefined ? { host } : { host, port: Number(match[3]) }
}

function readAcctPort(text: string): number | null {
  return text === 'none' ? null : numberFrom('--acct-port', text)
}

function readVlan(text: string | undefined): number | string | null {
  if (text === undefined) return null
  return /^\d+$/.test(text) ? Number(text) : text
}
