import { reply } from '../http/exchange.ts'
import { findPrincipal, findRegistration, list } from './application-calls.ts'
import type { GraphContext } from './context.ts'
import { badRequest } from './graph-error.ts'
import type { RouteAnswer } from './objects.ts'

/** Who may change a registration, as far as the caller may see them: ids, and names of people. */
export const listOwners: RouteAnswer = (_request, context, key) =>
  list(context, 'directoryObjects', showOwners(context, findRegistration(context, key).owners))

export const listPrincipalOwners: RouteAnswer = (_request, context, key) =>
  list(
    context,
    'directoryObjects',
    showOwners(context, findPrincipal(context, key).principalOwners),
  )

export const listFederatedCredentials: RouteAnswer = (_request, context, key) =>
  list(
    context,
    'federatedIdentityCredentials',
    findRegistration(context, key).federatedCredentials.map(({ issuerKey: _, ...shown }) => shown),
  )

export const showMe: RouteAnswer = (_request, context) => {
  const { callerId } = context
  if (callerId !== null) return reply({ id: callerId })
  throw badRequest('/me request is only valid with delegated authentication flow.')
}

function showOwners(context: GraphContext, owners: ReadonlySet<string>): readonly object[] {
  return [...owners].map((id) => {
    const userPrincipalName =
      context.tenant.findUser(id)?.versions.at(-1)?.properties['userPrincipalName'] ?? null
    return { '@odata.type': '#microsoft.graph.user', id, userPrincipalName }
  })
}
