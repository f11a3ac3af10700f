import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import {
  type Config,
  ConfigError,
  makeConfig,
  type RawSetting,
  SETTINGS,
  type SettingKey,
} from './config.ts'

const DEFAULT_FILE = 'gatehouse.yaml'
const PREFIX = 'GATEHOUSE_'
const MAX_FILE_BYTES = 1024 * 1024

/** Variables with our prefix that are no settings: they belong to tests and to the CLI. */
const OTHER_VARIABLES = /^GATEHOUSE_(TEST_|FUZZ_|BENCH_|MISSING_|CONFIG$|URL$|TOKEN$|TOKEN_FILE$)/

/**
 * Reads the configuration: the file, then the environment, which wins. Every setting can also be
 * given as `GATEHOUSE_<KEY>`, and a secret one as `GATEHOUSE_<KEY>_FILE`, a file that holds it.
 *
 * @param options.file  `--config`; without it `gatehouse.yaml` in the working folder, if there
 * @throws {ConfigError} with every fault of file and environment at once
 */
export function loadConfig(options: {
  readonly file?: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly overrides?: ReadonlyMap<SettingKey, RawSetting>
  /** Used where neither file nor environment says anything. */
  readonly defaults?: ReadonlyMap<SettingKey, RawSetting>
}): Config {
  const faults: string[] = []
  const raw = new Map<SettingKey, RawSetting>(options.defaults)
  const file =
    options.file ??
    options.env['GATEHOUSE_CONFIG'] ??
    (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : null)
  if (file !== null) readFile(file, raw, faults)
  readEnvironment(options.env, raw, faults)
  for (const [key, setting] of options.overrides ?? []) raw.set(key, setting)
  const baseDir = file === null ? process.cwd() : dirname(resolve(file))
  try {
    const config = makeConfig(raw, baseDir)
    if (faults.length > 0) throw new ConfigError([])
    return config
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError([...faults, ...error.faults])
    throw error
  }
}

function readFile(file: string, raw: Map<SettingKey, RawSetting>, faults: string[]): void {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    faults.push(
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    )
    return
  }
  if (text.length > MAX_FILE_BYTES) {
    faults.push(`${file}: is larger than ${MAX_FILE_BYTES} bytes`)
    return
  }
  const document = parseDocument(text)
  for (const error of document.errors) faults.push(`${file}: ${error.message.split('\n')[0]}`)
  if (document.errors.length > 0) return
  const value: unknown = document.toJS()
  if (value === null) return
  if (typeof value !== 'object' || Array.isArray(value)) {
    faults.push(`${file}: is not a list of settings, \`key: value\` a line`)
    return
  }
  for (const [key, item] of Object.entries(value)) {
    const place = `${file}: ${key}`
    const known = findKey(key)
    if (known === null) faults.push(`${place}: is no setting${suggestion(key)}`)
    else addItem(known, { item, place }, { raw, faults })
  }
}

function addItem(
  key: SettingKey,
  found: { item: unknown; place: string },
  out: { raw: Map<SettingKey, RawSetting>; faults: string[] },
): void {
  const { item, place } = found
  const isScalar = (part: unknown) => typeof part === 'string' || typeof part === 'number'
  if (isScalar(item)) out.raw.set(key, { text: String(item), place })
  else if (Array.isArray(item) && item.every(isScalar))
    out.raw.set(key, { text: item.join(','), place })
  else out.faults.push(`${place}: must be text, a number or a list of them`)
}

function readEnvironment(
  env: NodeJS.ProcessEnv,
  raw: Map<SettingKey, RawSetting>,
  faults: string[],
): void {
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || !name.startsWith(PREFIX) || OTHER_VARIABLES.test(name)) continue
    const key = name.slice(PREFIX.length).toLowerCase()
    const known = findKey(key)
    if (known !== null) raw.set(known, { text: value, place: name })
    else readSecretFile({ name, value, key }, raw, faults)
  }
}

function readSecretFile(
  variable: { name: string; value: string; key: string },
  raw: Map<SettingKey, RawSetting>,
  faults: string[],
): void {
  const { name, value, key } = variable
  const known = key.endsWith('_file') ? findKey(key.slice(0, -'_file'.length)) : null
  if (known === null || !isSecret(known)) {
    faults.push(`${name}: is no setting${suggestion(key)}`)
    return
  }
  try {
    raw.set(known, { text: readFileSync(value, 'utf8').trim(), place: name })
  } catch (error) {
    faults.push(
      `${name}: ${value} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    )
  }
}

function findKey(key: string): SettingKey | null {
  return SETTINGS.find((setting) => setting.key === key)?.key ?? null
}

function isSecret(key: SettingKey): boolean {
  return SETTINGS.some((setting) => setting.key === key && 'isSecret' in setting)
}

/** The setting that shares the most letters' pairs with what was written, if any is close. */
function suggestion(key: string): string {
  const pairs = (text: string) =>
    new Set(Array.from({ length: Math.max(0, text.length - 1) }, (_, at) => text.slice(at, at + 2)))
  const wanted = pairs(key.toLowerCase().replaceAll('-', '_'))
  let best = { key: '', share: 0 }
  for (const setting of SETTINGS) {
    const own = pairs(setting.key)
    const shared = [...own].filter((pair) => wanted.has(pair)).length
    const share = shared / Math.max(own.size, wanted.size)
    if (share > best.share) best = { key: setting.key, share }
  }
  return best.share > 0.5 ? ` (did you mean ${best.key}?)` : ''
}
