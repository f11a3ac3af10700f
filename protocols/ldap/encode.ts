import { Tag } from './ber/reader.ts'
import { BerWriter, lengthOfLength, writeHeader } from './ber/writer.ts'
import { encodeControls } from './control.ts'
import { encodeFilter } from './filter/encode.ts'
import {
  type BindRequest,
  type LdapMessage,
  type LdapResult,
  type ModifyRequest,
  type Operation,
  OperationTag,
  type PartialAttribute,
  type SearchRequest,
} from './message.ts'

const SCOPES = { base: 0, one: 1, sub: 2, children: 3 } as const
const MODIFY_OPERATIONS = { add: 0, delete: 1, replace: 2, increment: 3 } as const

/** Writes one whole message in the shortest BER; the inverse of `decodeMessage`. */
export function encodeMessage(message: LdapMessage): Buffer {
  const writer = new BerWriter()
  const start = writer.open(Tag.sequence)
  writer.integer(message.messageId)
  encodeOperation(writer, message.operation)
  encodeControls(writer, message.controls)
  writer.close(start)
  return writer.view()
}

function encodeOperation(writer: BerWriter, operation: Operation): void {
  switch (operation.kind) {
    case 'unbindRequest':
      writer.octets(Buffer.alloc(0), OperationTag.unbindRequest)
      return
    case 'abandonRequest':
      writer.integer(operation.messageId, OperationTag.abandonRequest)
      return
    case 'delRequest':
      writer.text(operation.entry, OperationTag.delRequest)
      return
    default: {
      const start = writer.open(OperationTag[operation.kind])
      encodeBody(writer, operation)
      writer.close(start)
    }
  }
}

type Constructed = Exclude<
  Operation,
  { readonly kind: 'unbindRequest' | 'abandonRequest' | 'delRequest' }
>

function encodeBody(writer: BerWriter, operation: Constructed): void {
  switch (operation.kind) {
    case 'bindRequest':
      encodeBind(writer, operation)
      return
    case 'searchRequest':
      encodeSearch(writer, operation)
      return
    case 'modifyRequest':
      encodeModify(writer, operation)
      return
    case 'addRequest':
      writer.text(operation.entry)
      encodeAttributes(writer, operation.attributes)
      return
    case 'modifyDnRequest':
      writer.text(operation.entry).text(operation.newRdn).boolean(operation.deleteOldRdn)
      optionalText(writer, operation.newSuperior, Tag.context)
      return
    case 'compareRequest': {
      writer.text(operation.entry)
      const start = writer.open(Tag.sequence)
      writer.text(operation.attribute).octets(operation.value).close(start)
      return
    }
    case 'extendedRequest':
      writer.text(operation.name, Tag.context)
      optionalOctets(writer, operation.value, Tag.context | 1)
      return
    default:
      encodeResponseBody(writer, operation)
  }
}

function encodeResponseBody(
  writer: BerWriter,
  operation: Exclude<Constructed, { readonly kind: `${string}Request` }>,
): void {
  switch (operation.kind) {
    case 'searchResultEntry':
      writer.text(operation.objectName)
      encodeAttributes(writer, operation.attributes)
      return
    case 'searchResultReference':
      for (const uri of operation.uris) writer.text(uri)
      return
    case 'intermediateResponse':
      optionalText(writer, operation.name, Tag.context)
      optionalOctets(writer, operation.value, Tag.context | 1)
      return
    case 'bindResponse':
      encodeResult(writer, operation)
      optionalOctets(writer, operation.serverSaslCredentials, Tag.context | 7)
      return
    case 'extendedResponse':
      encodeResult(writer, operation)
      optionalText(writer, operation.name, Tag.context | 10)
      optionalOctets(writer, operation.value, Tag.context | 11)
      return
    default:
      encodeResult(writer, operation)
  }
}

function encodeBind(writer: BerWriter, request: BindRequest): void {
  writer.integer(request.version).text(request.name)
  const { authentication } = request
  if (authentication.kind === 'simple') {
    writer.octets(authentication.password, Tag.context)
    return
  }
  const start = writer.open(Tag.contextConstructed | 3)
  writer.text(authentication.mechanism)
  optionalOctets(writer, authentication.credentials, Tag.octetString)
  writer.close(start)
}

function encodeSearch(writer: BerWriter, request: SearchRequest): void {
  writer.text(request.baseObject).enumerated(SCOPES[request.scope]).enumerated(request.derefAliases)
  writer.integer(request.sizeLimit).integer(request.timeLimit).boolean(request.typesOnly)
  encodeFilter(writer, request.filter)
  const start = writer.open(Tag.sequence)
  for (const attribute of request.attributes) writer.text(attribute)
  writer.close(start)
}

function encodeModify(writer: BerWriter, request: ModifyRequest): void {
  writer.text(request.object)
  const list = writer.open(Tag.sequence)
  for (const change of request.changes) {
    const start = writer.open(Tag.sequence)
    writer.enumerated(MODIFY_OPERATIONS[change.operation])
    encodeAttribute(writer, change.attribute)
    writer.close(start)
  }
  writer.close(list)
}

function encodeAttributes(writer: BerWriter, attributes: readonly PartialAttribute[]): void {
  const list = writer.open(Tag.sequence)
  for (const attribute of attributes) encodeAttribute(writer, attribute)
  writer.close(list)
}

function encodeAttribute(writer: BerWriter, attribute: PartialAttribute): void {
  const start = writer.open(Tag.sequence)
  writer.text(attribute.type)
  const set = writer.open(Tag.set)
  for (const value of attribute.values) writer.octets(value)
  writer.close(set).close(start)
}

/** A SearchResultEntry from elements that are BER already: the name's and the attributes' (RFC 4511 §4.5.2). */
export function encodeEntry(objectName: Buffer, attributes: readonly Buffer[]): Buffer {
  const list = Buffer.concat(attributes)
  const listHeader = header(Tag.sequence, list.length)
  const length = objectName.length + listHeader.length + list.length
  const operation = header(OperationTag.searchResultEntry, length)
  return Buffer.concat([operation, objectName, listHeader, list])
}

function header(tag: number, length: number): Buffer {
  const bytes = Buffer.alloc(1 + lengthOfLength(length))
  writeHeader(bytes, 0, { tag, length })
  return bytes
}

/** PartialAttribute bytes to keep and to hand to a search writer again and again. */
export function encodePartialAttribute(attribute: PartialAttribute): Buffer {
  const writer = new BerWriter()
  encodeAttribute(writer, attribute)
  return Buffer.from(writer.view())
}

function encodeResult(writer: BerWriter, result: LdapResult): void {
  writer.enumerated(result.code).text(result.matchedDn).text(result.diagnostic)
  if (result.referral.length === 0) return
  const start = writer.open(Tag.contextConstructed | 3)
  for (const uri of result.referral) writer.text(uri)
  writer.close(start)
}

function optionalText(writer: BerWriter, value: string | null, tag: number): void {
  if (value !== null) writer.text(value, tag)
}

function optionalOctets(writer: BerWriter, value: Buffer | null, tag: number): void {
  if (value !== null) writer.octets(value, tag)
}
