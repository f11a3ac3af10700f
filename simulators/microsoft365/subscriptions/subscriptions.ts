import { randomBytes, randomUUID } from 'node:crypto'
import type { VirtualClock } from '../clock.ts'
import type { Settings } from '../faults/settings.ts'
import { GraphError, notFound } from '../graph/graph-error.ts'
import type { Application } from '../login/application.ts'
import type { Applications } from '../login/applications.ts'
import type { Change, ObjectKind } from '../tenant/record.ts'
import type { Tenant } from '../tenant/tenant.ts'
import type { Delivery } from './delivery.ts'
import {
  type ChangeType,
  invalid,
  PERMISSION_FOR,
  parseSubscription,
  parseUpdate,
  type Subscription,
  type SubscriptionRequest,
} from './subscription.ts'
import { callWebhook } from './webhook.ts'

export const LIFECYCLE_EVENTS = [
  'reauthorizationRequired',
  'subscriptionRemoved',
  'missed',
] as const
export type LifecycleEvent = (typeof LIFECYCLE_EVENTS)[number]

export interface SubscriptionsParts {
  readonly tenant: Tenant
  readonly applications: Applications
  readonly settings: Settings
  readonly clock: VirtualClock
  readonly delivery: Delivery
}

/** What happened to one object, as notifications tell it: that it happened, and nothing more. */
interface Happened {
  readonly kind: ObjectKind
  readonly id: string
  readonly changeType: ChangeType
  /** Only the members of a group are others. */
  readonly isMembership: boolean
}

