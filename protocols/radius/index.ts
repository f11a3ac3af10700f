/**
 * RADIUS (RFC 2865, 2866, 2869, 3579, 5080, 5176, 5997): packets, shared secrets, a server over UDP, and
 * EAP with its methods. It knows neither a directory nor a database.
 */
export { formatAddress, normalizeAddress, parseAddress, parseCidr } from './address.ts'
export {
  findAddress,
  findInteger,
  findText,
  findValue,
  findVendorValues,
  makeInteger,
  makeOctets,
  makeText,
  makeVendor,
  splitTag,
} from './attributes.ts'
export { type ChapResponse, checkChap, readChapPassword } from './chap.ts'
export { HomeServer, type HomeServerOptions } from './client/home-server.ts'
export type { BadReply } from './client/reply-check.ts'
export type { ClientRequest } from './client/request.ts'
export { type Retransmission, usualRetransmission } from './client/retransmission.ts'
export { TlsClient, type TlsClientOptions } from './client/tls-client.ts'
export { type RadiusPeer, UdpClient, type UdpClientOptions } from './client/udp-client.ts'
export { ClientTable, type RadiusClient } from './client-table.ts'
export { PacketCode } from './code.ts'
export {
  AcctStatusType,
  type AttributeDefinition,
  AttributeType,
  MicrosoftType,
  NasPortType,
  Vendor,
} from './dictionary.ts'
export {
  type DynamicAnswer,
  describeErrorCause,
  ErrorCause,
  makeDynamicRequest,
  readDynamicAnswer,
} from './dynamic-authorization.ts'
export * from './eap/index.ts'
export { joinEapMessage, splitEapMessage } from './eap-message.ts'
export { RadiusError, type RadiusErrorCode } from './errors.ts'
export type { Answered, Drop, DropReason, RadiusObserver, SocketKind } from './events.ts'
export {
  type ClientWitness,
  Exchange,
  type Origin,
  type RadiusHandler,
  type RadiusRequest,
} from './exchange.ts'
export type { ListenAddress } from './local-addresses.ts'
export { makeMppeKeyPair, makeMppeKeys, revealKey } from './mppe.ts'
export {
  checkMsChap2,
  type MsChap2Response,
  type MsChapResult,
  makeChapError,
  makeNtResponse,
  withoutDomain,
} from './ms-chap.ts'
export { type Attribute, decodePacket, encodePacket, type Packet } from './packet.ts'
export { parseAttribute } from './parse-attribute.ts'
export { forwardRequest, type Hop } from './proxy/forward.ts'
export { forwardReply, type ReplyRules } from './proxy/reply.ts'
export type { Reply } from './reply.ts'
export { RadiusServer, type RadiusServerOptions } from './server.ts'
export { SharedSecret } from './shared-secret.ts'
export { isPeer, type PeerIdentity, type ShownCertificate } from './tls/peer-certificate.ts'
export {
  type RadsecCertificate,
  type RadsecPeer,
  RadsecServer,
  type RadsecServerOptions,
} from './tls/server.ts'
export { makeVlanAttributes } from './tunnel.ts'
export { makeTunnelPassword, readTunnelPassword, type TunnelPassword } from './tunnel-password.ts'
export { hideUserPassword, revealUserPassword } from './user-password.ts'
export {
  findNamedAttribute,
  findNumberedAttribute,
  type NamedAttribute,
  replyAttributes,
} from './vocabulary.ts'
