import { reply } from '../http/exchange.ts'
import { PERMISSION_FOR, showSubscription } from '../subscriptions/subscription.ts'
import type { Route } from './route.ts'

/** What the reference pages name for users and groups; the published table has no entry. */
const READERS = Object.values(PERMISSION_FOR)

/** Change notifications, for an application that reads by itself. */
export const SUBSCRIPTION_ROUTES: readonly Route[] = [
  route('GET', '/subscriptions', (_request, context) => {
    const { clientId } = context.application
    const value = context.subscriptions.list(clientId).map(showSubscription)
    return reply({ '@odata.context': `${context.graphUrl}/v1.0/$metadata#subscriptions`, value })
  }),
  route('POST', '/subscriptions', async (request, context) =>
    reply(
      showSubscription(await context.subscriptions.create(request.body, context.application)),
      201,
    ),
  ),
  route('GET', '/subscriptions/{id}', (_request, context, key) =>
    reply(showSubscription(context.subscriptions.read(key, context.application.clientId))),
  ),
  route('PATCH', '/subscriptions/{id}', async (request, context, key) =>
    reply(
      showSubscription(await context.subscriptions.update(key, request.body, context.application)),
    ),
  ),
  route('DELETE', '/subscriptions/{id}', (_request, context, key) => {
    context.subscriptions.delete(key, context.application)
    return reply(null, 204)
  }),
  route('POST', '/subscriptions/{id}/reauthorize', (_request, context, key) => {
    context.subscriptions.reauthorize(key, context.application)
    return reply(null, 204)
  }),
]

function route(method: Route['method'], template: string, answer: Route['answer']): Route {
  return {
    method,
    template,
    permissionTemplate: template,
    permissions: READERS,
    units: 1,
    isWrite: method !== 'GET',
    answer,
  }
}
