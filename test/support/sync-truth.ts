import { dumpTruth, type Microsoft365 } from '../../simulators/microsoft365/index.ts'
import type { DirectoryImage } from './sync.ts'

/** What the directory should hold of the tenant, in the shape of `imageOfDirectory`. */
export function imageOfTenant(tenant: Microsoft365): DirectoryImage {
  const truth = dumpTruth(tenant.tenant, null)
  const members = truth.users.filter(({ properties }) => properties['userType'] !== 'Guest')
  const groupIds = truth.groups.map(({ id }) => id)
  const known = new Set([...members.map(({ id }) => id), ...groupIds])
  const people = members.map(({ id, managerId, properties }) => {
    const text = (name: string) => properties[name] ?? null
    return [
      id,
      {
        displayName: text('displayName'),
        mail: text('mail'),
        userPrincipalName: text('userPrincipalName'),
        department: text('department'),
        jobTitle: text('jobTitle'),
        mobilePhone: text('mobilePhone'),
        city: text('city'),
        manager: managerId !== null && known.has(managerId) ? managerId : null,
        isHeld: properties['accountEnabled'] === false,
      },
    ] as const
  })
  const groups = truth.groups.map(({ id, properties, members: all }) => {
    const isHidden = properties['visibility'] === 'HiddenMembership'
    const ids = all.map((member) => member.id).filter((member) => known.has(member))
    return [
      id,
      {
        displayName: properties['displayName'] ?? null,
        description: properties['description'] ?? null,
        members: isHidden ? [] : ids.toSorted(),
      },
    ] as const
  })
  return { people: Object.fromEntries(people), groups: Object.fromEntries(groups) }
}
