import { createHash } from 'node:crypto'
import { isLive } from '../tenant/record.ts'
import { shortList } from './company.ts'
import type { GraphContext } from './context.ts'
import { notFound } from './graph-error.ts'
import { answerListing } from './listing.ts'
import type { RouteAnswer } from './objects.ts'

/** Roles that somebody holds: Entra lists those that are activated, and here each is by its holders. */
function rolesOf(context: GraphContext): readonly string[] {
  const held = [...context.tenant.all('user'), ...context.tenant.all('group')].flatMap(({ id }) => [
    ...context.tenant.rolesOf(id),
  ])
  return [...new Set(held)].toSorted((a, b) => (a < b ? -1 : 1))
}

/** The same id for a role's name on each start, in the form of a GUID. */
function idOf(role: string): string {
  const hex = createHash('sha256').update(`role ${role}`).digest('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5')
}

export const listRoles: RouteAnswer = (request, context, key) => {
  const roles = rolesOf(context).map((displayName) => ({
    id: idOf(displayName),
    deletedDateTime: null,
    description: null,
    displayName,
    roleTemplateId: idOf(`template of ${displayName}`),
  }))
  return shortList('directoryRole', 'directoryRoles')(roles)(request, context, key)
}

export const listRoleMembers: RouteAnswer = (request, context, key) => {
  const role = rolesOf(context).find((name) => idOf(name) === key)
  if (role === undefined) throw notFound(key)
  const records = [...context.tenant.all('user'), ...context.tenant.all('group')].filter(
    (record) => isLive(record, context.view) && context.tenant.rolesOf(record.id).includes(role),
  )
  const listing = { records, entity: 'user', isMixed: true, metadata: 'directoryObjects' } as const
  return answerListing(listing, request, context)
}
