import type { Operation } from './operations/call.ts'
import {
  listResourceTypes,
  listSchemas,
  readResourceType,
  readSchema,
  readServiceProviderConfig,
} from './operations/discovery.ts'
import { listByGet, listByPost } from './operations/list.ts'
import { notImplemented } from './operations/not-implemented.ts'
import { readResource } from './operations/read.ts'
import { type ResourceType, resourceTypes } from './schema/resource-type.ts'

/** A Map, since the method is the client's word: an object knows `constructor` too. */
type Methods = ReadonlyMap<string, Operation>

interface Route {
  /** Segments; `*` stands for any one. The first route that fits is taken. */
  readonly segments: readonly string[]
  readonly methods: Methods
}

/** RFC 7644 §3.2, table 2: every path there is, and what can be done with it. */
const routes: readonly Route[] = [
  route('/', { GET: listByGet(resourceTypes) }),
  route('/.search', { POST: listByPost(resourceTypes) }),
  route('/ServiceProviderConfig', { GET: readServiceProviderConfig }),
  route('/ResourceTypes', { GET: listResourceTypes }),
  route('/ResourceTypes/*', { GET: readResourceType }),
  route('/Schemas', { GET: listSchemas }),
  route('/Schemas/*', { GET: readSchema }),
  ...resourceTypes.flatMap(routesOf),
  route('/Bulk', { POST: notImplemented }),
  route('/Me', {
    GET: notImplemented,
    POST: notImplemented,
    PUT: notImplemented,
    PATCH: notImplemented,
    DELETE: notImplemented,
  }),
]

function routesOf(type: ResourceType): readonly Route[] {
  return [
    route(`${type.endpoint}/.search`, { POST: listByPost([type]) }),
    route(type.endpoint, { GET: listByGet([type]), POST: notImplemented }),
    route(`${type.endpoint}/*`, {
      GET: readResource(type),
      PUT: notImplemented,
      PATCH: notImplemented,
      DELETE: notImplemented,
    }),
  ]
}

export interface FoundRoute {
  readonly methods: Methods
  /** What `*` stood for, still percent-encoded; '' when the route has none. */
  readonly id: string
}

/** Null when there is no such path. Doubled slashes and one at the end do no harm. */
export function findRoute(path: string): FoundRoute | null {
  const segments = split(path)
  const found = routes.find((candidate) => fits(candidate, segments))
  if (found === undefined) return null
  const at = found.segments.indexOf('*')
  return { methods: found.methods, id: at === -1 ? '' : (segments[at] ?? '') }
}

function route(path: string, methods: Readonly<Record<string, Operation>>): Route {
  return { segments: split(path), methods: new Map(Object.entries(methods)) }
}

function split(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '')
}

function fits({ segments }: Route, path: readonly string[]): boolean {
  return (
    segments.length === path.length &&
    segments.every((segment, at) => segment === '*' || segment === path[at])
  )
}
