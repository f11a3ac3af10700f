import { ApiError, notFound } from '../admin/error.ts'
import type {
  AccountLicences,
  BoughtLicence,
  LicenceChange,
  LicenceControl,
  PersonLicence,
} from '../admin/licence-control.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import { userPath } from '../provisioning/microsoft365/graph.ts'
import {
  type HeldLicences,
  hasLicence,
  LICENCE_SELECT,
  readGroupName,
  readHeldLicences,
} from '../provisioning/microsoft365/licences.ts'
import { GraphCalls } from '../sources/microsoft365/calls.ts'
import { parseConfig } from '../sources/microsoft365/settings.ts'
import { readSecretOf } from '../sources/microsoft365/stored-secret.ts'
import { readSubscribedSkus, type SubscribedSku } from '../sources/microsoft365/subscribed-skus.ts'
import type { StoredSource } from '../sources/registry.ts'
import { SourceError } from '../sources/source.ts'
import { type LicenceAccount, PostgresLicenceStore } from '../storage/licence-store.ts'
import type { DirectoryParts } from './directory.ts'
import { told } from './told.ts'

const TIMEOUT_MS = 30_000

/** What a tenant and an account of it have, as it tells just now. */
interface Holdings {
  readonly skus: readonly SubscribedSku[]
  readonly held: HeldLicences
  readonly calls: GraphCalls
}

/** Licences: asked of the tenant when an admin looks, decided on here, written by the pushes. */
export function makeLicences({
  database,
  sourceRegistry: registry,
}: DirectoryParts): LicenceControl {
  const store = new PostgresLicenceStore(database)
  const open = async (nameOrId: string): Promise<GraphCalls> => {
    const source = await registry.find(nameOrId)
    if (source === null) throw notFound('source', nameOrId)
    const config = parseConfig(source.config)
    if (!hasExtra(source))
      throw new DirectoryError(
        'DIRECTORY_REFUSED',
        `licences of ${source.name} are not looked at: grant LicenseAssignment.Read.All, then ` +
          `gatehouse source set-extra ${source.name} licences`,
      )
    return new GraphCalls({ config, secret: await readSecretOf(registry, source) })
  }
  const skusOf = async (source: string): Promise<readonly SubscribedSku[]> => {
    const calls = await open(source)
    return told(readSubscribedSkus(calls, AbortSignal.timeout(TIMEOUT_MS)))
  }
  const read = async ({ source, externalId }: LicenceAccount): Promise<Holdings> => {
    const calls = await open(source)
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const [skus, held] = await Promise.all([
      readSubscribedSkus(calls, signal),
      readAccount(calls, externalId, signal),
    ])
    return { skus, held, calls }
  }
  const accountOf = async (id: PrincipalId, change: LicenceChange): Promise<LicenceAccount> =>
    pickAccount(await store.accountsOf(id), change.source)

  return {
    async list(source) {
      const skus = await skusOf(source)
      return { source, licences: skus.map(showBought) }
    },
    async ofPerson(id) {
      const accounts = await store.accountsOf(id)
      const looked = await Promise.all(
        accounts.map(async (account) => showAccount(account, await told(read(account)))),
      )
      return { accounts: looked }
    },
    async losses(id, change) {
      if (change.verb !== 'remove') return []
      const account = await accountOf(id, change)
      const { skus, held } = await told(read(account))
      const lost = new Set(change.licences.map((name) => findSku(skus, name, account).sku))
      return lossesOf({ skus, held }, lost, account.source)
    },
    async change(id, change, actor) {
      const account = await accountOf(id, change)
      const { sourceId, decisions } = account
      if (change.verb === 'yield') {
        const names = new Set(change.licences.map((name) => name.toLowerCase()))
        const meant = decisions.filter(
          ({ sku, name }) => names.has(sku) || names.has(name.toLowerCase()),
        )
        const skus = meant.map(({ sku }) => sku)
        return await store.yield({ id, sourceId }, skus, actor)
      }
      const skus = await skusOf(account.source)
      const found = change.licences.map((name) => findSku(skus, name, account))
      const licences = [...new Map(found.map(({ sku, name }) => [sku, { sku, name }])).values()]
      const isAssigned = change.verb === 'assign'
      return await store.decide({ id, sourceId }, { licences, isAssigned }, actor)
    },
  }
}

function hasExtra({ config }: StoredSource): boolean {
  return parseConfig(config).extras.includes('licences')
}

