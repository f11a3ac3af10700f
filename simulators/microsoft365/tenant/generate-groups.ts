import { SeededRandom } from '../random.ts'
import { DEFAULT_DOMAIN, NAMED_GROUPS, type NamedGroup } from './contoso.ts'
import { DEPARTMENTS, OFFICES } from './names.ts'
import type { DirectoryRecord, ObjectKind, Properties } from './record.ts'
import { current, type Tenant } from './tenant.ts'

const FOUNDED = '2019-01-07T08:00:00Z'
const TEAM_WORDS = [
  'Atlas',
  'Birch',
  'Cobalt',
  'Delta',
  'Ember',
  'Fjord',
  'Granit',
  'Horizont',
  'Île',
  'Juniper',
]
const TEAM_KINDS = ['Team', 'Project', 'Access', 'Distribution', 'Region']
/** Members that are no people, a few in every tenant, as real groups have them. */
const STRANGERS: readonly { kind: ObjectKind; name: string }[] = [
  { kind: 'servicePrincipal', name: 'Backup Service' },
  { kind: 'device', name: 'DESKTOP-7Q2M' },
  { kind: 'orgContact', name: 'Fabrikam Helpdesk' },
]

type GroupType = NonNullable<NamedGroup['type']>

/**
 * Founds the tenant's groups over its people: the named ones, then teams from the seed, among them
 * nested ones, a second cycle, and groups that hold a device, a contact or an application.
 *
 * @param count how many in all; never fewer than the named ones
 */
export function generateGroups(tenant: Tenant, options: { seed: string; count: number }): void {
  const random = new SeededRandom(`groups ${options.seed}`)
  const people = tenant.all('user')
  const named = foundNamedGroups(tenant, random)
  const strangers = STRANGERS.map(({ kind, name }) =>
    tenant.create(kind, { displayName: name }, { id: random.uuid() }),
  )
  addTo(named.get('IT Admins'), strangers.slice(0, 1))
  addTo(named.get('VPN Users'), strangers.slice(1, 2))
  addTo(named.get('Press'), strangers.slice(2))
  const teams: DirectoryRecord[] = []
  for (let index = 0; index < options.count - NAMED_GROUPS.length; index++) {
    // Now and then two groups have one name: Entra does not mind.
    const namesake = index % 60 === 30 ? teams.at(-1) : undefined
    const team = foundTeam(tenant, random, { index, namesake })
    fillTeam(team, { people, random, index })
    if (index % 6 === 5) addTo(team, teams.slice(-1 - random.below(3)))
    if (index % 40 === 7) addTo(team, [random.pick(strangers)])
    teams.push(team)
  }
  const [first] = teams
  const last = teams.at(-1)
  if (first !== undefined && last !== undefined && first !== last) {
    addTo(first, [last])
    addTo(last, [first])
  }
}

/** Membership as it was founded, before there was a history. */
function addTo(group: DirectoryRecord | undefined, members: readonly DirectoryRecord[]): void {
  for (const member of members) if (member !== group) group?.members?.add(member.id)
}

function foundNamedGroups(tenant: Tenant, random: SeededRandom): Map<string, DirectoryRecord> {
  const byName = new Map<string, DirectoryRecord>()
  for (const group of NAMED_GROUPS) {
    const type = group.type ?? 'security'
    const properties = groupProperties({ ...group, type })
    byName.set(group.name, tenant.create('group', properties, { id: random.uuid() }))
  }
  for (const group of NAMED_GROUPS) {
    const record = byName.get(group.name)
    addTo(
      record,
      tenant.all('user').filter((user) => belongs(current(user).properties, group)),
    )
    const inner = (group.groups ?? []).map((name) => byName.get(name))
    addTo(
      record,
      inner.filter((each) => each !== undefined),
    )
  }
  return byName
}

function belongs(person: Properties, group: NamedGroup): boolean {
  const isGuest = person['userType'] === 'Guest'
  if (group.everyone !== undefined && isGuest === (group.everyone === 'guests')) return true
  if (group.department !== undefined && person['department'] === group.department) return true
  const [local = ''] = String(person['userPrincipalName']).split('@')
  return group.people?.includes(local) ?? false
}

function foundTeam(
  tenant: Tenant,
  random: SeededRandom,
  place: { index: number; namesake: DirectoryRecord | undefined },
): DirectoryRecord {
  const { index, namesake } = place
  const types: readonly GroupType[] = [
    'security',
    'security',
    'unified',
    'security',
    'distribution',
  ]
  const type = types[index % types.length] ?? 'security'
  const office = random.pick(OFFICES)
  const department = random.pick(DEPARTMENTS)
  const word = TEAM_WORDS[index % TEAM_WORDS.length] ?? ''
  const kind = TEAM_KINDS[index % TEAM_KINDS.length] ?? ''
  const own = `${department.name} ${kind} ${word} ${Math.floor(index / TEAM_WORDS.length) + 1}`
  const name = namesake ? String(current(namesake).properties['displayName']) : own
  const properties = groupProperties({
    name,
    type,
    description: `${own}, ${office.city}`,
    isSynced: index % 4 === 3,
    isHidden: index % 97 === 96,
  })
  return tenant.create('group', properties, { id: random.uuid() })
}

/** Team sizes follow a long tail: most have a dozen people, a few have hundreds. */
function fillTeam(
  team: DirectoryRecord,
  parts: { people: readonly DirectoryRecord[]; random: SeededRandom; index: number },
): void {
  const { people, random } = parts
  if (people.length === 0) return
  const size = Math.min(people.length, Math.floor(3 + 12 / (0.03 + random.fraction())))
  for (let count = 0; count < size; count++) team.members?.add(random.pick(people).id)
}

function groupProperties(group: {
  name: string
  description: string
  type: GroupType
  isHidden?: boolean
  isSynced?: boolean
}): Properties {
  const isMailEnabled = group.type === 'unified' || group.type === 'distribution'
  const nickname = group.name
    .toLowerCase()
    .normalize('NFD')
    .replace(/[^a-z0-9]+/g, '')
  const properties: Record<string, unknown> = {
    createdDateTime: FOUNDED,
    description: group.description,
    displayName: group.name,
    groupTypes: groupTypes(group.type),
    mailEnabled: isMailEnabled,
    mailNickname: nickname,
    proxyAddresses: isMailEnabled ? [`SMTP:${nickname}@${DEFAULT_DOMAIN}`] : [],
    securityEnabled: group.type !== 'distribution',
  }
  if (isMailEnabled) properties['mail'] = `${nickname}@${DEFAULT_DOMAIN}`
  if (group.isHidden) properties['visibility'] = 'HiddenMembership'
  else if (group.type === 'unified') properties['visibility'] = 'Private'
  if (group.type === 'dynamic') {
    properties['membershipRule'] = '(user.userType -eq "Member")'
    properties['membershipRuleProcessingState'] = 'On'
  }
  if (group.isSynced) {
    properties['onPremisesSyncEnabled'] = true
    properties['onPremisesSamAccountName'] = nickname.slice(0, 20)
  }
  return properties
}

function groupTypes(type: GroupType): readonly string[] {
  if (type === 'unified') return ['Unified']
  return type === 'dynamic' ? ['DynamicMembership'] : []
}
