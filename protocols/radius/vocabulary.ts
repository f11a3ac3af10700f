import { type AttributeDefinition, AttributeType, type ValueType } from './dictionary.ts'
import { vendorTables } from './vendors.ts'

/** An attribute as it can be written down, of an RFC or of a vendor. */
export interface NamedAttribute extends AttributeDefinition {
  /** Private Enterprise Number; null for the RFCs' own. */
  readonly vendor: number | null
  readonly vendorName: string | null
  /** Names of its values; null when it has none. */
  readonly names: Readonly<Record<string, number>> | null
  /** Makes sense in an Access-Accept, and is not the server's own to set. */
  readonly isForReplies: boolean
}

const valueNames: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'Service-Type': {
    'Login-User': 1,
    'Framed-User': 2,
    'Callback-Login-User': 3,
    'Callback-Framed-User': 4,
    'Outbound-User': 5,
    'Administrative-User': 6,
    'NAS-Prompt-User': 7,
    'Authenticate-Only': 8,
    'Callback-NAS-Prompt': 9,
    'Call-Check': 10,
    'Callback-Administrative': 11,
  },
  'Framed-Protocol': { PPP: 1, SLIP: 2, ARAP: 3 },
  'Framed-Routing': { None: 0, Broadcast: 1, Listen: 2, 'Broadcast-Listen': 3 },
  'Framed-Compression': {
    None: 0,
    'Van-Jacobson-TCP-IP': 1,
    'IPX-Header-Compression': 2,
    'Stac-LZS': 3,
  },
  'Login-Service': { Telnet: 0, Rlogin: 1, 'TCP-Clear': 2, PortMaster: 3, LAT: 4 },
  'Termination-Action': { Default: 0, 'RADIUS-Request': 1 },
  'NAS-Port-Type': {
    Async: 0,
    Sync: 1,
    ISDN: 2,
    Virtual: 5,
    Ethernet: 15,
    'Wireless-Other': 18,
    'Wireless-802.11': 19,
  },
  Prompt: { 'No-Echo': 0, Echo: 1 },
  'Ingress-Filters': { Enabled: 1, Disabled: 2 },
  'Tunnel-Type': { PPTP: 1, L2F: 2, L2TP: 3, ESP: 9, GRE: 10, VLAN: 13 },
  'Tunnel-Medium-Type': { IPv4: 1, IPv6: 2, 'IEEE-802': 6 },
}

/** What only replies carry; Gatehouse itself neither reads nor sets it. */
const replyOnly: Readonly<Record<string, readonly [type: number, value: ValueType]>> = {
  // RFC 2865 §5, RFC 2869 §5
  'Framed-Routing': [10, 'integer'],
  'Framed-Compression': [13, 'integer'],
  'Login-IP-Host': [14, 'ipv4'],
  'Login-Service': [15, 'integer'],
  'Login-TCP-Port': [16, 'integer'],
  'Callback-Number': [19, 'text'],
  'Callback-Id': [20, 'text'],
  'Framed-Route': [22, 'text'],
  'Port-Limit': [62, 'integer'],
  Prompt: [76, 'integer'],
  'Configuration-Token': [78, 'text'],
  // RFC 2868 §3
  'Tunnel-Client-Endpoint': [66, 'tagged-text'],
  'Tunnel-Server-Endpoint': [67, 'tagged-text'],
  'Tunnel-Assignment-Id': [82, 'tagged-text'],
  'Tunnel-Preference': [83, 'tagged-integer'],
  'Tunnel-Client-Auth-Id': [90, 'tagged-text'],
  'Tunnel-Server-Auth-Id': [91, 'tagged-text'],
  // RFC 3162 §2, RFC 4675 §2, RFC 4818 §3, RFC 4849 §2, RFC 6911 §3
  'Framed-IPv6-Prefix': [97, 'ipv6-prefix'],
  'Login-IPv6-Host': [98, 'ipv6'],
  'Framed-IPv6-Route': [99, 'text'],
  'Framed-IPv6-Pool': [100, 'text'],
  'Egress-VLANID': [56, 'integer'],
  'Ingress-Filters': [57, 'integer'],
  'User-Priority-Table': [59, 'octets'],
  'NAS-Filter-Rule': [92, 'text'],
  'Delegated-IPv6-Prefix': [123, 'ipv6-prefix'],
  'Framed-IPv6-Address': [168, 'ipv6'],
  'DNS-Server-IPv6-Address': [169, 'ipv6'],
  'Delegated-IPv6-Prefix-Pool': [171, 'text'],
  'Stateful-IPv6-Address-Pool': [172, 'text'],
}

const alsoInReplies: ReadonlySet<AttributeDefinition> = new Set([
  AttributeType.serviceType,
  AttributeType.framedProtocol,
  AttributeType.framedIpAddress,
  AttributeType.framedIpNetmask,
  AttributeType.filterId,
  AttributeType.framedMtu,
  AttributeType.replyMessage,
  AttributeType.class,
  AttributeType.sessionTimeout,
  AttributeType.idleTimeout,
  AttributeType.terminationAction,
  AttributeType.acctInterimInterval,
  AttributeType.framedPool,
  AttributeType.tunnelType,
  AttributeType.tunnelMediumType,
  AttributeType.tunnelPrivateGroupId,
  AttributeType.chargeableUserIdentity,
  AttributeType.egressVlanName,
])

const standard: readonly NamedAttribute[] = [
  ...Object.values(AttributeType).map((definition) =>
    ofRfc(definition, alsoInReplies.has(definition)),
  ),
  ...Object.entries(replyOnly).map(([name, [type, value]]) => ofRfc({ name, type, value }, true)),
]

const ofVendors: readonly NamedAttribute[] = Object.entries(vendorTables).flatMap(
  ([vendorName, { id, attributes }]) =>
    Object.entries(attributes).map(([name, [type, value, names = null]]) => ({
      name,
      type,
      value,
      vendor: id,
      vendorName,
      names,
      isForReplies: true,
    })),
)

const byName = new Map([...standard, ...ofVendors].map((one) => [one.name.toLowerCase(), one]))

const vendorIds = new Map(
  Object.entries(vendorTables).map(([name, { id }]) => [name.toLowerCase(), id]),
)

/** Looks up an attribute by its name in any case; null when it is not known. */
export function findNamedAttribute(name: string): NamedAttribute | null {
  return byName.get(name.toLowerCase()) ?? null
}

/** `Vendor:Type` of what has no name here, the vendor by name or number; null for anything else. */
export function findNumberedAttribute(
  text: string,
): { readonly vendor: number; readonly type: number } | null {
  const match = /^([\w-]+):(\d{1,3})$/.exec(text)
  if (match === null) return null
  const [, vendorText = '', typeText] = match
  const vendor = vendorIds.get(vendorText.toLowerCase()) ?? numberIn(vendorText, 1, 0xff_ffff)
  const type = numberIn(typeText ?? '', 1, 255)
  return vendor === null || type === null ? null : { vendor, type }
}

/** What can stand in an Access-Accept, the RFCs' own first, then by vendor. */
export function replyAttributes(): readonly NamedAttribute[] {
  return [...standard, ...ofVendors].filter(({ isForReplies }) => isForReplies)
}

function ofRfc(definition: AttributeDefinition, isForReplies: boolean): NamedAttribute {
  const { name } = definition
  return {
    ...definition,
    vendor: null,
    vendorName: null,
    names: valueNames[name] ?? null,
    isForReplies,
  }
}

function numberIn(text: string, least: number, most: number): number | null {
  const value = /^\d+$/.test(text) ? Number(text) : 0
  return value >= least && value <= most ? value : null
}
