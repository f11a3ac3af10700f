import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PERMISSIONS } from './permissions.ts'
import { PROPERTIES } from './properties.ts'

/** What Microsoft publishes about its calls and entities, in so far as this simulator needs it. */
export interface Contract {
  /** Application permissions that allow the call, any of them; `template` such as `/users/{id}`. */
  permissionsFor(method: string, template: string): readonly string[]
  hasProperty(entity: string, name: string): boolean
  isCollection(entity: string, name: string): boolean
  properties(entity: string): readonly string[]
}

interface PublishedPermission {
  readonly application: boolean
  readonly pathSets: readonly {
    readonly schemes: readonly string[]
    readonly methods: readonly string[]
    readonly paths: Readonly<Record<string, string>>
  }[]
}

interface PublishedEntity {
  readonly base?: string | null
  readonly properties?: Readonly<Record<string, { readonly type: string }>>
}

/**
 * Reads `permissions.json` and `entities.json` of a folder, or falls back to the built-in tables
 * when there is no such folder.
 *
 * @throws when a file is there and is not what it should be
 */
export function loadContract(folder: string | null): Contract {
  const permissionsFile = folder === null ? null : join(folder, 'permissions.json')
  if (folder === null || permissionsFile === null || !existsSync(permissionsFile))
    return makeContract(new Map(Object.entries(PERMISSIONS)), new Map(Object.entries(PROPERTIES)))
  return makeContract(
    publishedPermissions(JSON.parse(readFileSync(permissionsFile, 'utf8'))),
    publishedProperties(JSON.parse(readFileSync(join(folder, 'entities.json'), 'utf8'))),
  )
}

function makeContract(
  permissions: ReadonlyMap<string, readonly string[]>,
  properties: ReadonlyMap<string, readonly string[]>,
): Contract {
  const collections = new Map<string, ReadonlyMap<string, boolean>>()
  for (const [entity, marked] of properties) {
    const known = marked.map((name): [string, boolean] => [
      name.replace('[]', ''),
      name.endsWith('[]'),
    ])
    collections.set(entity, new Map(known))
  }
  return {
    permissionsFor: (method, template) =>
      permissions.get(`${method} ${template.toLowerCase()}`) ?? [],
    hasProperty: (entity, name) => collections.get(entity)?.has(name) ?? false,
    isCollection: (entity, name) => collections.get(entity)?.get(name) ?? false,
    properties: (entity) => [...(collections.get(entity)?.keys() ?? [])],
  }
}

function publishedPermissions(
  published: Readonly<Record<string, PublishedPermission>>,
): Map<string, string[]> {
  const byCall = new Map<string, Set<string>>()
  for (const [name, permission] of Object.entries(published)) {
    if (!permission.application) continue
    for (const call of callsOf(permission)) {
      const allowed = byCall.get(call) ?? new Set()
      byCall.set(call, allowed.add(name))
    }
  }
  return new Map([...byCall].map(([call, names]) => [call, [...names]]))
}

function* callsOf(permission: PublishedPermission): Generator<string> {
  for (const set of permission.pathSets) {
    if (!set.schemes.includes('Application')) continue
    for (const method of set.methods)
      for (const path of Object.keys(set.paths)) yield `${method} ${path.toLowerCase()}`
  }
}

function publishedProperties(
  published: Readonly<Record<string, PublishedEntity>>,
): Map<string, string[]> {
  const byEntity = new Map<string, string[]>()
  for (const entity of Object.keys(published)) {
    const names: string[] = []
    let at: PublishedEntity | undefined = published[entity]
    while (at !== undefined) {
      for (const [name, { type }] of Object.entries(at.properties ?? {}))
        names.push(type.startsWith('Collection(') ? `${name}[]` : name)
      at = published[(at.base ?? '').replace('graph.', '')]
    }
    byEntity.set(entity, names)
  }
  return byEntity
}
