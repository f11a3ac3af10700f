import { makeVendor, type VendorValue } from '../attributes.ts'
import { AttributeType, Vendor } from '../dictionary.ts'
import { hideKey, type KeyWrap, revealKey } from '../mppe.ts'
import type { Attribute, Packet } from '../packet.ts'
import { takeRandom } from '../random.ts'
import type { Reply } from '../reply.ts'
import { makeTunnelPassword, readTunnelPassword } from '../tunnel-password.ts'

const VENDOR_SPECIFIC = AttributeType.vendorSpecific.type
const TUNNEL_PASSWORD = AttributeType.tunnelPassword.type
const SALT_BYTES = 2
const VENDOR_HEADER = 4

/** RFC 2548: keys and the answers of MS-CHAP, which belong to the log-in itself. */
const microsoft = { error: 2, mppeSend: 16, mppeRecv: 17, success: 26 } as const
const microsoftKept: ReadonlySet<number> = new Set(Object.values(microsoft))
const microsoftKeys: ReadonlySet<number> = new Set([microsoft.mppeSend, microsoft.mppeRecv])

/** What belongs to the log-in or the accounting of it, and says nothing about our network. */
const kept: ReadonlySet<number> = new Set(
  [
    AttributeType.userName,
    AttributeType.replyMessage,
    AttributeType.state,
    AttributeType.class,
    AttributeType.sessionTimeout,
    AttributeType.idleTimeout,
    AttributeType.terminationAction,
    AttributeType.eapMessage,
    AttributeType.acctInterimInterval,
    AttributeType.chargeableUserIdentity,
    AttributeType.errorCause,
    AttributeType.eapKeyName,
  ].map(({ type }) => type),
)

/** Made again, or no part of the next hop. */
const hopByHop: ReadonlySet<number> = new Set([
  AttributeType.messageAuthenticator.type,
  AttributeType.proxyState.type,
])

export interface ReplyRules {
  /** With what the server hid keys: our secret with it and the authenticator of what it answered. */
  readonly from: KeyWrap
  /** With what the client reveals them. */
  readonly to: KeyWrap
  /** Attribute types passed on beside those of the log-in itself, such as a VLAN's. */
  readonly allow: ReadonlySet<number>
}

/**
 * A foreign server's reply as our client gets it. What would steer our network (VLANs, filters,
 * routes, vendor attributes) is left out unless allowed; keys and tunnel passwords are hidden anew.
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` for a key that can't be one
 */
export function forwardReply(packet: Packet, rules: ReplyRules): Reply {
  const attributes: Attribute[] = []
  for (const attribute of packet.attributes) {
    const { type } = attribute
    if (hopByHop.has(type)) continue
    if (type === VENDOR_SPECIFIC) attributes.push(...forwardVendor(attribute, rules))
    else if (type === TUNNEL_PASSWORD) {
      if (rules.allow.has(type)) attributes.push(hidePasswordAnew(attribute, rules))
    } else if (kept.has(type) || rules.allow.has(type)) attributes.push(attribute)
  }
  return { code: packet.code, attributes }
}

function forwardVendor(attribute: Attribute, rules: ReplyRules): Attribute[] {
  const values = readVendor(attribute.value)
  if (values === null) return []
  return values.filter(isKept).map((each) => {
    if (!microsoftKeys.has(each.type)) return makeVendor(each)
    return makeVendor({ ...each, value: hideAnew(each.value, rules) })
  })
}

function isKept({ vendor, type }: VendorValue): boolean {
  return vendor === Vendor.microsoft && microsoftKept.has(type)
}

/** Null for what does not read as one vendor's types, lengths and values. */
function readVendor(value: Buffer): VendorValue[] | null {
  if (value.length < VENDOR_HEADER) return null
  const vendor = value.readUInt32BE(0)
  const found: VendorValue[] = []
  let at = VENDOR_HEADER
  while (at < value.length) {
    const length = at + 1 < value.length ? value.readUInt8(at + 1) : 0
    if (length < 2 || at + length > value.length) return null
    found.push({
      vendor,
      type: value.readUInt8(at),
      value: value.subarray(at + 2, at + length),
    })
    at += length
  }
  return found
}

function hidePasswordAnew({ value }: Attribute, { from, to }: ReplyRules): Attribute {
  const tunnel = readTunnelPassword(value, from)
  const anew = makeTunnelPassword(tunnel, to)
  tunnel.password.fill(0)
  return anew
}

function hideAnew(hidden: Buffer, { from, to }: ReplyRules): Buffer {
  const key = revealKey(hidden, from)
  // The salt's highest bit is set; the rest is new, and by chance of its own in this packet.
  const salt = takeRandom(SALT_BYTES).readUInt16BE(0) | 0x8000
  const anew = hideKey(key, salt, to)
  key.fill(0)
  return anew
}
