import { type DirectoryRecord, isLive, SEES_EVERYTHING } from '../tenant/record.ts'
import { current, type Tenant } from '../tenant/tenant.ts'

/** One group as it is, in ids. */
export interface TrueGroup {
  readonly id: string
  readonly properties: Readonly<Record<string, unknown>>
  /** Direct members that live, of every kind. */
  readonly members: readonly { readonly id: string; readonly kind: string }[]
}

export interface TrueUser {
  readonly id: string
  readonly managerId: string | null
  readonly properties: Readonly<Record<string, unknown>>
}

export interface Truth {
  readonly head: number
  readonly users: readonly TrueUser[]
  readonly groups: readonly TrueGroup[]
}

function living(records: readonly DirectoryRecord[]): DirectoryRecord[] {
  return records.filter((record) => isLive(record, SEES_EVERYTHING))
}

/** All that lives in the tenant, whatever a replica or a fault says of it. */
export function dumpTruth(tenant: Tenant, select: readonly string[] | null): Truth {
  const properties = (record: DirectoryRecord): Readonly<Record<string, unknown>> => {
    const all = current(record).properties
    if (select === null) return all
    return Object.fromEntries(select.map((name) => [name, all[name] ?? null]))
  }
  const users = living(tenant.all('user')).map((user) => ({
    id: user.id,
    managerId: current(user).managerId,
    properties: properties(user),
  }))
  const groups = living(tenant.all('group')).map((group) => ({
    id: group.id,
    properties: properties(group),
    members: living([...(group.members ?? [])].map((id) => tenant.read(id))).map(
      ({ id, kind }) => ({ id, kind }),
    ),
  }))
  return { head: tenant.head, users, groups }
}

export function summarize(tenant: Tenant): object {
  const count = (state: string) => (record: DirectoryRecord) => current(record).state === state
  return {
    id: tenant.organization.id,
    displayName: tenant.organization.displayName,
    head: tenant.head,
    users: tenant.all('user').filter(count('live')).length,
    deletedUsers: tenant.all('user').filter(count('deleted')).length,
    groups: tenant.all('group').filter(count('live')).length,
    deletedGroups: tenant.all('group').filter(count('deleted')).length,
  }
}
