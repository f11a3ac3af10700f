import { MicrosoftType, Vendor } from '../dictionary.ts'
import { RadiusError } from '../errors.ts'
import { withoutPadding } from '../user-password.ts'
import { type Avp, AvpCode } from './avp.ts'

/** RFC 2865 §5.1: the longest User-Name. */
const MAX_NAME_BYTES = 253
/** AVPs are not bound to 128 bytes as User-Password is; Entra allows 256 characters. */
const MAX_PASSWORD_BYTES = 1024
const CHALLENGE_BYTES = 16
/** Ident, flags, peer challenge, reserved, response (RFC 2548 §2.3.2). */
const RESPONSE_BYTES = 50
/** One EAP packet, inner certificates in fragments. */
const MAX_EAP_BYTES = 4096

/** What a peer put into the tunnel: each kind is another way to show who it is (RFC 5281 §11). */
export type TtlsInner =
  | { readonly kind: 'pap'; readonly name: Buffer; readonly password: Buffer }
  | {
      readonly kind: 'ms-chap-2'
      readonly name: Buffer
      readonly challenge: Buffer
      readonly response: MsChap2Avp
    }
  | { readonly kind: 'eap'; readonly message: Buffer }
  /** One we know of but do not serve, so that the log can say what to change. */
  | { readonly kind: 'other'; readonly name: Buffer | null; readonly method: string }

export interface MsChap2Avp {
  readonly ident: number
  readonly peerChallenge: Buffer
  readonly ntResponse: Buffer
}

/** AVPs that prove who somebody is, as `vendor:code`; vendor 0 is none. */
const proving: ReadonlySet<string> = new Set([
  `0:${AvpCode.userPassword}`,
  `0:${AvpCode.chapPassword}`,
  `0:${AvpCode.eapMessage}`,
  `${Vendor.microsoft}:${MicrosoftType.chapResponse}`,
  `${Vendor.microsoft}:${MicrosoftType.chap2Response}`,
])
const understood: ReadonlySet<string> = new Set([
  ...proving,
  `0:${AvpCode.userName}`,
  `0:${AvpCode.chapChallenge}`,
  `${Vendor.microsoft}:${MicrosoftType.chapChallenge}`,
])

/** @throws {RadiusError} `TTLS_BAD_AVP` for one that is too long, missing, twice or not understood */
export function readTtlsInner(avps: readonly Avp[]): TtlsInner {
  const unknown = avps.find((avp) => avp.isMandatory && !understood.has(keyOf(avp)))
  if (unknown !== undefined) throw badAvp(`mandatory AVP ${keyOf(unknown)}`)
  const proofs = new Set(avps.map(keyOf).filter((key) => proving.has(key)))
  // Two could be taken for one another by whoever looks only at the first.
  if (proofs.size > 1) throw badAvp('more than one proof')
  const message = joinEap(avps)
  if (message !== null) return { kind: 'eap', message }
  const name = findOnly(avps, [0, AvpCode.userName], MAX_NAME_BYTES)
  const inner = readPassword(avps, name) ?? readMsChap2(avps, name)
  return inner ?? { kind: 'other', name, method: nameOther(avps) }
}

function readPassword(avps: readonly Avp[], name: Buffer | null): TtlsInner | null {
  const password = findOnly(avps, [0, AvpCode.userPassword], MAX_PASSWORD_BYTES)
  if (password === null) return null
  return { kind: 'pap', name: requireName(name), password: withoutPadding(password) }
}

function readMsChap2(avps: readonly Avp[], name: Buffer | null): TtlsInner | null {
  const { microsoft } = Vendor
  const bytes = findOnly(avps, [microsoft, MicrosoftType.chap2Response], RESPONSE_BYTES)
  if (bytes === null) return null
  const challenge = findOnly(avps, [microsoft, MicrosoftType.chapChallenge], CHALLENGE_BYTES)
  const response = readMsChap2Response(bytes)
  if (challenge === null || response === null) throw badAvp('MS-CHAP2-Response')
  return { kind: 'ms-chap-2', name: requireName(name), challenge, response }
}

/** MS-CHAP2-Response (RFC 2548 §2.3.2), the same as an attribute and as an AVP; null when it is none. */
export function readMsChap2Response(bytes: Buffer): MsChap2Avp | null {
  if (bytes.length !== RESPONSE_BYTES) return null
  return {
    ident: bytes.readUInt8(0),
    peerChallenge: bytes.subarray(2, 18),
    ntResponse: bytes.subarray(26),
  }
}

function joinEap(avps: readonly Avp[]): Buffer | null {
  const parts = avps.filter((avp) => avp.vendor === null && avp.code === AvpCode.eapMessage)
  if (parts.length === 0) return null
  const message = Buffer.concat(parts.map(({ data }) => data))
  if (message.length > MAX_EAP_BYTES) throw badAvp(`EAP packet of ${message.length} bytes`)
  return message
}

function nameOther(avps: readonly Avp[]): string {
  const has = (vendor: number, code: number) =>
    avps.some((avp) => (avp.vendor ?? 0) === vendor && avp.code === code)
  if (has(0, AvpCode.chapPassword)) return 'chap'
  return has(Vendor.microsoft, MicrosoftType.chapResponse) ? 'mschap' : 'none'
}

/** Null when absent; a second one could be meant to be read by somebody else than the first. */
function findOnly(
  avps: readonly Avp[],
  [vendor, code]: readonly [number, number],
  maxBytes: number,
): Buffer | null {
  const [avp, second] = avps.filter((each) => (each.vendor ?? 0) === vendor && each.code === code)
  if (second !== undefined) throw badAvp(`second AVP ${code}`)
  if (avp === undefined) return null
  if (avp.data.length > maxBytes) throw badAvp(`AVP ${code} of ${avp.data.length} bytes`)
  return avp.data
}

function requireName(name: Buffer | null): Buffer {
  if (name === null || name.length === 0) throw badAvp('no User-Name')
  return name
}

function keyOf({ vendor, code }: Avp): string {
  return `${vendor ?? 0}:${code}`
}

function badAvp(message: string): RadiusError {
  return new RadiusError('TTLS_BAD_AVP', message)
}
