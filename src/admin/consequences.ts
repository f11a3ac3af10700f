import { setImmediate as yieldToLoop } from 'node:timers/promises'
import { type Act, consequencesOf, type Reach } from '../access/consequences.ts'
import type { Person } from '../directory/person.ts'
import type { Account, Ties } from '../directory/ports/people.ts'
import type { Entry } from '../directory/query.ts'
import type { AdminParts } from './parts.ts'
import { stateOf } from './views.ts'

/** What an act does to one person, for somebody who has to decide. */
export interface Consequences {
  readonly username: string
  readonly displayName: string
  readonly state: string
  readonly loses: Reach
  readonly gains: Reach
  readonly leaves: readonly string[]
  readonly stillHeld: readonly string[]
  readonly accounts: readonly { readonly source: string; readonly what: string }[]
  readonly isProtected: boolean
  readonly administrator: string | null
  readonly renames: Renames | null
  /** All of it in a line: `loses network corp, LDAP client jira, Microsoft 365`. */
  readonly summary: string
}

/** What a new username moves, and what it leaves where it is. */
export interface Renames {
  readonly dn: { readonly from: string; readonly to: string } | null
  readonly uid: { readonly from: string; readonly to: string }
  /** Groups that name her by `memberUid` or DN. */
  readonly groups: readonly string[]
  readonly homeDirectory: string
}

const NO_TIES: Ties = { isProtected: false, administrator: null, accounts: [], dates: [] }
/** People looked at before others get their turn: for each, all networks and LDAP clients are asked. */
const AT_ONCE = 20

type Parts = Pick<AdminParts, 'directory' | 'people' | 'status'>

interface What {
  readonly act: Act
  /** The new one, for a renaming. */
  readonly username: string | null
}

/** Of a long list it takes its time, and no log-in waits for it. */
export async function readConsequences(
  parts: Parts,
  people: readonly Entry<Person>[],
  what: What,
): Promise<readonly Consequences[]> {
  const ties = await parts.people.ties(people.map(({ value }) => value.id))
  const found: Consequences[] = []
  for (const person of people) {
    if (found.length > 0 && found.length % AT_ONCE === 0) await yieldToLoop()
    found.push(tell(parts, { person, ties: ties.get(person.value.id) ?? NO_TIES }, what))
  }
  return found
}

function tell(
  parts: Parts,
  { person, ties }: { readonly person: Entry<Person>; readonly ties: Ties },
  what: What,
): Consequences {
  const { username, displayName } = person.value
  const { accounts, ...bound } = ties
  const { loses, gains, leaves, stillHeld } = consequencesOf(parts.directory, person, what.act)
  const told = {
    username,
    displayName,
    state: stateOf(person.value),
    loses,
    gains,
    leaves,
    stillHeld,
    accounts: accounts.map((account) => ({
      source: account.source,
      what: becomesOf(account, what.act, {
        isStaged: person.value.lifecycle === 'staged',
        isStillHeld: stillHeld.length > 0,
      }),
    })),
    isProtected: bound.isProtected,
    administrator: bound.administrator,
    renames: what.act === 'rename' ? renames(parts, person, what.username ?? username) : null,
  }
  return { ...told, summary: summarise(told) }
}

const UNTOUCHED = 'stays as it is'

function becomesOf(
  account: Account,
  act: Act,
  { isStaged, isStillHeld }: { readonly isStaged: boolean; readonly isStillHeld: boolean },
): string {
  if (act === 'activate' || act === 'rename' || isStaged) return UNTOUCHED
  if (account.tier === 'read') return `${UNTOUCHED}: the source is only read`
  if (account.isOnPremises) return `${UNTOUCHED}: it comes from Active Directory on premises`
  if (act === 'resume') {
    return account.isDisabledByUs && !isStillHeld ? 'enabled again' : UNTOUCHED
  }
  const keeps = account.isLicensed ? '; it keeps its licences, which go on counting' : ''
  return account.isEnabled || account.isDisabledByUs
    ? `disabled, and its sessions are ended${keeps}`
    : `${UNTOUCHED}: it is disabled there already`
}

function renames(
  { directory, status }: Pick<AdminParts, 'directory' | 'status'>,
  { no, value }: Entry<Person>,
  to: string,
): Renames {
  const { baseDn } = status()
  const dn = (uid: string) => `uid=${uid},ou=people,${baseDn}`
  const groups = Array.from(directory.allGroups(no)).flatMap((groupNo) => {
    const group = directory.entry(groupNo)?.value
    return group?.kind === 'group' ? [group.name] : []
  })
  return {
    dn: baseDn === null ? null : { from: dn(value.username), to: dn(to) },
    uid: { from: value.username, to },
    groups,
    homeDirectory: value.homeDirectory,
  }
}

function summarise(told: Omit<Consequences, 'summary'>): string {
  const parts = [
    ...listed('loses', namesIn(told.loses)),
    ...listed('gains', namesIn(told.gains)),
    ...listed('leaves', told.leaves),
    ...told.accounts
      .filter(({ what }) => !what.startsWith(UNTOUCHED))
      .map(({ source, what }) => `account at ${source} ${what}`),
    ...listed('still held by', told.stillHeld),
    ...(told.renames === null ? [] : renamed(told.renames)),
    ...(told.administrator === null
      ? []
      : [`administrator ${told.administrator} is an account of its own, and goes on`]),
  ]
  return parts.length === 0 ? 'nothing changes elsewhere' : parts.join('; ')
}

function listed(verb: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${verb} ${names.join(', ')}`]
}

function namesIn({ networks, ldapClients, scimConnections }: Reach): readonly string[] {
  return [
    ...networks.map((name) => `network ${name}`),
    ...ldapClients.map((name) => `LDAP client ${name}`),
    ...scimConnections.map((name) => `SCIM ${name}`),
  ]
}

function renamed({ dn, uid, groups, homeDirectory }: Renames): string[] {
  const moved = dn === null ? `uid ${uid.from} becomes ${uid.to}` : `${dn.from} becomes ${dn.to}`
  return [
    moved,
    ...(groups.length === 0 ? [] : [`named anew in ${groups.length} groups`]),
    `the home directory stays ${homeDirectory}`,
    `${uid.from} is kept from others for a year`,
  ]
}
