import { APPLICATION_ROUTES } from './application-routes.ts'
import { listDomains, readOrganization } from './company.ts'
import { DeltaQuery } from './delta.ts'
import { assignLicense, listSkus } from './licence-routes.ts'
import {
  countGroups,
  countMembers,
  countUsers,
  getByIds,
  listGroups,
  listMemberOf,
  listMembers,
  listTransitiveMemberOf,
  listTransitiveMembers,
  listUsers,
  type RouteAnswer,
  readGroup,
  readManager,
  readUser,
} from './objects.ts'
import { deleteManager, deleteMember, postMember, putManager } from './references.ts'
import { listRoleMembers, listRoles } from './roles.ts'
import type { Route } from './route.ts'
import { SUBSCRIPTION_ROUTES } from './subscription-routes.ts'
import { revokeSessions, updateUser } from './writes.ts'

/** Delegated permissions that show a person her own organization. */
const ORGANIZATION_READERS = ['User.Read', 'User.Read.All', 'Organization.Read.All']

/** All calls, those for administrators included. */
export function makeAllRoutes(): readonly Route[] {
  return [...makeRoutes(), ...SUBSCRIPTION_ROUTES, ...APPLICATION_ROUTES]
}

/** Every call that an application makes by itself. Costs: Microsoft's table of resource units. */
export function makeRoutes(): readonly Route[] {
  const delta = new DeltaQuery()
  return [
    get('/users', 2, listUsers),
    get('/users/$count', 2, countUsers, '/users'),
    get('/users/delta', 1, (request, context) => delta.answer('user', request, context)),
    get('/users/{id}', 1, readUser),
    get('/users/{id}/manager', 1, readManager),
    get('/users/{id}/memberof', 1, listMemberOf),
    get('/users/{id}/transitivememberof', 1, listTransitiveMemberOf),
    get('/groups', 1, listGroups),
    get('/groups/$count', 1, countGroups, '/groups'),
    get('/groups/delta', 1, (request, context) => delta.answer('group', request, context)),
    get('/groups/{id}', 1, readGroup),
    get('/groups/{id}/members', 3, listMembers),
    get('/groups/{id}/members/$count', 3, countMembers, '/groups/{id}/members'),
    get('/groups/{id}/transitivemembers', 5, listTransitiveMembers),
    get('/groups/{id}/memberof', 1, listMemberOf),
    { ...get('/organization', 1, readOrganization), delegated: ORGANIZATION_READERS },
    get('/domains', 1, listDomains),
    get('/subscribedskus', 3, listSkus),
    get('/directoryroles', 1, listRoles),
    get('/directoryroles/{id}/members', 3, listRoleMembers),
    {
      method: 'POST',
      template: '/directoryobjects/getbyids',
      permissionTemplate: '/directoryobjects/getbyids',
      units: 3,
      isWrite: false,
      answer: getByIds,
    },
    write('PATCH', '/users/{id}', updateUser),
    write('POST', '/users/{id}/revokesigninsessions', revokeSessions),
    write('POST', '/users/{id}/assignlicense', assignLicense),
    writeReference('PUT', '/users/{id}/manager', putManager),
    writeReference('DELETE', '/users/{id}/manager', deleteManager),
    // The published table has no entry for adding; Microsoft documents those of removing.
    { ...writeReference('POST', '/groups/{id}/members', postMember), permissions: MEMBER_WRITERS },
    writeReference('DELETE', '/groups/{id}/members/{id}', deleteMember),
  ]
}

function get(
  template: string,
  units: number,
  answer: RouteAnswer,
  permissionTemplate = template,
): Route {
  return { method: 'GET', template, permissionTemplate, units, isWrite: false, answer }
}

function write(method: Route['method'], template: string, answer: RouteAnswer): Route {
  return { method, template, permissionTemplate: template, units: 1, isWrite: true, answer }
}

const MEMBER_WRITERS = [
  'GroupMember.ReadWrite.All',
  'Group.ReadWrite.All',
  'Directory.ReadWrite.All',
]

/** Microsoft's table of permissions names the relation, and the calls its `$ref`. */
function writeReference(method: Route['method'], relation: string, answer: RouteAnswer): Route {
  const route = write(method, `${relation}/$ref`, answer)
  return { ...route, permissionTemplate: relation }
}

export interface RouteMatch {
  readonly route: Route
  /** What stands for the first `{id}`. */
  readonly key: string
}

/** Finds the route of a path below `/v1.0`; null when there is none. */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): RouteMatch | null {
  const segments = path.split('/').slice(1).map(normalize)
  const matches = routes.flatMap((route) => {
    const key = matchTemplate(route.template.split('/').slice(1), segments)
    return route.method === method && key !== null ? [{ route, key }] : []
  })
  return matches[0] ?? null
}

/** `microsoft.graph.delta()`, `microsoft.graph.delta`, `delta()` and `delta` are one function. */
function normalize(segment: string): string {
  return segment.replace(
    /^(?:microsoft\.graph\.)?(delta|getByIds|revokeSignInSessions)(?:\(\))?$/i,
    '$1',
  )
}

function matchTemplate(template: readonly string[], segments: readonly string[]): string | null {
  if (template.length !== segments.length) return null
  let key = ''
  for (const [at, part] of template.entries()) {
    const segment = segments[at] ?? ''
    if (part === '{id}') key = key === '' ? segment : key
    else if (part !== segment.toLowerCase()) return null
  }
  return key
}
