import { readFileSync } from 'node:fs'

const ROW = /^\| `((?:GET|POST|PATCH|PUT|DELETE) \/[^`]*)` \| ([a-z-]+) \| (.*?) \|$/gm

/** Names the folder in which a run of the tests gathers what it saw the product call. */
export const CALLS_VARIABLE = 'WITNESSED_GRAPH_CALLS'

/** The calls the product makes, as docs/microsoft-365.md has them: call, tier, permissions. */
export function documentedCalls() {
  const text = readFileSync(new URL('../docs/microsoft-365.md', import.meta.url), 'utf8')
  return [...text.matchAll(ROW)].map(([, call = '', tier = '', permissions = '']) => ({
    call,
    tier,
    permissions: [...permissions.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  }))
}
