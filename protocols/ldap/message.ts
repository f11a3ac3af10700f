import type { Control } from './control.ts'
import type { Filter } from './filter/filter.ts'

/**
 * LDAP messages (RFC 4511 §4) as values.
 *
 * Names and attribute descriptions are text as it was sent; attribute values, assertion values and
 * passwords are bytes. Decoded bytes are views of the message: keep a copy, not the view.
 */
export interface LdapMessage {
  /** 1 to 2^31 - 1; 0 in an unsolicited notification only. */
  readonly messageId: number
  readonly operation: Operation
  readonly controls: readonly Control[]
}

export type Request =
  | BindRequest
  | UnbindRequest
  | SearchRequest
  | ModifyRequest
  | AddRequest
  | DelRequest
  | ModifyDnRequest
  | CompareRequest
  | AbandonRequest
  | ExtendedRequest

export type Response =
  | BindResponse
  | SearchResultEntry
  | SearchResultReference
  | PlainResponse
  | ExtendedResponse
  | IntermediateResponse

export type Operation = Request | Response

export interface BindRequest {
  readonly kind: 'bindRequest'
  readonly version: number
  readonly name: string
  readonly authentication: SimpleAuthentication | SaslAuthentication
}

export interface SimpleAuthentication {
  readonly kind: 'simple'
  readonly password: Buffer
}

export interface SaslAuthentication {
  readonly kind: 'sasl'
  readonly mechanism: string
  readonly credentials: Buffer | null
}

export interface UnbindRequest {
  readonly kind: 'unbindRequest'
}

export type SearchScope = 'base' | 'one' | 'sub' | 'children'

export interface SearchRequest {
  readonly kind: 'searchRequest'
  readonly baseObject: string
  readonly scope: SearchScope
  /** 0 to 3: never, in searching, finding the base, always. */
  readonly derefAliases: number
  /** 0 is no limit. */
  readonly sizeLimit: number
  /** Seconds; 0 is no limit. */
  readonly timeLimit: number
  readonly typesOnly: boolean
  readonly filter: Filter
  readonly attributes: readonly string[]
}

export interface PartialAttribute {
  readonly type: string
  readonly values: readonly Buffer[]
}

export type ModifyOperation = 'add' | 'delete' | 'replace' | 'increment'

export interface ModifyRequest {
  readonly kind: 'modifyRequest'
  readonly object: string
  readonly changes: readonly {
    readonly operation: ModifyOperation
    readonly attribute: PartialAttribute
  }[]
}

export interface AddRequest {
  readonly kind: 'addRequest'
  readonly entry: string
  readonly attributes: readonly PartialAttribute[]
}

export interface DelRequest {
  readonly kind: 'delRequest'
  readonly entry: string
}

export interface ModifyDnRequest {
  readonly kind: 'modifyDnRequest'
  readonly entry: string
  readonly newRdn: string
  readonly deleteOldRdn: boolean
  readonly newSuperior: string | null
}

export interface CompareRequest {
  readonly kind: 'compareRequest'
  readonly entry: string
  readonly attribute: string
  readonly value: Buffer
}

export interface AbandonRequest {
  readonly kind: 'abandonRequest'
  readonly messageId: number
}

export interface ExtendedRequest {
  readonly kind: 'extendedRequest'
  readonly name: string
  readonly value: Buffer | null
}

/** The components of every final answer (RFC 4511 §4.1.9). */
export interface LdapResult {
  readonly code: number
  readonly matchedDn: string
  readonly diagnostic: string
  readonly referral: readonly string[]
}

export interface BindResponse extends LdapResult {
  readonly kind: 'bindResponse'
  readonly serverSaslCredentials: Buffer | null
}

export interface SearchResultEntry {
  readonly kind: 'searchResultEntry'
  readonly objectName: string
  readonly attributes: readonly PartialAttribute[]
}

export interface SearchResultReference {
  readonly kind: 'searchResultReference'
  readonly uris: readonly string[]
}

/** The answers that are an LDAPResult and nothing more. */
export interface PlainResponse extends LdapResult {
  readonly kind:
    | 'searchResultDone'
    | 'modifyResponse'
    | 'addResponse'
    | 'delResponse'
    | 'modifyDnResponse'
    | 'compareResponse'
}

export interface ExtendedResponse extends LdapResult {
  readonly kind: 'extendedResponse'
  readonly name: string | null
  readonly value: Buffer | null
}

export interface IntermediateResponse {
  readonly kind: 'intermediateResponse'
  readonly name: string | null
  readonly value: Buffer | null
}

/** Tag bytes of the operations, application class (RFC 4511 appendix B). */
export const OperationTag = {
  bindRequest: 0x60,
  bindResponse: 0x61,
  unbindRequest: 0x42,
  searchRequest: 0x63,
  searchResultEntry: 0x64,
  searchResultDone: 0x65,
  searchResultReference: 0x73,
  modifyRequest: 0x66,
  modifyResponse: 0x67,
  addRequest: 0x68,
  addResponse: 0x69,
  delRequest: 0x4a,
  delResponse: 0x6b,
  modifyDnRequest: 0x6c,
  modifyDnResponse: 0x6d,
  compareRequest: 0x6e,
  compareResponse: 0x6f,
  abandonRequest: 0x50,
  extendedRequest: 0x77,
  extendedResponse: 0x78,
  intermediateResponse: 0x79,
} as const
