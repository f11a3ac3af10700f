import { equalConstantTime } from '../../wire/index.ts'
import { PacketCode } from '../code.ts'
import { RadiusError } from '../errors.ts'
import { DIGEST_BYTES } from '../md5.ts'
import { decodePacket, HEADER_BYTES, type Packet, packetLength } from '../packet.ts'
import type { SharedSecret } from '../shared-secret.ts'

/** Why a reply was passed over. The request goes on waiting for a better one. */
export type BadReply =
  | 'malformed'
  | 'unexpected-code'
  | 'bad-authenticator'
  | 'bad-message-authenticator'
  | 'missing-message-authenticator'

export type CheckedReply =
  | { readonly ok: true; readonly packet: Packet }
  | { readonly ok: false; readonly reason: BadReply }

const answers: ReadonlyMap<number, ReadonlySet<number>> = new Map<number, ReadonlySet<number>>([
  [
    PacketCode.accessRequest,
    new Set<number>([PacketCode.accessAccept, PacketCode.accessReject, PacketCode.accessChallenge]),
  ],
  [PacketCode.accountingRequest, new Set<number>([PacketCode.accountingResponse])],
  [
    PacketCode.statusServer,
    new Set<number>([PacketCode.accessAccept, PacketCode.accountingResponse]),
  ],
  [
    PacketCode.disconnectRequest,
    new Set<number>([PacketCode.disconnectAck, PacketCode.disconnectNak]),
  ],
  [PacketCode.coaRequest, new Set<number>([PacketCode.coaAck, PacketCode.coaNak])],
])

/**
 * Whether a datagram answers `request`, from somebody who knows the secret.
 *
 * Message-Authenticator is demanded where RADIUS is open to forged replies without one
 * (CVE-2024-3596): in answers to an Access-Request. Elsewhere it must be right if it is there:
 * FreeRADIUS up to 3.2.2 answers a Status-Server without, and all it says is that it lives.
 *
 * @param request bytes as they were sent
 */
export function checkReply(
  datagram: Buffer,
  request: Buffer,
  secret: SharedSecret,
  isAuthenticatorRequired = true,
): CheckedReply {
  let packet: Packet
  try {
    packet = decodePacket(datagram)
  } catch (error) {
    if (error instanceof RadiusError) return refuse('malformed')
    throw error
  }
  const requestCode = request.readUInt8(0)
  if (answers.get(requestCode)?.has(packet.code) !== true) return refuse('unexpected-code')
  const requestAuthenticator = request.subarray(4, HEADER_BYTES)
  if (!isAuthentic(datagram, requestAuthenticator, secret)) return refuse('bad-authenticator')
  switch (secret.verifyMessageAuthenticator(datagram, packet, requestAuthenticator)) {
    case 'valid':
      return { ok: true, packet }
    case 'invalid':
      return refuse('bad-message-authenticator')
    default:
      return isAuthenticatorRequired && requestCode === PacketCode.accessRequest
        ? refuse('missing-message-authenticator')
        : { ok: true, packet }
  }
}

/** The Response Authenticator (RFC 2865 §3). */
function isAuthentic(datagram: Buffer, authenticator: Buffer, secret: SharedSecret): boolean {
  const signed = Buffer.from(datagram.subarray(0, packetLength(datagram)))
  signed.set(authenticator, 4)
  const expected = secret.responseAuthenticator(signed)
  return equalConstantTime(datagram.subarray(4, 4 + DIGEST_BYTES), expected)
}

function refuse(reason: BadReply): CheckedReply {
  return { ok: false, reason }
}
