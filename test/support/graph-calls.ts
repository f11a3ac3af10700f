import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Microsoft365 } from '../../simulators/microsoft365/index.ts'

/** Folder in which a whole run of the tests gathers what it saw the product call. */
const FOLDER_VARIABLE = 'WITNESSED_GRAPH_CALLS'
const DOCUMENT = fileURLToPath(new URL('../../docs/microsoft-365.md', import.meta.url))
const ROW = /^\| `((?:GET|POST|PATCH|PUT|DELETE) \/[^`]*)` \| ([a-z-]+) \| (.*?) \|$/gm

/** A call the product makes, as docs/microsoft-365.md has it. */
export interface DocumentedCall {
  readonly call: string
  readonly tier: string
  readonly permissions: readonly string[]
}

export function documentedCalls(): readonly DocumentedCall[] {
  const text = readFileSync(DOCUMENT, 'utf8')
  return [...text.matchAll(ROW)].map(([, call = '', tier = '', permissions = '']) => ({
    call,
    tier,
    permissions: [...permissions.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  }))
}

/** What the product, and not a test, has asked of Graph; `/users/{id}` and the like. */
export function callsSeen(simulator: Microsoft365) {
  return simulator.requests
    .list()
    .filter(({ on, agent }) => on === 'graph' && agent?.startsWith('Gatehouse/') === true)
}

/** Adds what a tenant was asked to what the whole run has seen; called as the tenant stops. */
export function gatherCalls(simulator: Microsoft365): void {
  const folder = process.env[FOLDER_VARIABLE]
  if (folder === undefined) return
  const seen = callsSeen(simulator).filter(({ template }) => template !== null)
  const calls = new Set(seen.map(({ method, template }) => `${method} ${template}`))
  const lines = [...calls].map((call) => `${call}\n`)
  appendFileSync(join(folder, `${process.pid}`), lines.join(''))
}
