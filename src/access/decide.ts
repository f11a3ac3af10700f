import type { Directory } from '../directory/directory.ts'
import { canSignIn } from '../directory/hold.ts'
import type { GroupId } from '../directory/id.ts'
import type { Network, NetworkGroup, ReplyAttribute } from '../directory/network.ts'
import type { Person } from '../directory/person.ts'
import type { Entry } from '../directory/query.ts'
import type { Service } from '../directory/service.ts'
import { secondsLeft } from './hours.ts'
import { sees } from './view.ts'

/** What somebody wants to use. */
export type Resource =
  /** `client` is the LDAP client that holds the connection; null for a connection of her own. */
  | { readonly kind: 'ldap'; readonly client: Service | null }
  /** `atMs` is now unless given. */
  | { readonly kind: 'network'; readonly network: Network; readonly atMs?: number }
  | { readonly kind: 'scim' }
  | { readonly kind: 'admin' }
  /** The pages on which people see to their own account. */
  | { readonly kind: 'account' }

export type ResourceKind = Resource['kind']

/** Why not, in the words of the auth events; never part of an answer to a client. */
export type AccessDenial =
  | 'staged'
  | 'held'
  | 'deleted'
  | 'not-in-view'
  | 'not-in-allowed-group'
  | 'method-not-allowed'
  | 'outside-hours'
  | 'wrong-kind'

export interface Grant {
  /** Which rule let her in: a group's name, or `everyone`. */
  readonly why: string
  /** The group, which keeps its id whatever it is called; absent for everyone. */
  readonly groupId?: GroupId
  readonly vlan: number | string | null
  readonly attributes: readonly ReplyAttribute[]
  /** Of a network only. */
  readonly session?: SessionLimits
}

export interface SessionLimits {
  /** The end of the network's hours at the latest; null for no limit. */
  readonly timeoutSeconds: number | null
  readonly idleTimeoutSeconds: number | null
  readonly interimSeconds: number | null
}

export type Decision =
  | { readonly ok: true; readonly grant: Grant }
  | { readonly ok: false; readonly denial: AccessDenial }

const everyone: Decision = { ok: true, grant: { why: 'everyone', vlan: null, attributes: [] } }

/** May this person or service use this resource, how, and why? Pure: reads memory, changes nothing. */
export function decide(directory: Directory, entry: Entry, resource: Resource): Decision {
  const { value } = entry
  if (value.kind === 'group') return deny('wrong-kind')
  if (value.lifecycle !== 'active') return deny(value.lifecycle)
  if (!canSignIn(value)) return deny('held')
  if (value.kind === 'service') return decideForService(value, resource)
  switch (resource.kind) {
    case 'ldap':
      return decideForLdap(directory, entry, resource.client)
    case 'network':
      return decideForNetwork(directory, entry as Entry<Person>, resource)
    case 'account':
      return everyone
    default:
      return deny('wrong-kind')
  }
}

const purposeOf: Record<ResourceKind, Service['purpose'] | null> = {
  ldap: 'ldap-client',
  scim: 'scim-connection',
  admin: 'api',
  network: null,
  account: null,
}

function decideForService(service: Service, resource: Resource): Decision {
  return service.purpose === purposeOf[resource.kind] ? everyone : deny('wrong-kind')
}

function decideForLdap(directory: Directory, entry: Entry, client: Service | null): Decision {
  if (client === null) return everyone
  if (!sees(directory, client.view, entry)) return deny('not-in-view')
  if (client.allowedGroupIds === null) return everyone
  for (const id of client.allowedGroupIds) {
    const group = directory.entryById(id)
    if (group?.value.kind === 'group' && directory.isMember(group.no, entry.no)) {
      return { ok: true, grant: { why: group.value.name, vlan: null, attributes: [] } }
    }
  }
  return deny('not-in-allowed-group')
}

function decideForNetwork(
  directory: Directory,
  entry: Entry<Person>,
  { network, atMs = Date.now() }: Resource & { readonly kind: 'network' },
): Decision {
  for (const rule of network.groups) {
    const group = directory.entryById(rule.groupId)
    if (group?.value.kind !== 'group' || !directory.isMember(group.no, entry.no)) continue
    return admit(network, { why: group.value.name, rule, atMs })
  }
  if (!network.everyone) return deny('not-in-allowed-group')
  return admit(network, { why: 'everyone', rule: null, atMs })
}

interface Admitted {
  readonly why: string
  /** Null for who is admitted without belonging to a listed group. */
  readonly rule: NetworkGroup | null
  readonly atMs: number
}

/** Last of all, so that nobody learns the hours who would not get in anyway. */
export function admit(network: Network, { why, rule, atMs }: Admitted): Decision {
  const left = network.hours === null ? Number.POSITIVE_INFINITY : secondsLeft(network.hours, atMs)
  if (left === null) return deny('outside-hours')
  const timeout = rule?.sessionTimeoutSeconds ?? network.sessionTimeoutSeconds
  const seconds = Math.min(timeout ?? Number.POSITIVE_INFINITY, left)
  return {
    ok: true,
    grant: {
      why,
      ...(rule === null ? {} : { groupId: rule.groupId }),
      vlan: rule?.vlan ?? network.vlan,
      attributes: rule === null ? network.attributes : attributesFor(network, rule),
      session: {
        timeoutSeconds: Number.isFinite(seconds) ? seconds : null,
        idleTimeoutSeconds: network.idleTimeoutSeconds,
        interimSeconds: network.interimSeconds,
      },
    },
  }
}

/** The same lists again for each log-in, so that what was made of them is found again. */
const merged = new WeakMap<
  NetworkGroup,
  { network: Network; attributes: readonly ReplyAttribute[] }
>()

function attributesFor(network: Network, rule: NetworkGroup): readonly ReplyAttribute[] {
  const known = merged.get(rule)
  if (known?.network === network) return known.attributes
  const replaced = new Set(rule.attributes.map(({ name }) => name.toLowerCase()))
  const kept = network.attributes.filter(({ name }) => !replaced.has(name.toLowerCase()))
  const attributes = [...kept, ...rule.attributes]
  merged.set(rule, { network, attributes })
  return attributes
}

function deny(denial: AccessDenial): Decision {
  return { ok: false, denial }
}

/** A session ends with what was let in for a time, also where the NAS takes no requests. */
export function untilExpiry(grant: Grant, expiresAtMs: number | null, atMs: number): Grant {
  const { session } = grant
  if (expiresAtMs === null || session === undefined) return grant
  const left = Math.ceil((expiresAtMs - atMs) / 1_000)
  const timeoutSeconds = Math.min(session.timeoutSeconds ?? Number.POSITIVE_INFINITY, left)
  return { ...grant, session: { ...session, timeoutSeconds } }
}
