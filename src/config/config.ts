import { isAbsolute, resolve } from 'node:path'
import { type ListenAddress, parseListen } from './listen.ts'
import { parseProxy } from './proxies.ts'
import { parseTokenFiles } from './token-files.ts'

/** What a daemon needs to start, and nothing else: all the rest lives in the directory. */
export interface Config {
  /** Absolute path. The embedded database, the admin socket and the built-in CA's certificate. */
  readonly dataDir: string
  /** PostgreSQL 15 or later; null uses the embedded database in `dataDir`. */
  readonly databaseUrl: string | null
  /** Absolute path of the master key's file. */
  readonly keyFile: string
  readonly listen: {
    readonly http: readonly ListenAddress[]
    readonly https: readonly ListenAddress[]
    readonly ldap: readonly ListenAddress[]
    readonly ldaps: readonly ListenAddress[]
    readonly radiusAuth: readonly ListenAddress[]
    readonly radiusAcct: readonly ListenAddress[]
    readonly radsec: readonly ListenAddress[]
  }
  /** PEM files; null takes a certificate from the built-in CA. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null
  /** How people and apps reach the HTTPS listener; null when nobody said. */
  readonly publicUrl: string | null
  readonly trustedProxies: readonly string[]
  /** Absolute paths of files with tokens of other issuers, by the names that sources give them. */
  readonly tokenFiles: ReadonlyMap<string, string>
  readonly logLevel: LogLevel
  /** How long answers go on without the database; 0 is strict. */
  readonly maxStalenessMs: number
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/** Every fault at once, a line each, with the place it was found. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(
      `the configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    )
    this.faults = faults
  }
}

/** A setting as it was found: its text, and where, for the message when it is wrong. */
export interface RawSetting {
  readonly text: string
  readonly place: string
}

interface Setting {
  readonly key: string
  readonly doc: string
  readonly fallback: string | null
  readonly isSecret?: boolean
}

/** One row a setting: key in the file, default, meaning. docs/configuration.md is made from it. */
export const SETTINGS = [
  {
    key: 'data_dir',
    fallback: './data',
    doc: 'Folder of the embedded database, the admin socket and the built-in CA certificate. Made with mode 0700.',
  },
  {
    key: 'database_url',
    fallback: null,
    isSecret: true,
    doc: 'PostgreSQL 15 or later, as `postgres://user:password@host/database`. Without it the embedded database in the data folder serves: right for a trial and a small site with one daemon.',
  },
  {
    key: 'key_file',
    fallback: null,
    doc: 'The master key that seals secrets in the database, mode 0600. By default the file `<data_dir>.key` beside the data folder, so that a copy of the data is no copy of the key.',
  },
  {
    key: 'http_listen',
    fallback: '127.0.0.1:8080',
    doc: 'Admin API, SCIM, metrics and health over plain HTTP: on loopback, or behind `trusted_proxies`. Whoever is neither this machine nor one of these proxies is refused, and may ask `/health` and `/ready` alone.',
  },
  { key: 'https_listen', fallback: '*:8443', doc: 'The same over TLS.' },
  {
    key: 'ldap_listen',
    fallback: '*:1389',
    doc: 'LDAP with StartTLS. A bind without TLS is accepted from loopback only, unless an admin allows more.',
  },
  { key: 'ldaps_listen', fallback: '*:1636', doc: 'LDAP over TLS.' },
  {
    key: 'radius_auth_listen',
    fallback: '*:1812',
    doc: 'RADIUS authentication (UDP). `*` opens a socket on each local address, so that answers leave from the address that was asked.',
  },
  { key: 'radius_acct_listen', fallback: '*:1813', doc: 'RADIUS accounting (UDP).' },
  {
    key: 'radsec_listen',
    fallback: '*:2083',
    doc: 'RADIUS over TLS; open once a RadSec peer exists.',
  },
  {
    key: 'tls_cert_file',
    fallback: null,
    doc: 'Certificate chain (PEM) for LDAPS, StartTLS, HTTPS and EAP. Without it the built-in CA issues one. Read again when the file changes.',
  },
  { key: 'tls_key_file', fallback: null, doc: 'Private key (PEM) to `tls_cert_file`.' },
  {
    key: 'public_url',
    fallback: null,
    doc: 'How others reach the HTTPS listener, as `https://gatehouse.example.com`; its host name goes into certificates. Where the internet can reach it, sources can tell of changes.',
  },
  {
    key: 'trusted_proxies',
    fallback: '',
    doc: 'Addresses or CIDR blocks of the proxies in front, separated by commas: they may use plain HTTP, and their `X-Forwarded-For` is believed.',
  },
  {
    key: 'federated_tokens',
    fallback: '',
    doc: 'Files with tokens of another issuer, as `name=/path/to/token`, separated by commas: with one of them a source may sign in to Microsoft 365 in place of a certificate or a secret (workload identity federation), by its name. Each file is read anew for each sign-in. Every daemon needs its own.',
  },
  { key: 'log_level', fallback: 'info', doc: '`error`, `warn`, `info` or `debug`.' },
  {
    key: 'max_staleness',
    fallback: '300',
    doc: 'Seconds for which log-ins are still answered from memory when the database cannot be reached; 0 is strict.',
  },
] as const satisfies readonly Setting[]

export type SettingKey = (typeof SETTINGS)[number]['key']
export type RawSettings = ReadonlyMap<SettingKey, RawSetting>

const MAX_STALENESS_SECONDS = 24 * 60 * 60

/**
 * Turns settings as they were found into a Config. Relative paths start at `baseDir`.
 *
 * @throws {ConfigError} with one line for each fault
 */
export function makeConfig(raw: RawSettings, baseDir: string): Config {
  const faults: string[] = []
  const read = (key: SettingKey): RawSetting => {
    const row = SETTINGS.find((setting) => setting.key === key)
    return raw.get(key) ?? { text: row?.fallback ?? '', place: key }
  }
  const fault = (key: SettingKey, what: string) => faults.push(`${read(key).place}: ${what}`)
  const text = (key: SettingKey) => (read(key).text === '' ? null : read(key).text)
  const path = (key: SettingKey) => {
    const given = text(key)
    return given === null || isAbsolute(given) ? given : resolve(baseDir, given)
  }
  const listen = (key: SettingKey): readonly ListenAddress[] => {
    const parsed = parseListen(read(key).text)
    if (typeof parsed !== 'string') return parsed
    fault(key, parsed)
    return []
  }

  const dataDir = path('data_dir') ?? resolve(baseDir, 'data')
  const config: Config = {
    dataDir,
    databaseUrl: text('database_url'),
    keyFile: path('key_file') ?? `${dataDir}.key`,
    listen: {
      http: listen('http_listen'),
      https: listen('https_listen'),
      ldap: listen('ldap_listen'),
      ldaps: listen('ldaps_listen'),
      radiusAuth: listen('radius_auth_listen'),
      radiusAcct: listen('radius_acct_listen'),
      radsec: listen('radsec_listen'),
    },
    tls: tlsFiles(path('tls_cert_file'), path('tls_key_file'), fault),
    publicUrl: publicUrl(text('public_url'), fault),
    trustedProxies: trustedProxies(read('trusted_proxies').text, fault),
    tokenFiles: parseTokenFiles(read('federated_tokens').text, {
      toPath: (given) => resolve(baseDir, given),
      fault: (what) => fault('federated_tokens', what),
    }),
    logLevel: logLevel(read('log_level').text, fault),
    maxStalenessMs: maxStalenessMs(read('max_staleness').text, fault),
  }
  checkDatabaseUrl(config.databaseUrl, fault)
  checkPlainHttp(config, fault)
  if (faults.length > 0) throw new ConfigError(faults)
  return deepFreeze(config)
}

type Fault = (key: SettingKey, what: string) => void

function tlsFiles(certFile: string | null, keyFile: string | null, fault: Fault): Config['tls'] {
  if (certFile !== null && keyFile !== null) return { certFile, keyFile }
  if (certFile !== null) fault('tls_key_file', 'is missing, and tls_cert_file is given')
  if (keyFile !== null) fault('tls_cert_file', 'is missing, and tls_key_file is given')
  return null
}

function publicUrl(given: string | null, fault: Fault): string | null {
  if (given === null) return null
  const url = URL.canParse(given) ? new URL(given) : null
  if (url === null || url.protocol !== 'https:' || url.pathname !== '/' || url.search !== '') {
    fault('public_url', `"${given}" is not of the form https://host[:port]`)
  }
  return url?.origin ?? null
}

function checkDatabaseUrl(given: string | null, fault: Fault): void {
  if (given === null) return
  const scheme = URL.canParse(given) ? new URL(given).protocol : ''
  // The value may hold a password, so it is not repeated.
  if (scheme !== 'postgres:' && scheme !== 'postgresql:') {
    fault('database_url', 'is not of the form postgres://user:password@host/database')
  }
}

function checkPlainHttp(config: Config, fault: Fault): void {
  const isLoopback = (host: string) =>
    host === 'localhost' || host === '::1' || host.startsWith('127.')
  const open = config.listen.http.find((address) => !isLoopback(address.host))
  if (open !== undefined && config.trustedProxies.length === 0) {
    fault(
      'http_listen',
      `${open.host}:${open.port} would carry passwords and tokens unencrypted: listen on loopback, or name the proxies in front in trusted_proxies`,
    )
  }
}

function logLevel(given: string, fault: Fault): LogLevel {
  const levels: readonly LogLevel[] = ['error', 'warn', 'info', 'debug']
  const level = levels.find((candidate) => candidate === given)
  if (level === undefined) fault('log_level', `"${given}" is none of ${levels.join(', ')}`)
  return level ?? 'info'
}

function maxStalenessMs(given: string, fault: Fault): number {
  const seconds = Number(given)
  if (!/^\d+$/.test(given) || seconds > MAX_STALENESS_SECONDS) {
    fault(
      'max_staleness',
      `"${given}" is not a number of seconds from 0 to ${MAX_STALENESS_SECONDS}`,
    )
    return 0
  }
  return seconds * 1000
}

function trustedProxies(given: string, fault: Fault): readonly string[] {
  const proxies = given.split(/[\s,]+/).filter((item) => item !== '')
  for (const proxy of proxies) {
    const block = parseProxy(proxy)
    if (typeof block === 'string') fault('trusted_proxies', block)
  }
  return proxies
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const part of Object.values(value)) deepFreeze(part)
  }
  return value
}
