import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the demo hands out, kept so that commands pasted yesterday work today. */
export interface DemoSecrets {
  readonly adminPassword: string
  readonly adminToken: string | null
  readonly ldapSecret: string | null
  readonly scimToken: string | null
  /** The password everybody was given; another one asked for is given to everybody again. */
  readonly people: string | null
}

const FILE = 'demo-secrets.json'
const PASSWORD_BYTES = 12

/** Whether a demo has been here: only then may `--fresh` remove the folder. */
export function isDemoFolder(dataDir: string): boolean {
  return existsSync(join(dataDir, FILE))
}

export function readSecrets(dataDir: string): DemoSecrets {
  const empty = { adminToken: null, ldapSecret: null, scimToken: null, people: null }
  const path = join(dataDir, FILE)
  if (!existsSync(path)) {
    return { ...empty, adminPassword: randomBytes(PASSWORD_BYTES).toString('base64url') }
  }
  return { ...empty, ...(JSON.parse(readFileSync(path, 'utf8')) as DemoSecrets) }
}

export function writeSecrets(dataDir: string, secrets: DemoSecrets): void {
  writeWhole(join(dataDir, FILE), secrets)
}

/** Mode 0600, and never half a file. */
export function writeWhole(path: string, value: unknown): void {
  writePrivate(path, `${JSON.stringify(value, null, 2)}\n`)
}

export function writePrivate(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
