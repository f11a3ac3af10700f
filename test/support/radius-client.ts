import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import {
  type Attribute,
  AttributeType,
  decodePacket,
  encodePacket,
  findValue,
  findVendorValues,
  hideUserPassword,
  joinEapMessage,
  MicrosoftType,
  makeOctets,
  makeText,
  type Packet,
  PacketCode,
  revealKey,
  SharedSecret,
  splitEapMessage,
  Vendor,
} from '../../protocols/radius/index.ts'
import type { TtlsReply } from './eap-ttls-client.ts'

/** What a reply was checked for as a careful NAS does. */
export interface CheckedReply {
  readonly packet: Packet
  readonly bytes: Buffer
  readonly isResponseAuthentic: boolean
  readonly isMessageAuthentic: boolean
  readonly requestAuthenticator: Buffer
}

export interface RequestParts {
  readonly code?: number
  readonly identifier?: number
  readonly attributes: readonly Attribute[]
  readonly isSigned?: boolean
  readonly authenticator?: Buffer
}

/** Encodes an Access-Request or Status-Server, Message-Authenticator first unless told not to sign. */
export function makeRequest(parts: RequestParts, secret: SharedSecret): Buffer {
  const isSigned = parts.isSigned ?? true
  const blank = makeOctets(AttributeType.messageAuthenticator, Buffer.alloc(16))
  const bytes = encodePacket({
    code: parts.code ?? PacketCode.accessRequest,
    identifier: parts.identifier ?? 1,
    authenticator: parts.authenticator ?? randomBytes(16),
    attributes: isSigned ? [blank, ...parts.attributes] : parts.attributes,
  })
  if (isSigned) bytes.set(secret.messageAuthenticator(bytes), 22)
  return bytes
}

/** Encodes an Accounting-Request with its authenticator (RFC 2866 §3). */
export function makeAccounting(
  attributes: readonly Attribute[],
  secret: SharedSecret,
  identifier = 1,
): Buffer {
  const bytes = encodePacket({
    code: PacketCode.accountingRequest,
    identifier,
    authenticator: Buffer.alloc(16),
    attributes,
  })
  bytes.set(secret.responseAuthenticator(bytes), 4)
  return bytes
}

export function papAttributes(
  name: string,
  password: string,
  secret: SharedSecret,
  authenticator: Buffer,
): Attribute[] {
  const hidden = hideUserPassword(Buffer.from(password), secret.bytes, authenticator)
  return [makeText(AttributeType.userName, name), makeOctets(AttributeType.userPassword, hidden)]
}

/** Verifies a reply against the request it answers. */
export function checkReply(reply: Buffer, request: Buffer, secret: SharedSecret): CheckedReply {
  const requestAuthenticator = Buffer.from(request.subarray(4, 20))
  const asSigned = Buffer.from(reply)
  asSigned.set(requestAuthenticator, 4)
  const packet = decodePacket(reply)
  return {
    packet,
    bytes: reply,
    isResponseAuthentic: secret.responseAuthenticator(asSigned).equals(packet.authenticator),
    isMessageAuthentic:
      secret.verifyMessageAuthenticator(asSigned, decodePacket(asSigned)) === 'valid',
    requestAuthenticator,
  }
}

/** Both halves of the MSK as the NAS gets them; null when the reply carries no keys. */
export function mskOf(reply: CheckedReply, secret: SharedSecret): Buffer | null {
  const wrap = { secret: secret.bytes, requestAuthenticator: reply.requestAuthenticator }
  const [receive] = findVendorValues(
    reply.packet.attributes,
    Vendor.microsoft,
    MicrosoftType.mppeRecvKey,
  )
  const [send] = findVendorValues(
    reply.packet.attributes,
    Vendor.microsoft,
    MicrosoftType.mppeSendKey,
  )
  if (receive === undefined || send === undefined) return null
  return Buffer.concat([revealKey(receive, wrap), revealKey(send, wrap)])
}

/** A NAS on loopback with one request outstanding. */
export class TestNas {
  readonly secret: SharedSecret
  readonly #socket: Socket
  readonly #port: number
  readonly #waitMs: number
  #identifier = 0
  #state: Buffer | null = null

  /** @param waitMs how long it waits for a reply; it never repeats itself */
  constructor(port: number, secret: string, waitMs = 2_000) {
    this.#port = port
    this.#waitMs = waitMs
    this.secret = new SharedSecret(Buffer.from(secret))
    this.#socket = createSocket('udp4')
  }

  /** Sends from this address of loopback, as another NAS would. */
  async bind(address: string): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.bind(0, address, resolve))
  }

  /** Sends bytes and resolves with the reply, or null after `waitMs` of silence. */
  send(request: Buffer, waitMs = this.#waitMs): Promise<CheckedReply | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(null), waitMs)
      const finish = (reply: Buffer | null): void => {
        clearTimeout(timer)
        this.#socket.removeListener('message', finish)
        resolve(reply === null ? null : checkReply(reply, request, this.secret))
      }
      this.#socket.on('message', finish)
      this.#socket.send(request, this.#port, '127.0.0.1')
    })
  }

  /** Takes one EAP response to the server and keeps State for the next. */
  async sendEap(
    eap: Buffer,
    more: readonly Attribute[] = [],
  ): Promise<TtlsReply & { readonly reply: CheckedReply }> {
    this.#identifier = (this.#identifier + 1) & 0xff
    const state = this.#state === null ? [] : [makeOctets(AttributeType.state, this.#state)]
    const attributes = [...more, ...splitEapMessage(eap), ...state]
    const reply = await this.send(
      makeRequest({ identifier: this.#identifier, attributes }, this.secret),
    )
    if (reply === null) throw new Error('no answer')
    this.#state = findValue(reply.packet.attributes, AttributeType.state)
    return {
      kind: kinds.get(reply.packet.code) ?? 'reject',
      eap: joinEapMessage(reply.packet.attributes) ?? Buffer.alloc(0),
      reply,
    }
  }

  close(): void {
    this.#socket.close()
  }
}

const kinds = new Map<number, TtlsReply['kind']>([
  [PacketCode.accessAccept, 'accept'],
  [PacketCode.accessChallenge, 'challenge'],
])