function pickAccount(accounts: readonly LicenceAccount[], name: string | null): LicenceAccount {
  const meant = accounts.filter(({ source }) => name === null || source === name)
  const [only, other] = meant
  if (only === undefined)
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      `she has no account ${name === null ? 'in any source' : `in ${name}`}: licences are Microsoft 365’s`,
    )
  if (other === undefined) return only
  const names = meant.map(({ source }) => source).join(', ')
  throw new DirectoryError('DIRECTORY_CONFLICT', `say which account: --source, one of ${names}`)
}

function findSku(
  skus: readonly SubscribedSku[],
  name: string,
  { source }: LicenceAccount,
): SubscribedSku {
  const folded = name.toLowerCase()
  const found = skus.find((one) => one.sku === folded || one.name.toLowerCase() === folded)
  if (found !== undefined) return found
  throw new ApiError(
    404,
    'not-found',
    `${source} has no subscription "${name}": gatehouse source licences ${source} shows them`,
  )
}

/** @throws {SourceError} */
async function readAccount(
  calls: GraphCalls,
  externalId: string,
  signal: AbortSignal,
): Promise<HeldLicences> {
  const path = `${userPath(externalId)}?$select=${LICENCE_SELECT}`
  const reply = await calls.get(path, signal)
  if (reply.kind === 'ok') return readHeldLicences(reply.body)
  const isGone = reply.kind === 'error' && reply.status === 404
  const why = isGone ? 'the tenant has no such account' : 'the account could not be read'
  throw new SourceError(isGone ? 'SOURCE_REFUSED' : 'SOURCE_UNAVAILABLE', why)
}

function showBought(one: SubscribedSku): BoughtLicence {
  const { sku, name, state, enabled: bought, warning: inGrace, consumed: used } = one
  return { sku, name, state, bought, inGrace, used, free: Math.max(0, bought + inGrace - used) }
}

async function showAccount(
  { source, decisions }: LicenceAccount,
  { skus, held, calls }: Holdings,
): Promise<AccountLicences> {
  const names = new Map<string, string>()
  for (const { groupId } of held.assignments) {
    if (groupId === null || names.has(groupId)) continue
    names.set(groupId, await readGroupName(calls, groupId, AbortSignal.timeout(TIMEOUT_MS)))
  }
  const known = [...held.assignments.map(({ sku }) => sku), ...decisions.map(({ sku }) => sku)]
  const licences = [...new Set(known)].map((sku): PersonLicence => {
    const mine = held.assignments.filter((one) => one.sku === sku)
    const decision = decisions.find((one) => one.sku === sku)
    const verb = decision?.isAssigned === true ? 'assigned' : 'removed'
    return {
      sku,
      name: skus.find((one) => one.sku === sku)?.name ?? decision?.name ?? sku,
      has: hasLicence(held, sku),
      by: mine.map(({ groupId }) =>
        groupId === null ? 'herself' : (names.get(groupId) ?? groupId),
      ),
      error: mine.find(({ isActive }) => !isActive)?.error ?? null,
      decided: decision === undefined ? null : verb,
      state: decision?.status ?? null,
      reason: decision?.reason ?? null,
    }
  })
  const sorted = licences.toSorted((a, b) => a.name.localeCompare(b.name))
  return { source, usageLocation: held.usageLocation, licences: sorted }
}

/** A mailbox goes with the last licence that has one (Microsoft: kept for 30 days, then deleted). */
function lossesOf(
  { skus, held }: Pick<Holdings, 'skus' | 'held'>,
  lost: ReadonlySet<string>,
  source: string,
): readonly string[] {
  const now = held.assignments.filter(({ isActive }) => isActive)
  const after = now.filter(({ sku, groupId }) => groupId !== null || !lost.has(sku))
  if (after.length === now.length) return []
  const plans = new Map(skus.map(({ sku, mailboxPlans }) => [sku, mailboxPlans]))
  const hasMailbox = (assignments: HeldLicences['assignments']) =>
    assignments.some(({ sku, disabledPlans }) =>
      plans.get(sku)?.some((plan) => !disabledPlans.includes(plan)),
    )
  return [
    ...(after.length === 0 ? [`it is her last licence in ${source}`] : []),
    ...(hasMailbox(now) && !hasMailbox(after)
      ? [
          'she loses her mailbox: Microsoft 365 keeps it for 30 days, in which another licence with ' +
            'Exchange brings it back, and deletes it then for good',
        ]
      : []),
  ]
}
