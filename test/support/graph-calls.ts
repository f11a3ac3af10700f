import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
// @ts-expect-error plain Node without types, as the test script needs it too
import { CALLS_VARIABLE, documentedCalls as readCalls } from '../../scripts/documented-calls.mjs'
import type { Microsoft365 } from '../../simulators/microsoft365/index.ts'

/** A call the product makes, as docs/microsoft-365.md has it. */
export interface DocumentedCall {
  readonly call: string
  readonly tier: string
  readonly permissions: readonly string[]
}

export const documentedCalls: () => readonly DocumentedCall[] = readCalls

/** What the product, and not a test, has asked of Graph; `/users/{id}` and the like. */
export function callsSeen(simulator: Microsoft365) {
  return simulator.requests
    .list()
    .filter(({ on, agent }) => on === 'graph' && agent?.startsWith('Gatehouse/') === true)
}

/** Adds what a tenant was asked to what the whole run has seen; called as the tenant stops. */
export function gatherCalls(simulator: Microsoft365): void {
  const folder = process.env[CALLS_VARIABLE]
  if (folder === undefined) return
  const seen = callsSeen(simulator).filter(({ template }) => template !== null)
  const calls = new Set(seen.map(({ method, template }) => `${method} ${template}`))
  const lines = [...calls].map((call) => `${call}\n`)
  appendFileSync(join(folder, `${process.pid}`), lines.join(''))
}
