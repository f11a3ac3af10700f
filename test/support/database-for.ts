import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startPostgres, type TestServer, urlOf } from './postgres.ts'

export interface DaemonDatabase {
  /** For data directories and whatever else the test keeps; removed with it. */
  readonly folder: string
  readonly server: TestServer
  readonly url: string
  /** What a daemon on it is started with; several of them share the key. */
  readonly env: Readonly<Record<string, string>>
}

/** A PostgreSQL of the test's own, for daemons in processes of their own. */
export async function databaseFor(t: Test, name: string): Promise<DaemonDatabase> {
  const folder = mkdtempSync(join(tmpdir(), `gh-${name}-`))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const server = await startPostgres()
  t.teardown(() => server.stop())
  const url = urlOf(server.socketDir, 'postgres')
  const env = { GATEHOUSE_DATABASE_URL: url, GATEHOUSE_KEY_FILE: join(folder, 'key') }
  return { folder, server, url, env }
}
