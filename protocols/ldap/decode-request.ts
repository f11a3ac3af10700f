import type { BerReader } from './ber/reader.ts'
import { Tag } from './ber/reader.ts'
import { Recurring } from './ber/recurring.ts'
import { LdapError } from './errors.ts'
import { decodeFilter } from './filter/decode.ts'
import { MAX_ASSERTION_BYTES, MAX_ATTRIBUTES, MAX_REQUESTED_ATTRIBUTES } from './limits.ts'
import {
  type AddRequest,
  type BindRequest,
  type CompareRequest,
  type ExtendedRequest,
  type ModifyDnRequest,
  type ModifyOperation,
  type ModifyRequest,
  OperationTag,
  type PartialAttribute,
  type Request,
  type SearchRequest,
  type SearchScope,
} from './message.ts'

const SIMPLE = Tag.context
const SASL = Tag.contextConstructed | 3
const NEW_SUPERIOR = Tag.context
const REQUEST_NAME = Tag.context
const REQUEST_VALUE = Tag.context | 1

const SCOPES: readonly SearchScope[] = ['base', 'one', 'sub', 'children']
const MODIFY_OPERATIONS: readonly ModifyOperation[] = ['add', 'delete', 'replace', 'increment']
const MAX_DEREF = 3

/**
 * Reads the request whose tag comes next; null when the tag is no request's.
 *
 * @throws {LdapError} `LDAP_MALFORMED`, `LDAP_PROTOCOL` or `LDAP_LIMIT`
 */
export function decodeRequest(reader: BerReader, tag: number): Request | null {
  switch (tag) {
    case OperationTag.searchRequest:
      return decodeSearch(reader)
    case OperationTag.bindRequest:
      return decodeBind(reader)
    case OperationTag.unbindRequest:
      reader.skip()
      return { kind: 'unbindRequest' }
    case OperationTag.compareRequest:
      return decodeCompare(reader)
    case OperationTag.extendedRequest:
      return decodeExtended(reader)
    case OperationTag.abandonRequest:
      return { kind: 'abandonRequest', messageId: reader.integer(tag) }
    default:
      return decodeUpdate(reader, tag)
  }
}

function decodeUpdate(reader: BerReader, tag: number): Request | null {
  switch (tag) {
    case OperationTag.modifyRequest:
      return decodeModify(reader)
    case OperationTag.addRequest:
      return decodeAdd(reader)
    case OperationTag.delRequest:
      return { kind: 'delRequest', entry: reader.text(tag) }
    case OperationTag.modifyDnRequest:
      return decodeModifyDn(reader)
    default:
      return null
  }
}

function decodeBind(reader: BerReader): BindRequest {
  const outer = reader.enter(OperationTag.bindRequest)
  const version = reader.integer()
  const name = reader.text()
  const authentication = decodeAuthentication(reader)
  reader.leave(outer)
  return { kind: 'bindRequest', version, name, authentication }
}

function decodeAuthentication(reader: BerReader): BindRequest['authentication'] {
  const tag = reader.peekTag()
  if (tag === SIMPLE) return { kind: 'simple', password: reader.octets(SIMPLE) }
  if (tag !== SASL) {
    reader.skip()
    throw new LdapError('LDAP_PROTOCOL', 'unknown authentication choice')
  }
  const outer = reader.enter(SASL)
  const mechanism = reader.text()
  const credentials = reader.peekTag() === Tag.octetString ? reader.octets() : null
  reader.leave(outer)
  return { kind: 'sasl', mechanism, credentials }
}

function decodeSearch(reader: BerReader): SearchRequest {
  const outer = reader.enter(OperationTag.searchRequest)
  const baseObject = reader.name()
  const scope = SCOPES[reader.enumerated()]
  const derefAliases = reader.enumerated()
  const sizeLimit = reader.integer()
  const timeLimit = reader.integer()
  const typesOnly = reader.boolean()
  if (scope === undefined || derefAliases < 0 || derefAliases > MAX_DEREF) {
    throw new LdapError('LDAP_PROTOCOL', 'scope or derefAliases out of range')
  }
  if (sizeLimit < 0 || timeLimit < 0) throw new LdapError('LDAP_PROTOCOL', 'negative limit')
  const filter = decodeFilter(reader)
  const attributes = reader.recurring(Tag.sequence, selections, decodeSelection)
  reader.leave(outer)
  return {
    kind: 'searchRequest',
    baseObject,
    scope,
    derefAliases,
    sizeLimit,
    timeLimit,
    typesOnly,
    filter,
    attributes,
  }
}

