import type { Directory } from '../directory/directory.ts'
import type { Group } from '../directory/group.ts'
import type { Network } from '../directory/network.ts'
import type { Person } from '../directory/person.ts'
import type { DeletedPerson, LifecycleDate, Ties } from '../directory/ports/people.ts'
import type { Entry } from '../directory/query.ts'
import type { Service } from '../directory/service.ts'

/** What the API shows of each thing: our model, without secrets, names beside ids. */

export type PersonState = 'staged' | 'active' | 'suspended' | 'deleted'

export function stateOf(person: Person): PersonState {
  return person.lifecycle === 'active' && person.holds.length > 0 ? 'suspended' : person.lifecycle
}

export function showPersonBriefly(entry: Entry<Person>) {
  const { id, username, displayName, mail, uidNumber } = entry.value
  return { id, username, displayName, mail, state: stateOf(entry.value), uidNumber }
}

export function showPerson(directory: Directory, entry: Entry<Person>) {
  const {
    kind: _kind,
    no: _no,
    version: _version,
    holds,
    loginNames,
    managerId,
    createdAtMs,
    lifecycle: _lifecycle,
    ...rest
  } = entry.value
  const direct = new Set(directory.directGroups(entry.no))
  const manager = managerId === null ? null : directory.entryById(managerId)
  return {
    ...rest,
    state: stateOf(entry.value),
    holds: holds.map(({ reason, sinceMs, note }) => ({ reason, since: isoTime(sinceMs), note })),
    loginNames: loginNames.map(({ folded, kind }) => ({ name: folded, kind })),
    manager: manager?.value.kind === 'person' ? manager.value.username : null,
    groups: Array.from(directory.allGroups(entry.no), (no) => ({
      name: groupName(directory, no),
      isDirect: direct.has(no),
    })),
    createdAt: isoTime(createdAtMs),
    modifiedAt: isoTime(entry.modifiedAtMs),
    usn: entry.usn,
  }
}

export function showDeleted({ deletedAtMs, restorableUntilMs, ...rest }: DeletedPerson) {
  return {
    ...rest,
    state: 'deleted' as const,
    deletedAt: isoTime(deletedAtMs),
    restorableUntil: isoTime(restorableUntilMs),
  }
}

export function showTies({ isProtected, administrator, dates }: Ties) {
  return { isProtected, administrator, dates: dates.map(showDate) }
}

export function showDate({ atMs, ...date }: LifecycleDate) {
  return { ...date, at: isoTime(atMs) }
}

export function showGroupBriefly(directory: Directory, entry: Entry<Group>) {
  const { id, name, displayName, origin, gidNumber } = entry.value
  return {
    id,
    name,
    displayName,
    origin,
    gidNumber,
    directMembers: directory.directMemberCount(entry.no),
  }
}

export function showGroup(directory: Directory, entry: Entry<Group>, memberLimit: number) {
  const {
    kind: _kind,
    no: _no,
    version: _version,
    membersVersion: _membersVersion,
    lifecycle: _lifecycle,
    createdAtMs,
    ...rest
  } = entry.value
  const members: { name: string; kind: string }[] = []
  for (const no of directory.directMembers(entry.no)) {
    const member = directory.entry(no)
    if (member === null) continue
    if (members.length === memberLimit) break
    members.push({ name: nameOf(member), kind: member.value.kind })
  }
  return {
    ...rest,
    directMembers: directory.directMemberCount(entry.no),
    members,
    memberOf: Array.from(directory.allGroups(entry.no), (no) => groupName(directory, no)),
    createdAt: isoTime(createdAtMs),
    modifiedAt: isoTime(entry.modifiedAtMs),
    usn: entry.usn,
  }
}

export function showService(directory: Directory, service: Service) {
  const { id, name, purpose, view, allowedGroupIds, createdAtMs, holds } = service
  return {
    id,
    name,
    purpose,
    viewGroups: view.sees === 'all' ? null : groupNames(directory, view.groupIds),
    allowedGroups: allowedGroupIds === null ? null : groupNames(directory, allowedGroupIds),
    isSuspended: holds.length > 0,
    createdAt: isoTime(createdAtMs),
  }
}

export function showNetwork(directory: Directory, network: Network) {
  const {
    id,
    name,
    priority,
    rules,
    methods,
    groups,
    everyone,
    vlan,
    attributes,
    sessionTimeoutSeconds,
    secondFactor = null,
    requireCryptoBinding = false,
    resumption = false,
    guests = false,
    idleTimeoutSeconds,
    interimSeconds,
    hours,
  } = network
  return {
    id,
    name,
    priority,
    ssids: rules.flatMap((rule) => rule.ssids ?? []),
    rules,
    methods,
    everyone,
    groups: groups.map((group) => ({
      group: groupNames(directory, [group.groupId])[0] ?? group.groupId,
      vlan: group.vlan,
      attributes: group.attributes,
      sessionTimeoutSeconds: group.sessionTimeoutSeconds ?? null,
    })),
    vlan,
    attributes,
    sessionTimeoutSeconds,
    secondFactor,
    requireCryptoBinding,
    resumption,
    guests,
    idleTimeoutSeconds,
    interimSeconds,
    hours,
  }
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

function groupNames(directory: Directory, ids: readonly string[]): string[] {
  return ids.map((id) => {
    const entry = directory.entryById(id)
    return entry?.value.kind === 'group' ? entry.value.name : id
  })
}

function groupName(directory: Directory, no: number): string {
  const entry = directory.entry(no)
  return entry?.value.kind === 'group' ? entry.value.name : `#${no}`
}

function nameOf(entry: Entry): string {
  return entry.value.kind === 'person' ? entry.value.username : entry.value.name
}
