import type { BerReader } from './ber/reader.ts'
import { Tag } from './ber/reader.ts'
import { decodeAttributes } from './decode-request.ts'
import { LdapError } from './errors.ts'
import { MAX_REFERRALS } from './limits.ts'
import {
  type BindResponse,
  type ExtendedResponse,
  type IntermediateResponse,
  type LdapResult,
  OperationTag,
  type PlainResponse,
  type Response,
  type SearchResultEntry,
} from './message.ts'

const REFERRAL = Tag.contextConstructed | 3
const SERVER_SASL_CREDENTIALS = Tag.context | 7
const RESPONSE_NAME = Tag.context | 10
const RESPONSE_VALUE = Tag.context | 11
const INTERMEDIATE_NAME = Tag.context
const INTERMEDIATE_VALUE = Tag.context | 1

const PLAIN = new Map<number, PlainResponse['kind']>([
  [OperationTag.searchResultDone, 'searchResultDone'],
  [OperationTag.modifyResponse, 'modifyResponse'],
  [OperationTag.addResponse, 'addResponse'],
  [OperationTag.delResponse, 'delResponse'],
  [OperationTag.modifyDnResponse, 'modifyDnResponse'],
  [OperationTag.compareResponse, 'compareResponse'],
])

/**
 * Reads the response whose tag comes next; null when the tag is no response's.
 *
 * @throws {LdapError} `LDAP_MALFORMED`, `LDAP_PROTOCOL` or `LDAP_LIMIT`
 */
export function decodeResponse(reader: BerReader, tag: number): Response | null {
  const kind = PLAIN.get(tag)
  if (kind !== undefined) return decodePlain(reader, { tag, kind })
  switch (tag) {
    case OperationTag.bindResponse:
      return decodeBindResponse(reader)
    case OperationTag.searchResultEntry:
      return decodeEntry(reader)
    case OperationTag.searchResultReference: {
      return { kind: 'searchResultReference', uris: decodeUris(reader, tag) }
    }
    case OperationTag.extendedResponse:
      return decodeExtendedResponse(reader)
    case OperationTag.intermediateResponse:
      return decodeIntermediate(reader)
    default:
      return null
  }
}

function decodePlain(
  reader: BerReader,
  choice: { tag: number; kind: PlainResponse['kind'] },
): PlainResponse {
  const outer = reader.enter(choice.tag)
  const result = decodeResult(reader)
  reader.leave(outer)
  return { kind: choice.kind, ...result }
}

function decodeResult(reader: BerReader): LdapResult {
  const code = reader.enumerated()
  const matchedDn = reader.text()
  const diagnostic = reader.text()
  const referral = reader.peekTag() === REFERRAL ? decodeUris(reader, REFERRAL) : []
  return { code, matchedDn, diagnostic, referral }
}

/** RFC 4511 §4.1.10: one URI or more. */
function decodeUris(reader: BerReader, tag: number): string[] {
  const uris: string[] = []
  const outer = reader.enter(tag)
  while (!reader.isAtEnd) {
    if (uris.length === MAX_REFERRALS) throw new LdapError('LDAP_LIMIT', 'too many referrals')
    uris.push(reader.text())
  }
  reader.leave(outer)
  if (uris.length === 0) throw new LdapError('LDAP_PROTOCOL', 'a referral without URIs')
  return uris
}

function decodeBindResponse(reader: BerReader): BindResponse {
  const outer = reader.enter(OperationTag.bindResponse)
  const result = decodeResult(reader)
  const serverSaslCredentials = optionalOctets(reader, SERVER_SASL_CREDENTIALS)
  reader.leave(outer)
  return { kind: 'bindResponse', ...result, serverSaslCredentials }
}

function decodeEntry(reader: BerReader): SearchResultEntry {
  const outer = reader.enter(OperationTag.searchResultEntry)
  const objectName = reader.text()
  const attributes = decodeAttributes(reader)
  reader.leave(outer)
  return { kind: 'searchResultEntry', objectName, attributes }
}

function decodeExtendedResponse(reader: BerReader): ExtendedResponse {
  const outer = reader.enter(OperationTag.extendedResponse)
  const result = decodeResult(reader)
  const name = reader.peekTag() === RESPONSE_NAME ? reader.text(RESPONSE_NAME) : null
  const value = optionalOctets(reader, RESPONSE_VALUE)
  reader.leave(outer)
  return { kind: 'extendedResponse', ...result, name, value }
}

function decodeIntermediate(reader: BerReader): IntermediateResponse {
  const outer = reader.enter(OperationTag.intermediateResponse)
  const name = reader.peekTag() === INTERMEDIATE_NAME ? reader.text(INTERMEDIATE_NAME) : null
  const value = optionalOctets(reader, INTERMEDIATE_VALUE)
  reader.leave(outer)
  return { kind: 'intermediateResponse', name, value }
}

function optionalOctets(reader: BerReader, tag: number): Buffer | null {
  return reader.peekTag() === tag ? reader.octets(tag) : null
}
