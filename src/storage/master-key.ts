import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Database } from './connection.ts'
import { StorageError } from './fault.ts'
import { KEY_BYTES, KEY_ID_BYTES, type Keys, type MasterKey } from './sealing.ts'

/**
 * The key file, mode 0600: one key a line as `gatehouse-key-1:<base64>`, the current one first and
 * then those that only open older values until everything is sealed anew.
 */
const LINE_PREFIX = 'gatehouse-key-1:'
const MAX_FILE_BYTES = 4096
const OTHERS_ACCESS = 0o077
const CHECK_LABEL = 'gatehouse key check'
const APPLICATION_LABEL = 'gatehouse application tag'

export function makeKey(secret: Buffer = randomBytes(KEY_BYTES)): MasterKey {
  const digest = createHash('sha256').update('gatehouse key id').update(secret).digest()
  return { id: digest.subarray(0, KEY_ID_BYTES), secret }
}

/** What the database keeps of a key, to tell the right one from one that only has its id. */
export function checkValue(key: MasterKey): Buffer {
  return createHmac('sha256', key.secret).update(CHECK_LABEL).digest()
}

/** Marks this installation's application in a tenant; who has no key cannot guess it. */
export function applicationTag(key: MasterKey): string {
  const digest = createHmac('sha256', key.secret).update(APPLICATION_LABEL).digest('base64url')
  return `gatehouse-${digest}`
}

export function formatKeys(keys: Keys): string {
  const all = [keys.current, ...keys.earlier]
  return all.map((key) => `${LINE_PREFIX}${key.secret.toString('base64')}\n`).join('')
}

/** @throws {StorageError} `STORAGE_KEY` */
export function parseKeys(text: string, path: string): Keys {
  const [current, ...earlier] = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => parseLine(line.trim(), path))
  if (!current) throw new StorageError('STORAGE_KEY', `the key file ${path} is empty`)
  return { current, earlier }
}

function parseLine(line: string, path: string): MasterKey {
  const secret = line.startsWith(LINE_PREFIX)
    ? Buffer.from(line.slice(LINE_PREFIX.length), 'base64')
    : Buffer.alloc(0)
  if (secret.length !== KEY_BYTES) {
    throw new StorageError(
      'STORAGE_KEY',
      `the key file ${path} has a line that is no key; each must be ${LINE_PREFIX}<44 characters>`,
    )
  }
  return makeKey(secret)
}

/** Null when there is no such file. @throws {StorageError} `STORAGE_KEY` when it is open to others */
export function readKeyFile(path: string): Keys | null {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return null
  const handle = openSync(path, 'r')
  try {
    const { mode, size } = fstatSync(handle)
    if ((mode & OTHERS_ACCESS) !== 0) {
      throw new StorageError(
        'STORAGE_KEY',
        `the key file ${path} can be read by other accounts (mode ${(mode & 0o777).toString(8)}); ` +
          `run: chmod 600 ${path}`,
      )
    }
    if (size > MAX_FILE_BYTES) throw new StorageError('STORAGE_KEY', `${path} is no key file`)
    return parseKeys(readFileSync(handle, 'utf8'), path)
  } finally {
    closeSync(handle)
  }
}

/** Writes the file whole and synced, and never over another one. */
export function writeNewKeyFile(path: string, keys: Keys): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const unfinished = `${path}.${randomBytes(4).toString('hex')}`
  const handle = openSync(unfinished, 'wx', 0o600)
  try {
    writeFileSync(handle, formatKeys(keys))
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  try {
    linkSync(unfinished, path)
  } finally {
    rmSync(unfinished)
  }
}

/**
 * The keys of this database. A key is made only when neither file nor database knows one.
 *
 * @throws {StorageError} `STORAGE_KEY` when the file is missing, foreign, damaged or open to others
 */
export async function openKeys(database: Database, path: string): Promise<Keys> {
  const known = await database.kysely
    .selectFrom('key_ring')
    .select(['key_id', 'check_value'])
    .where('retired_at', 'is', null)
    .execute()
  const found = readKeyFile(path)
  if (known.length === 0) return adoptKeys(database, path, found)
  if (!found) {
    throw new StorageError(
      'STORAGE_KEY',
      `the key file ${path} is missing, and the database holds values sealed with ` +
        `key ${known.map((key) => key.key_id).join(', ')}. Put the file back from where you keep ` +
        'it (a backup names the key it needs); without it the sealed secrets cannot be read',
    )
  }
  const held = new Map(
    [found.current, ...found.earlier].map((key) => [key.id.toString('hex'), key]),
  )
  for (const { key_id, check_value } of known) {
    const key = held.get(key_id)
    if (key && timingSafeEqual(checkValue(key), check_value)) continue
    throw new StorageError(
      'STORAGE_KEY',
      `the key file ${path} belongs to another database: it holds key ${[...held.keys()].join(', ')}, ` +
        `this database needs ${key_id}. Point the daemon at the right file, or at the right database`,
    )
  }
  await registerKey(database, found.current)
  return found
}

async function adoptKeys(database: Database, path: string, found: Keys | null): Promise<Keys> {
  const used = await database.kysely.selectFrom('principal').select('id').limit(1).execute()
  if (used.length > 0) {
    throw new StorageError(
      'STORAGE_KEY',
      'the database holds a directory but knows no key: it was changed by hand or restored in part. ' +
        'Restore it whole with: gatehouse restore',
    )
  }
  const keys = found ?? { current: makeKey(), earlier: [] }
  if (!found) writeNewKeyFile(path, keys)
  await registerKey(database, keys.current)
  return keys
}

async function registerKey(database: Database, key: MasterKey): Promise<void> {
  await database.kysely
    .insertInto('key_ring')
    .values({ key_id: key.id.toString('hex'), check_value: checkValue(key) })
    .onConflict((conflict) => conflict.column('key_id').doNothing())
    .execute()
}
