import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { startProcess } from '../../thread.ts'
import { StorageError } from '../fault.ts'

/** Major version of the PostgreSQL inside PGlite 0.5; it opens no other's files. */
const ENGINE_MAJOR = '18'
const OTHERS_ACCESS = 0o077
const MAX_REASON_CHARACTERS = 2_000

/** Makes sure that there is a cluster at `directory` which this engine can open and others cannot read. */
export async function prepareCluster(dataDirectory: string): Promise<string> {
  const directory = join(dataDirectory, 'database')
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) await createCluster(directory)
  checkAccess(directory)
  checkVersion(directory)
  return directory
}

/** The engine's files are readable for everybody; only the directory around them keeps others out. */
function checkAccess(directory: string): void {
  const mode = statSync(directory).mode & 0o777
  if ((mode & OTHERS_ACCESS) === 0) return
  throw new StorageError(
    'STORAGE_UNREADABLE',
    `${directory} is open to other accounts (mode ${mode.toString(8)}); run: chmod 700 ${directory}`,
  )
}

function checkVersion(directory: string): void {
  const found = readVersion(directory)
  if (found === ENGINE_MAJOR) return
  throw new StorageError(
    'STORAGE_UNREADABLE',
    found === null
      ? `${directory} holds no database; move it away, or restore a backup`
      : `${directory} was written by PostgreSQL ${found}, this release reads ${ENGINE_MAJOR}: ` +
          'make a backup with the release that wrote it and restore that here',
  )
}

function readVersion(directory: string): string | null {
  try {
    return readFileSync(join(directory, 'PG_VERSION'), 'utf8').trim()
  } catch {
    return null
  }
}

async function createCluster(directory: string): Promise<void> {
  const child = startProcess(new URL('./create', import.meta.url), [directory])
  let reason = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    reason = (reason + text).slice(-MAX_REASON_CHARACTERS)
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) {
    throw new StorageError(
      'STORAGE_UNREADABLE',
      `the embedded database could not be created in ${directory}: ${reason.trim() || `exit ${code}`}`,
    )
  }
}
