import { ByteReader, WireError } from '../../wire/index.ts'

const HANDSHAKE = 22
const CLIENT_HELLO = 1
const PRE_SHARED_KEY = 41
const RECORD_VERSION_BYTES = 2
const RANDOM_BYTES = 32

/** The session a ClientHello asks to resume. */
export interface NamedSession {
  readonly id: Buffer
  /** TLS 1.3 names it as a pre-shared key, which is good once (RFC 8446 §8.1). */
  readonly isSingleUse: boolean
}

/**
 * Which session a peer's first flight wants to resume: the first pre-shared key of TLS 1.3 (RFC 8446
 * §4.2.11), else the session id (RFC 5246 §7.4.1.2). Null where there is none, and for anything
 * that can't be read: TLS itself will say what is wrong with that.
 */
export function findNamedSession(flight: Buffer): NamedSession | null {
  try {
    return readNamedSession(new ByteReader(flight))
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}

function readNamedSession(record: ByteReader): NamedSession | null {
  if (record.uint8() !== HANDSHAKE) return null
  record.skip(RECORD_VERSION_BYTES)
  const message = new ByteReader(record.bytes(record.uint16()))
  if (message.uint8() !== CLIENT_HELLO) return null
  const hello = new ByteReader(message.bytes(message.uint24()))
  hello.skip(RECORD_VERSION_BYTES + RANDOM_BYTES)
  const id = hello.bytes(hello.uint8())
  hello.skip(hello.uint16())
  hello.skip(hello.uint8())
  const key = hello.remaining === 0 ? null : findPreSharedKey(hello)
  if (key !== null) return { id: key, isSingleUse: true }
  return id.length === 0 ? null : { id, isSingleUse: false }
}

function findPreSharedKey(hello: ByteReader): Buffer | null {
  const extensions = new ByteReader(hello.bytes(hello.uint16()))
  while (extensions.remaining > 0) {
    const type = extensions.uint16()
    const body = new ByteReader(extensions.bytes(extensions.uint16()))
    if (type !== PRE_SHARED_KEY) continue
    const identities = new ByteReader(body.bytes(body.uint16()))
    return identities.bytes(identities.uint16())
  }
  return null
}
