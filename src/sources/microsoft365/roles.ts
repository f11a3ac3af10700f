import type { RoleHolder } from '../source.ts'
import { type Graph, type GraphAnswer, isObject, nonsense, refusal } from './graph.ts'

/** Entra has some 150 built-in roles, and a tenant may make 100 of its own. */
const MAX_ROLES = 500
const MAX_HOLDERS = 10_000
const MAX_PAGES = 100

const PERMISSION = 'RoleManagement.Read.Directory'

/**
 * Who holds a role of the directory, by `GET /directoryRoles` and the members of each; a group's
 * members hold it, too. Without the permission for it, that one is named.
 *
 * @throws {SourceError}
 */
export async function readRoles(
  graph: Graph,
  signal: AbortSignal,
): Promise<readonly RoleHolder[] | string> {
  const roles = await readAll(graph, '/directoryRoles?$select=id,displayName', signal)
  if (roles === null) {
    return `grant the application ${PERMISSION} (application permission, admin consent) to see who has a role`
  }
  if (roles.length > MAX_ROLES) throw nonsense('more roles than there can be')
  const holders: RoleHolder[] = []
  for (const role of roles) {
    const { id, displayName } = role
    if (typeof id !== 'string' || typeof displayName !== 'string')
      throw nonsense('a role without id')
    const path = `/directoryRoles/${encodeURIComponent(id)}/members?$select=id`
    for (const member of (await readAll(graph, path, signal)) ?? []) {
      if (typeof member['id'] !== 'string') throw nonsense('a member without id')
      holders.push({ externalId: member['id'], role: displayName.slice(0, 256) })
    }
    if (holders.length > MAX_HOLDERS)
      return `more than ${MAX_HOLDERS} people have a role: too many to be shown`
  }
  return holders
}

type Item = Readonly<Record<string, unknown>>

/** All pages of a list; null where it may not be read. */
async function readAll(
  graph: Graph,
  path: string,
  signal: AbortSignal,
): Promise<readonly Item[] | null> {
  const found: Item[] = []
  let link: string | null = graph.link(path)
  for (let page = 0; link !== null; page++) {
    if (page === MAX_PAGES) throw nonsense('a list without an end')
    const answer: GraphAnswer = await graph.getJson(link, signal)
    if (answer.kind === 'error' && answer.status === 403) return null
    if (answer.kind === 'error') throw refusal(answer)
    found.push(...readItems(answer.body))
    const next = answer.body['@odata.nextLink']
    link = typeof next === 'string' ? next : null
  }
  return found
}

function readItems(body: Item): readonly Item[] {
  const { value } = body as { readonly value?: unknown }
  if (!Array.isArray(value)) throw nonsense('an answer without its list')
  const items: readonly unknown[] = value
  if (!items.every(isObject)) throw nonsense('an object of another shape')
  return items as readonly Item[]
}