/** The same list of attributes is the same array, so that handlers may keep what they make of it. */
const selections = new Recurring<readonly string[]>()

function decodeSelection(reader: BerReader): readonly string[] {
  const attributes: string[] = []
  while (!reader.isAtEnd) {
    if (attributes.length === MAX_REQUESTED_ATTRIBUTES) {
      throw new LdapError('LDAP_LIMIT', 'too many attributes asked for')
    }
    attributes.push(reader.text())
  }
  return attributes
}

function decodeModify(reader: BerReader): ModifyRequest {
  const outer = reader.enter(OperationTag.modifyRequest)
  const object = reader.text()
  const changes: ModifyRequest['changes'][number][] = []
  const list = reader.enter(Tag.sequence)
  while (!reader.isAtEnd) {
    if (changes.length === MAX_ATTRIBUTES) throw new LdapError('LDAP_LIMIT', 'too many changes')
    const change = reader.enter(Tag.sequence)
    const operation = MODIFY_OPERATIONS[reader.enumerated()]
    if (operation === undefined) throw new LdapError('LDAP_PROTOCOL', 'unknown modify operation')
    changes.push({ operation, attribute: decodeAttribute(reader) })
    reader.leave(change)
  }
  reader.leave(list)
  reader.leave(outer)
  return { kind: 'modifyRequest', object, changes }
}

function decodeAdd(reader: BerReader): AddRequest {
  const outer = reader.enter(OperationTag.addRequest)
  const entry = reader.text()
  const attributes = decodeAttributes(reader)
  reader.leave(outer)
  return { kind: 'addRequest', entry, attributes }
}

/**
 * A list of attributes with their values, as in AddRequest and SearchResultEntry.
 *
 * @throws {LdapError} `LDAP_MALFORMED` or `LDAP_LIMIT`
 */
export function decodeAttributes(reader: BerReader): PartialAttribute[] {
  const attributes: PartialAttribute[] = []
  const list = reader.enter(Tag.sequence)
  while (!reader.isAtEnd) {
    if (attributes.length === MAX_ATTRIBUTES)
      throw new LdapError('LDAP_LIMIT', 'too many attributes')
    attributes.push(decodeAttribute(reader))
  }
  reader.leave(list)
  return attributes
}

function decodeAttribute(reader: BerReader): PartialAttribute {
  const outer = reader.enter(Tag.sequence)
  const type = reader.text()
  const values: Buffer[] = []
  const set = reader.enter(Tag.set)
  while (!reader.isAtEnd) values.push(reader.octets())
  reader.leave(set)
  reader.leave(outer)
  return { type, values }
}

function decodeModifyDn(reader: BerReader): ModifyDnRequest {
  const outer = reader.enter(OperationTag.modifyDnRequest)
  const entry = reader.text()
  const newRdn = reader.text()
  const deleteOldRdn = reader.boolean()
  const newSuperior = reader.peekTag() === NEW_SUPERIOR ? reader.text(NEW_SUPERIOR) : null
  reader.leave(outer)
  return { kind: 'modifyDnRequest', entry, newRdn, deleteOldRdn, newSuperior }
}

function decodeCompare(reader: BerReader): CompareRequest {
  const outer = reader.enter(OperationTag.compareRequest)
  const entry = reader.text()
  const assertion = reader.enter(Tag.sequence)
  const attribute = reader.text()
  const value = reader.octets()
  if (value.length > MAX_ASSERTION_BYTES) {
    throw new LdapError('LDAP_LIMIT', 'assertion value too long')
  }
  reader.leave(assertion)
  reader.leave(outer)
  return { kind: 'compareRequest', entry, attribute, value }
}

function decodeExtended(reader: BerReader): ExtendedRequest {
  const outer = reader.enter(OperationTag.extendedRequest)
  const name = reader.text(REQUEST_NAME)
  const value = reader.peekTag() === REQUEST_VALUE ? reader.octets(REQUEST_VALUE) : null
  reader.leave(outer)
  return { kind: 'extendedRequest', name, value }
}
