import { SeededRandom } from '../random.ts'
import { DEFAULT_DOMAIN } from './contoso.ts'
import { asciiOf, DEPARTMENTS, GIVEN_NAMES, OFFICES, SURNAMES, spelling } from './names.ts'
import {
  type Change,
  type DirectoryRecord,
  isLive,
  type ObjectKind,
  SEES_EVERYTHING,
} from './record.ts'
import { type Tenant, TenantError } from './tenant.ts'

const KINDS: readonly ObjectKind[] = ['user', 'group', 'servicePrincipal', 'device', 'orgContact']

/**
 * Makes one change. An object may be named by id, a user also by userPrincipalName, a group also by
 * display name.
 *
 * @returns the id of the object that changed
 * @throws {TenantError} when it can't be done; nothing has changed then
 */
export function applyChange(tenant: Tenant, change: Change): string {
  if (change.op === 'create') {
    const { op: _, kind, properties, ...options } = change
    if (!KINDS.includes(kind)) throw new TenantError(`no kind ${String(kind)}`)
    const memberIds = options.memberIds?.map((ref) => resolve(tenant, ref))
    const named = memberIds === undefined ? options : { ...options, memberIds }
    return tenant.create(kind, properties, named).id
  }
  if (change.op === 'setUnits') {
    tenant.setUnits(change.id, change.units)
    return change.id
  }
  const id = resolve(tenant, change.id)
  applyTo(tenant, id, change)
  return id
}

function applyTo(tenant: Tenant, id: string, change: Exclude<Change, { op: 'create' }>): void {
  const members = (ids: readonly string[]): string[] => ids.map((ref) => resolve(tenant, ref))
  if (change.op === 'update') tenant.update(id, change.properties)
  else if (change.op === 'setManager')
    tenant.setManager(id, change.managerId === null ? null : resolve(tenant, change.managerId))
  else if (change.op === 'setRoles') tenant.setRoles(id, change.roles)
  else if (change.op === 'setSignIn') tenant.setSignIn(id, change.signIn)
  else if (change.op === 'delete') tenant.delete(id)
  else if (change.op === 'restore') tenant.restore(id)
  else if (change.op === 'purge') tenant.purge(id)
  else if (change.op === 'addMembers') tenant.addMembers(id, members(change.memberIds))
  else if (change.op === 'removeMembers') tenant.removeMembers(id, members(change.memberIds))
  else throw new TenantError(`no op ${String((change as { op: unknown }).op)}`)
}

function resolve(tenant: Tenant, reference: string): string {
  const record = tenant.find(reference) ?? tenant.findUser(reference) ?? tenant.findGroup(reference)
  if (record === null) throw new TenantError(`no object ${reference}`)
  return record.id
}

/**
 * A busy day: moves, promotions, comings and goings, from a seed. Most touch a person's job; a few
 * in a hundred create, disable, delete, restore, or change who is in a group.
 *
 * @returns how many changes were made; a draw that fits nothing (an empty recycle bin) makes none
 */
export function applyRandomChanges(
  tenant: Tenant,
  options: { count: number; seed: string },
): number {
  const random = new SeededRandom(`changes ${options.seed}`)
  let made = 0
  for (let at = 0; at < options.count; at++) {
    const change = drawChange(tenant, random)
    if (change === null) continue
    applyChange(tenant, change)
    made++
  }
  return made
}

function drawChange(tenant: Tenant, random: SeededRandom): Change | null {
  const dice = random.fraction()
  if (dice < 0.03) return drawNewcomer(random)
  if (dice < 0.05) return drawDeleted(tenant, 'user', random)
  if (dice < 0.065) return drawGroupChange(tenant, random)
  const user = drawLive(tenant.all('user'), random)
  if (user === null) return null
  if (dice < 0.08) return { op: 'delete', id: user.id }
  if (dice < 0.12)
    return { op: 'update', id: user.id, properties: { accountEnabled: random.chance(0.5) } }
  if (dice < 0.15) return { op: 'update', id: user.id, properties: { mobilePhone: null } }
  if (dice < 0.3) return drawMembership(tenant, user, random)
  if (dice < 0.35) {
    const manager = drawLive(tenant.all('user'), random)
    return { op: 'setManager', id: user.id, managerId: manager?.id ?? null }
  }
  const department = random.pick(DEPARTMENTS)
  const properties = {
    department: department.name,
    jobTitle: random.pick(department.titles),
    city: random.pick(OFFICES).city,
  }
  return { op: 'update', id: user.id, properties }
}

function drawNewcomer(random: SeededRandom): Change {
  const given = random.pick(GIVEN_NAMES)
  const surname = random.pick(SURNAMES)
  const local = `${asciiOf(given)}.${asciiOf(surname)}.${random.word().toString(36)}`
  const properties = {
    accountEnabled: true,
    displayName: `${spelling(given)} ${spelling(surname)}`,
    givenName: spelling(given),
    mail: `${local}@${DEFAULT_DOMAIN}`,
    surname: spelling(surname),
    userPrincipalName: `${local}@${DEFAULT_DOMAIN}`,
    userType: 'Member',
  }
  return { op: 'create', kind: 'user', properties, id: random.uuid() }
}

/** Somebody or something in the recycle bin: restored mostly, else purged. */
function drawDeleted(tenant: Tenant, kind: 'user' | 'group', random: SeededRandom): Change | null {
  const deleted = tenant.all(kind).filter((record) => record.versions.at(-1)?.state === 'deleted')
  if (deleted.length === 0) return null
  return { op: random.chance(0.7) ? 'restore' : 'purge', id: random.pick(deleted).id }
}

function drawGroupChange(tenant: Tenant, random: SeededRandom): Change | null {
  const dice = random.fraction()
  if (dice < 0.4) return drawDeleted(tenant, 'group', random)
  const group = drawLive(tenant.all('group'), random)
  if (group === null) return null
  if (dice < 0.7) return { op: 'delete', id: group.id }
  const displayName = `Team ${random.word().toString(36)}`
  if (dice < 0.85) return { op: 'update', id: group.id, properties: { displayName } }
  const properties = { displayName, securityEnabled: true, mailEnabled: false, groupTypes: [] }
  const memberIds = [...(group.members ?? [])].slice(0, 5)
  return { op: 'create', kind: 'group', properties, memberIds, id: random.uuid() }
}

function drawMembership(
  tenant: Tenant,
  user: DirectoryRecord,
  random: SeededRandom,
): Change | null {
  const group = drawLive(tenant.all('group'), random)
  if (group === null) return null
  const op = group.members?.has(user.id) ? 'removeMembers' : 'addMembers'
  return { op, id: group.id, memberIds: [user.id] }
}

function drawLive(
  records: readonly DirectoryRecord[],
  random: SeededRandom,
): DirectoryRecord | null {
  for (let attempt = 0; attempt < 20 && records.length > 0; attempt++) {
    const record = random.pick(records)
    if (isLive(record, SEES_EVERYTHING)) return record
  }
  return null
}
