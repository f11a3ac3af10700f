import { findInteger, makeInteger } from './attributes.ts'
import type { ClientRequest } from './client/request.ts'
import { PacketCode } from './code.ts'
import { AttributeType } from './dictionary.ts'
import type { Attribute, Packet } from './packet.ts'

/** What a NAS is asked to do with a session (RFC 5176 §2.1, §2.2). */
export interface DynamicRequest {
  readonly code: typeof PacketCode.disconnectRequest | typeof PacketCode.coaRequest
  /** Of a Disconnect-Request, those alone that say which NAS and which session (RFC 5176 §3). */
  readonly attributes: readonly Attribute[]
  /** Seconds since 1970; a NAS drops what is older than its window (RFC 5176 §6.3). */
  readonly timestampSeconds: number
}

/** With Message-Authenticator and Event-Timestamp, without which a careful NAS does nothing. */
export function makeDynamicRequest({
  code,
  attributes,
  timestampSeconds,
}: DynamicRequest): ClientRequest {
  return {
    code,
    attributes: [...attributes, makeInteger(AttributeType.eventTimestamp, timestampSeconds)],
    isSigned: true,
  }
}

export interface DynamicAnswer {
  readonly isAck: boolean
  /** Null where the NAS gives none. */
  readonly errorCause: number | null
}

/** @param answer to a Disconnect-Request or CoA-Request, verified */
export function readDynamicAnswer({ code, attributes }: Packet): DynamicAnswer {
  return {
    isAck: code === PacketCode.disconnectAck || code === PacketCode.coaAck,
    errorCause: findInteger(attributes, AttributeType.errorCause),
  }
}

/** Error-Cause (RFC 5176 §3.5). */
export const ErrorCause = {
  residualContextRemoved: 201,
  invalidEapPacket: 202,
  unsupportedAttribute: 401,
  missingAttribute: 402,
  nasMismatch: 403,
  invalidRequest: 404,
  unsupportedService: 405,
  unsupportedExtension: 406,
  invalidAttributeValue: 407,
  prohibited: 501,
  notRoutable: 502,
  contextNotFound: 503,
  contextNotRemovable: 504,
  otherProxyError: 505,
  resourcesUnavailable: 506,
  requestInitiated: 507,
  multipleSelection: 508,
} as const

const words: ReadonlyMap<number, string> = new Map<number, string>([
  [ErrorCause.residualContextRemoved, 'the session was over, what was left of it is removed'],
  [ErrorCause.invalidEapPacket, 'an invalid EAP packet was ignored'],
  [ErrorCause.unsupportedAttribute, 'an attribute of the request is not supported'],
  [ErrorCause.missingAttribute, 'an attribute it needs to find the session is missing'],
  [ErrorCause.nasMismatch, 'the request names another NAS'],
  [ErrorCause.invalidRequest, 'the request is invalid'],
  [ErrorCause.unsupportedService, 'the Service-Type is not supported'],
  [ErrorCause.unsupportedExtension, 'the NAS does not support this kind of request'],
  [ErrorCause.invalidAttributeValue, 'an attribute has a value it does not support'],
  [ErrorCause.prohibited, 'the NAS is set to refuse such requests'],
  [ErrorCause.notRoutable, 'a proxy does not know the way to the NAS'],
  [ErrorCause.contextNotFound, 'the NAS knows no such session'],
  [ErrorCause.contextNotRemovable, 'the session cannot be removed from outside'],
  [ErrorCause.otherProxyError, 'a proxy failed'],
  [ErrorCause.resourcesUnavailable, 'the NAS has no resources left for it'],
  [ErrorCause.requestInitiated, 'the NAS asks for authorization itself'],
  [ErrorCause.multipleSelection, 'the NAS found several sessions and does not end them together'],
])

/** An Error-Cause in words for whoever runs the network. */
export function describeErrorCause(cause: number): string {
  return words.get(cause) ?? `Error-Cause ${cause}`
}
