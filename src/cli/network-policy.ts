import { type Command, Option } from 'commander'
import { radiusMethods, weekdayNames } from '../directory/network.ts'
import { CliError } from './client.ts'
import { numberFrom } from './number.ts'

/** Who may come in how, and what is answered: of `create` and `set`. */
export function addPolicy(command: Command): Command {
  return command
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
    .addOption(
      new Option('--guests <yes|no>', 'let guest accounts in; `everyone` is none of them').choices([
        'yes',
        'no',
      ]),
    )
    .option('--idle-timeout <seconds>', 'of silence, after which the NAS ends a session')
    .option('--interim <seconds>', 'between two reports of a session')
    .option('--attribute <name=value...>', 'that stands in each reply; see `network attributes`')
    .option('--hours <window...>', 'when it is open, such as mon-fri=08:00-18:00; `always` again')
    .option('--time-zone <name>', 'of --hours, such as Europe/Berlin; UTC without it')
}

export interface PolicyOptions {
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
  readonly guests?: 'yes' | 'no'
  readonly idleTimeout?: string
  readonly interim?: string
  readonly attribute?: string[]
  readonly hours?: string[]
  readonly timeZone?: string
}

/** As the API takes it; what was not named is left out. */
export function policyFrom(options: PolicyOptions): Record<string, unknown> {
  if (options.timeZone !== undefined && options.hours === undefined)
    throw new CliError('--time-zone says of what zone --hours are: give both')
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
    guests: options.guests === undefined ? undefined : options.guests === 'yes',
    idleTimeoutSeconds: numberFrom('--idle-timeout', options.idleTimeout),
    interimSeconds: numberFrom('--interim', options.interim),
    attributes: options.attribute?.map(attributeFrom),
    hours:
      options.hours === undefined ? undefined : hoursFrom(options.hours, options.timeZone ?? 'UTC'),
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
