import { existsSync } from 'node:fs'
import type { Test } from 'tap'

/** Folders that an ordinary user's PATH may lack. */
const MORE_FOLDERS = ['/usr/sbin', '/sbin', '/usr/local/sbin']

/** The path of an installed program; null when this machine does not have it. */
export function findTool(name: string): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(':'), ...MORE_FOLDERS]) {
    const path = `${folder}/${name}`
    if (existsSync(path)) return path
  }
  return null
}

export interface Needs {
  readonly tools?: readonly string[]
  readonly root?: boolean
  /** What else is known to be missing, in words. */
  readonly others?: readonly string[]
}

/**
 * Runs a test that needs real programs or root. Where something is missing it is skipped by name, and
 * counted; with `CI=true` that is a failure instead.
 */
export async function withTools(
  t: Test,
  needs: Needs & { readonly name: string },
  body: (t: Test) => Promise<void>,
): Promise<void> {
  const missing = [
    ...(needs.tools ?? []).filter((tool) => findTool(tool) === null),
    ...(needs.others ?? []),
  ]
  if (needs.root === true && process.getuid?.() !== 0) missing.push('root')
  if (missing.length === 0) {
    await t.test(needs.name, body)
    return
  }
  const reason = `needs ${missing.join(', ')}`
  if (process.env['CI'] === 'true') t.fail(`${needs.name}: ${reason}`)
  else await t.test(needs.name, { skip: reason }, body)
}
