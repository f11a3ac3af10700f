import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeArchiveFile } from '../storage/archive-file.ts'
import { PostgresBackup } from '../storage/backup.ts'
import type { Database } from '../storage/connection.ts'
import type { Keys } from '../storage/sealing.ts'

const DAILY = /^daily-(\d{4}-\d{2}-\d{2})\.gatehouse$/
const KEPT_DAYS = 7
const DAY_MS = 86_400_000

/**
 * Backups of the embedded database, in the data folder: one a day for a week, and one before each
 * change of the schema. They carry no key, as the key file lies beside them; a copy elsewhere is for
 * the operator to make.
 */
export class LocalBackups {
  readonly #backup: PostgresBackup
  readonly #folder: string

  constructor(parts: {
    readonly database: Database
    readonly keys: Keys
    readonly dataDir: string
  }) {
    this.#backup = new PostgresBackup(parts.database, parts.keys)
    this.#folder = join(parts.dataDir, 'backups')
  }

  /** Makes today's unless it is there, then lets the old ones go; gives the file it made. */
  async makeDaily(now = new Date()): Promise<string | null> {
    const name = `daily-${dayOf(now)}.gatehouse`
    const made = this.#list().includes(name) ? null : await this.#write(name)
    const oldest = dayOf(new Date(now.getTime() - (KEPT_DAYS - 1) * DAY_MS))
    for (const other of this.#list()) {
      const day = DAILY.exec(other)?.[1]
      if (day !== undefined && day < oldest) rmSync(join(this.#folder, other))
    }
    return made
  }

  /** What is there now, to go back to should the new schema not do; kept until somebody removes it. */
  async makeBeforeSchema(version: number): Promise<string> {
    return await this.#write(`before-schema-${version}.gatehouse`)
  }

  #list(): readonly string[] {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    return readdirSync(this.#folder)
  }

  async #write(name: string): Promise<string> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const file = join(this.#folder, name)
    await writeArchiveFile(file, this.#backup.write({ passphrase: null }))
    return file
  }
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10)
}
