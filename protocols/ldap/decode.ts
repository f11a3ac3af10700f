import { BerReader, Tag } from './ber/reader.ts'
import { type Control, decodeControls } from './control.ts'
import { decodeRequest } from './decode-request.ts'
import { decodeResponse } from './decode-response.ts'
import { LdapError } from './errors.ts'
import type { LdapMessage, Request } from './message.ts'

/** The outside of a message: enough to answer it even when its inside can't be read. */
export interface Envelope {
  readonly messageId: number
  /** Tag byte of the operation, not checked yet. */
  readonly operationTag: number
  readonly reader: BerReader
  /** What to give to `reader.leave` when the operation has been read. */
  readonly outer: number
}

/**
 * Reads the LDAPMessage's header and stops before the operation.
 *
 * @throws {LdapError} `LDAP_MALFORMED`; the session can't go on (RFC 4511 §4.1.1)
 */
export function decodeEnvelope(bytes: Buffer): Envelope {
  const reader = new BerReader(bytes)
  const outer = reader.enter(Tag.sequence)
  const messageId = reader.integer()
  if (messageId < 0) throw new LdapError('LDAP_MALFORMED', 'negative messageID')
  return { messageId, operationTag: reader.peekTag(), reader, outer }
}

/**
 * Reads a request and its controls out of an envelope.
 *
 * @throws {LdapError} `LDAP_MALFORMED`, also when it is no request, `LDAP_PROTOCOL` or `LDAP_LIMIT`
 */
export function decodeRequestIn(envelope: Envelope): {
  readonly request: Request
  readonly controls: readonly Control[]
} {
  const request = decodeRequest(envelope.reader, envelope.operationTag)
  if (request === null) throw new LdapError('LDAP_MALFORMED', 'not a request')
  return { request, controls: finish(envelope) }
}

/**
 * Reads one whole message, request or response.
 *
 * @throws {LdapError} `LDAP_MALFORMED`, `LDAP_PROTOCOL` or `LDAP_LIMIT`
 */
export function decodeMessage(bytes: Buffer): LdapMessage {
  const envelope = decodeEnvelope(bytes)
  const { reader, operationTag, messageId } = envelope
  const operation = decodeRequest(reader, operationTag) ?? decodeResponse(reader, operationTag)
  if (operation === null) throw new LdapError('LDAP_MALFORMED', 'unknown operation')
  return { messageId, operation, controls: finish(envelope) }
}

function finish(envelope: Envelope): readonly Control[] {
  const { reader, outer } = envelope
  const controls = decodeControls(reader)
  reader.leave(outer)
  if (!reader.isAtEnd) throw new LdapError('LDAP_MALFORMED', 'bytes after the message')
  return controls
}