/** Who has asked to be told of changes. Ends are on the tenant's clock, delivery is in real time. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts
  readonly #known = new Map<string, Subscription>()
  readonly #unauthorized = new Set<string>()

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts
    parts.tenant.onChange((change) => this.#tell(change))
  }

  /** Those of one application that have not ended, oldest first. */
  list(applicationId: string | null): readonly Subscription[] {
    this.#forgetEnded()
    return [...this.#known.values()].filter(
      (each) => applicationId === null || each.applicationId === applicationId,
    )
  }

  /** @throws {GraphError} 404 when it is gone, or another application's */
  read(id: string, applicationId: string): Subscription {
    const found = this.list(applicationId).find((each) => each.id === id.toLowerCase())
    if (found === undefined) throw notFound(id)
    return found
  }

  /**
   * Kept once both its endpoints have answered for themselves.
   *
   * @throws {GraphError} 400 with what is wrong with the request or an endpoint; 403 above the limit
   */
  async create(text: string, application: Application): Promise<Subscription> {
    const asked = parseSubscription(text, this.#parts.clock.nowMs())
    this.#refuseForbidden(asked, application)
    this.#refuseOneMore(application)
    await this.#validate(asked.notificationUrl, asked)
    const { lifecycleNotificationUrl: lifecycle } = asked
    if (lifecycle !== null) await this.#validate(lifecycle, asked)
    this.#refuseOneMore(application)
    const { clientId, servicePrincipalId } = application
    const subscription = {
      ...asked,
      id: randomUUID(),
      applicationId: clientId,
      creatorId: servicePrincipalId,
    }
    this.#known.set(subscription.id, subscription)
    return subscription
  }

  /** @throws {GraphError} 400, 404 */
  async update(id: string, text: string, application: Application): Promise<Subscription> {
    const before = this.read(id, application.clientId)
    this.#refuseForbidden(before, application)
    const { expiresAtMs, notificationUrl } = parseUpdate(text, this.#parts.clock.nowMs())
    if (notificationUrl !== null) await this.#validate(notificationUrl, before)
    const after = {
      ...before,
      expiresAtMs: expiresAtMs ?? before.expiresAtMs,
      notificationUrl: notificationUrl ?? before.notificationUrl,
    }
    this.#known.set(before.id, after)
    this.#unauthorized.delete(before.id)
    return after
  }

  /** @throws {GraphError} 404 */
  delete(id: string, application: Application): void {
    this.#known.delete(this.read(id, application.clientId).id)
  }

  /** @throws {GraphError} 403, 404 */
  reauthorize(id: string, application: Application): void {
    const subscription = this.read(id, application.clientId)
    this.#refuseForbidden(subscription, application)
    this.#unauthorized.delete(subscription.id)
  }

  /**
   * Says something of subscriptions themselves. One that is removed is gone before it is told; one
   * that needs authorizing is silent until it has been. @returns to how many it was said
   */
  sayLifecycle(event: LifecycleEvent, id: string | null): number {
    const meant = this.list(null).filter((each) => id === null || each.id === id)
    for (const subscription of meant) {
      if (event === 'subscriptionRemoved') this.#known.delete(subscription.id)
      if (event === 'reauthorizationRequired') this.#unauthorized.add(subscription.id)
      const { lifecycleNotificationUrl: url } = subscription
      if (url === null) continue
      this.#parts.delivery.send(url, subscription.latestSupportedTlsVersion, {
        lifecycleEvent: event,
        subscriptionId: subscription.id,
        resource: subscription.resource,
        clientState: subscription.clientState,
        subscriptionExpirationDateTime: new Date(subscription.expiresAtMs).toISOString(),
        organizationId: this.#parts.tenant.organization.id,
      })
    }
    return meant.length
  }

  /** Tells every subscription `count` times that something happened; nothing has. @returns how often in all */
  storm(count: number): number {
    const meant = this.list(null)
    for (const { watched } of meant) {
      const id = watched.id ?? this.#parts.tenant.all(watched.kind)[0]?.id ?? randomUUID()
      const { kind } = watched
      for (let at = 0; at < count; at++)
        this.#tellOf({ kind, id, changeType: 'updated', isMembership: false })
    }
    return meant.length * count
  }

  #tell(change: Change): void {
    const happened = this.#happened(change)
    if (happened !== null) this.#tellOf(happened)
  }

  #happened(change: Change): Happened | null {
    const { op, id } = change
    if (id === undefined || op === 'setRoles' || op === 'setSignIn' || op === 'setUnits')
      return null
    const record = this.#parts.tenant.find(id)
    if (record === null) return null
    const isMembership = op === 'addMembers' || op === 'removeMembers'
    const changeType = op === 'purge' ? 'deleted' : 'updated'
    return { kind: record.kind, id: record.id, changeType, isMembership }
  }

  #tellOf(happened: Happened): void {
    for (const subscription of this.list(null))
      if (this.#isMeant(subscription, happened)) this.#notify(subscription, happened)
  }

  #isMeant(subscription: Subscription, happened: Happened): boolean {
    const { watched, changeTypes } = subscription
    if (this.#unauthorized.has(subscription.id) || !changeTypes.has(happened.changeType))
      return false
    if (watched.kind !== happened.kind || (watched.isMembersOnly && !happened.isMembership))
      return false
    const application = this.#parts.applications.find(subscription.applicationId)
    // Who has lost the permission is told nothing more.
    if (application?.permissions.has(PERMISSION_FOR[watched.kind]) !== true) return false
    return watched.id === null || watched.id === happened.id
  }

  #notify(subscription: Subscription, { kind, id, changeType }: Happened): void {
    const collection = kind === 'user' ? 'Users' : 'Groups'
    const organizationId = this.#parts.tenant.organization.id
    this.#parts.delivery.send(
      subscription.notificationUrl,
      subscription.latestSupportedTlsVersion,
      {
        changeType,
        clientState: subscription.clientState,
        resource: `${collection}/${id}`,
        resourceData: {
          '@odata.type': `#Microsoft.Graph.${kind === 'user' ? 'User' : 'Group'}`,
          '@odata.id': `${collection}/${id}`,
          id,
          organizationId,
          sequenceNumber: this.#parts.tenant.head,
        },
        subscriptionExpirationDateTime: new Date(subscription.expiresAtMs).toISOString(),
        subscriptionId: subscription.id,
        tenantId: organizationId,
      },
    )
  }

  #refuseForbidden({ watched }: SubscriptionRequest, application: Application): void {
    if (application.permissions.has(PERMISSION_FOR[watched.kind])) return
    throw new GraphError(
      403,
      'Authorization_RequestDenied',
      'Insufficient privileges to complete the operation.',
    )
  }

  #refuseOneMore({ clientId }: Application): void {
    const { maxPerApplication } = this.#parts.settings.notifications
    if (this.list(clientId).length < maxPerApplication) return
    throw new GraphError(
      403,
      'Forbidden',
      `The application has reached its limit of ${maxPerApplication} subscriptions in this tenant.`,
    )
  }

  /** The endpoint says back what it is told, as plain text, or there is no subscription. */
  async #validate(url: string, asked: SubscriptionRequest): Promise<void> {
    const { validationTimeoutMs: timeoutMs, ca } = this.#parts.settings.notifications
    const token = `Validation: Testing client application reachability for subscription Request-Id: ${randomBytes(16).toString('hex')}`
    const target = new URL(url)
    target.searchParams.set('validationToken', token)
    const { answer, ...failed } = await callWebhook(target.href, {
      type: 'text/plain; charset=utf-8',
      body: '',
      timeoutMs,
      latestTls: asked.latestSupportedTlsVersion,
      ca,
    })
    if (answer === null) {
      const { isTimeout = false, why = '' } = failed as { isTimeout?: boolean; why?: string }
      if (isTimeout) throw invalid('Subscription validation request timed out.')
      throw invalid(`Subscription validation request failed. ${why}`)
    }
    if (answer.status !== 200)
      throw invalid(
        `Subscription validation request failed. HTTP status code is '${answer.status}'. Notification endpoint must respond with 200 OK to validation request.`,
      )
    if (!answer.type.startsWith('text/plain') || answer.text !== token)
      throw invalid(
        'Subscription validation request failed. The response of the notification endpoint is not the validation token as plain text.',
      )
  }

  #forgetEnded(): void {
    const nowMs = this.#parts.clock.nowMs()
    for (const { id, expiresAtMs } of this.#known.values()) {
      if (expiresAtMs > nowMs) continue
      this.#known.delete(id)
      this.#unauthorized.delete(id)
    }
  }
}
