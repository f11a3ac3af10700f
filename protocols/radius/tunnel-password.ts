import { splitTag } from './attributes.ts'
import { AttributeType } from './dictionary.ts'
import { RadiusError } from './errors.ts'
import { hideKey, type KeyWrap, revealKey } from './mppe.ts'
import { type Attribute, MAX_VALUE_BYTES } from './packet.ts'
import { takeRandom } from './random.ts'

const { name: NAME, type: TYPE } = AttributeType.tunnelPassword
const SALT_BYTES = 2
/** Tag, salt, fifteen blocks of which one octet is the length. */
const MAX_PASSWORD_BYTES = 239

export interface TunnelPassword {
  /** 1 to 31 for the tunnel that attributes with the same tag describe; 0 for the only one. */
  readonly tag: number
  readonly password: Buffer
}

/**
 * Tunnel-Password for an Access-Accept: a tag, then salt and octets as MPPE keys are hidden. Unlike
 * those of text, its tag is always there.
 *
 * @param salt unique in its packet, the highest bit set; made here if left out
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` above 239 bytes
 * @see RFC 2868 §3.5
 */
export function makeTunnelPassword(
  { tag, password }: TunnelPassword,
  wrap: KeyWrap,
  salt: number = takeRandom(SALT_BYTES).readUInt16BE(0) | 0x8000,
): Attribute {
  if (password.length > MAX_PASSWORD_BYTES) throw badValue(`${password.length} bytes`)
  return { type: TYPE, value: Buffer.concat([Buffer.from([tag]), hideKey(password, salt, wrap)]) }
}

/**
 * What {@link makeTunnelPassword} hid, as the client of a server reveals it. A tag out of range is
 * none, and a salt is taken as it is.
 *
 * @throws {RadiusError} `RADIUS_BAD_ATTRIBUTE` when the value can't hold a password
 */
export function readTunnelPassword(value: Buffer, wrap: KeyWrap): TunnelPassword {
  if (value.length === 0 || value.length > MAX_VALUE_BYTES) throw badValue(`${value.length} bytes`)
  return { tag: splitTag(value).tag, password: revealKey(value.subarray(1), wrap) }
}

function badValue(why: string): RadiusError {
  return new RadiusError('RADIUS_BAD_ATTRIBUTE', `${NAME}: ${why}`)
}
