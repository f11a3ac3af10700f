/** EAP (RFC 3748) as a function of bytes, and the methods it can run. */
export { type Avp, AvpCode, decodeAvps, encodeAvps } from './avp.ts'
export type { Opening } from './conversation.ts'
export type { Holder, StoreLimits } from './conversation-store.ts'
export { EapGtc } from './gtc.ts'
export type {
  Authenticate,
  EapAttempt,
  EapMethod,
  MethodFailure,
  Proof,
  TlsVersion,
  Verdict,
} from './method.ts'
export { EapMsChapV2 } from './ms-chap-v2.ts'
export {
  decodeEap,
  EapCode,
  type EapPacket,
  EapType,
  encodeEap,
  encodeEapResult,
} from './packet.ts'
export { EapPeap } from './peap.ts'
export type { TlsMethodOptions } from './resumption.ts'
export { type EapAnswer, type EapInput, EapServer, type PeerFacts } from './server.ts'
export { EapTls } from './tls.ts'
export {
  makeTlsContext,
  type TlsCertificate,
  type TlsContext,
  type TlsSettings,
} from './tls-context.ts'
export { decodeTlsFrame, encodeTlsFrame, type TlsFrame } from './tls-frame.ts'
export { EapTtls, type TtlsMethods } from './ttls.ts'
export { readMsChap2Response } from './ttls-inner.ts'
