/** What an LDAP load sends, made beforehand, and what it looks at in the answers. */
import { connect, type Socket } from 'node:net'
import { decodeMessage, encodeMessage, type Operation } from '../../protocols/ldap/index.ts'

export interface Server {
  readonly port: number
  readonly baseDn: string
  readonly bindDn: string
  readonly password: string
}

const ATTRIBUTES = ['uid', 'cn', 'mail', 'uidNumber', 'gidNumber', 'homeDirectory']
/** messageIDs of one byte, so that one request's bytes serve every connection. */
export const LAST_ID = 127
export const ENTRY = 0x64

/** Where messageID and result code are: behind headers whose lengths are known from the message. */
export class Reader {
  answers = 0
  entries = 0
  readonly #onAnswer: (messageId: number) => void
  #rest: Buffer | null = null

  /** @param onAnswer told of each result, in the order in which they come */
  constructor(onAnswer: (messageId: number) => void = () => undefined) {
    this.#onAnswer = onAnswer
  }

  /** Counts whole messages. @returns how many requests they complete */
  take(chunk: Buffer): number {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk])
    const before = this.answers
    let at = 0
    for (;;) {
      const next = this.#message(bytes, at)
      if (next < 0) break
      at = next
    }
    this.#rest = at === bytes.length ? null : bytes.subarray(at)
    return this.answers - before
  }

  #message(bytes: Buffer, start: number): number {
    if (start + 8 > bytes.length) return -1
    let at = start + 1
    let length = bytes[at++] ?? 0
    if (length >= 0x80) {
      const octets = length - 0x80
      length = bytes.readUIntBE(at, octets)
      at += octets
    }
    const end = at + length
    if (end > bytes.length) return -1
    const messageId = bytes[at + 2] ?? 0
    at += 2 + (bytes[at + 1] ?? 0)
    if (bytes[at] === ENTRY) {
      this.entries++
      return end
    }
    at += (bytes[at + 1] ?? 0) >= 0x80 ? 2 + (bytes[at + 1] ?? 0) - 0x80 : 2
    const code = bytes[at + 2]
    if (code !== 0) throw new Error(`answered ${code}`)
    this.answers++
    this.#onAnswer(messageId)
    return end
  }
}

export function searchFor(username: string, baseDn: string): Operation {
  return {
    kind: 'searchRequest',
    baseObject: `ou=people,${baseDn}`,
    scope: 'sub',
    derefAliases: 0,
    sizeLimit: 0,
    timeLimit: 0,
    typesOnly: false,
    filter: { kind: 'equal', attribute: 'uid', value: Buffer.from(username) },
    attributes: ATTRIBUTES,
  }
}

export function searchRequest(username: string, baseDn: string): Buffer {
  return encodeMessage({ messageId: 1, controls: [], operation: searchFor(username, baseDn) })
}

export function bindAs(name: string, password: string): Operation {
  const authentication = { kind: 'simple' as const, password: Buffer.from(password) }
  return { kind: 'bindRequest', version: 3, name, authentication }
}

/** Behind the message's header come the messageID's tag and length. */
export function idOffset(request: Buffer): number {
  const length = request[1] ?? 0
  return 4 + (length >= 0x80 ? length - 0x80 : 0)
}

export async function open({ port, bindDn, password }: Server, isBound: boolean): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  if (isBound) await bindOn(socket, { bindDn, password })
  return socket
}

/** @throws when the connection ends instead, or the answer is no */
export async function bindOn(
  socket: Socket,
  { bindDn, password }: Pick<Server, 'bindDn' | 'password'>,
): Promise<void> {
  socket.write(encodeMessage({ messageId: 1, controls: [], operation: bindAs(bindDn, password) }))
  const answer = await new Promise<Buffer>((resolve, reject) => {
    socket.once('data', resolve)
    socket.once('close', () => reject(new Error('closed instead of an answer to the bind')))
  })
  const { operation } = decodeMessage(answer)
  if (!('code' in operation) || operation.code !== 0) throw new Error('the bind was refused')
}
