import type { Tenant } from '../../simulators/microsoft365/index.ts'
import { Random } from './mutate.ts'

interface Draw {
  readonly count: number
  readonly seed: number
}

type Kind = 'user' | 'group'

function inState(tenant: Tenant, kind: Kind, state: string): string[] {
  return tenant
    .all(kind)
    .filter((record) => record.versions.at(-1)?.state === state)
    .map(({ id }) => id)
}

/** Deletes so many people at once. */
export function deletePeople(tenant: Tenant, draw: Draw): void {
  const random = new Random(draw.seed)
  for (let at = 0; at < draw.count; at++) {
    const living = inState(tenant, 'user', 'live')
    if (living.length > 0) tenant.delete(random.pick(living))
  }
}

/** Groups come, go, return, change their name and their members, people and groups alike. */
export function changeGroups(tenant: Tenant, draw: Draw): void {
  const random = new Random(draw.seed)
  for (let at = 0; at < draw.count; at++) {
    const groups = inState(tenant, 'group', 'live')
    if (groups.length === 0) continue
    changeGroup(tenant, random, groups)
  }
}

function changeGroup(tenant: Tenant, random: Random, groups: readonly string[]): void {
  const id = random.pick(groups)
  const dice = random.below(10)
  if (dice === 0) tenant.delete(id)
  else if (dice === 1) restoreOne(tenant, random)
  else if (dice === 2) createGroup(tenant, random)
  else if (dice === 3) tenant.update(id, { displayName: `Renamed ${random.below(1_000)}` })
  else if (dice === 4) tenant.update(id, { description: random.below(2) === 0 ? null : 'Changed' })
  else if (dice === 5) tenant.addMembers(id, [random.pick(groups)])
  else if (dice < 8) tenant.addMembers(id, somePeople(tenant, random))
  else tenant.removeMembers(id, someMembers(tenant, random, id))
}

function restoreOne(tenant: Tenant, random: Random): void {
  const kind: Kind = random.below(2) === 0 ? 'group' : 'user'
  const deleted = inState(tenant, kind, 'deleted')
  if (deleted.length > 0) tenant.restore(random.pick(deleted))
}

function createGroup(tenant: Tenant, random: Random): void {
  const properties = {
    displayName: `Group ${random.below(5)}`,
    groupTypes: [],
    mailEnabled: false,
    mailNickname: `group${random.below(1_000_000)}`,
    securityEnabled: true,
  }
  tenant.create('group', properties, { memberIds: somePeople(tenant, random) })
}

function somePeople(tenant: Tenant, random: Random): string[] {
  const living = inState(tenant, 'user', 'live')
  return Array.from({ length: 1 + random.below(6) }, () => random.pick(living))
}

function someMembers(tenant: Tenant, random: Random, groupId: string): string[] {
  const members = [...(tenant.find(groupId)?.members ?? [])]
  return members.filter(() => random.below(3) === 0)
}
