/** A bare LDAP client for tests: it sends what it is told and hands over what comes back. */
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import {
  type Control,
  decodeMessage,
  encodeMessage,
  type LdapMessage,
  MessageFramer,
  type Operation,
  parseFilter,
  type SearchRequest,
} from '../../protocols/ldap/index.ts'

const MAX_BYTES = 64 * 1024 * 1024

export class LdapClient {
  socket: Socket
  /** Everything received and not taken yet. */
  readonly inbox: LdapMessage[] = []
  isClosed = false
  #framer = new MessageFramer(MAX_BYTES)
  #waiting: (() => void)[] = []
  #lastId = 0

  constructor(socket: Socket) {
    this.socket = socket
    this.#listen()
  }

  static async open(port: number): Promise<LdapClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new LdapClient(socket)
  }

  static async openTls(port: number): Promise<LdapClient> {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    return new LdapClient(socket)
  }

  /** Sends a request and gives its messageID. */
  send(operation: Operation, controls: readonly Control[] = []): number {
    this.#lastId++
    this.write(encodeMessage({ messageId: this.#lastId, operation, controls }))
    return this.#lastId
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  /** The next message, or null when the server has closed. */
  async receive(): Promise<LdapMessage | null> {
    while (this.inbox.length === 0 && !this.isClosed) await this.#changed()
    return this.inbox.shift() ?? null
  }

  /** Sends a request and gives everything up to its final answer. */
  async ask(operation: Operation, controls: readonly Control[] = []): Promise<Operation[]> {
    const messageId = this.send(operation, controls)
    const answers: Operation[] = []
    for (;;) {
      const message = await this.receive()
      if (message === null) return answers
      if (message.messageId !== messageId) continue
      answers.push(message.operation)
      if (isFinal(message.operation)) return answers
    }
  }

  /** As {@link ask}, for the result code of the final answer; -1 when the server closed instead. */
  async codeOf(operation: Operation, controls: readonly Control[] = []): Promise<number> {
    const last = (await this.ask(operation, controls)).at(-1)
    return last !== undefined && 'code' in last ? last.code : -1
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await this.#changed()
  }

  /** Turns TLS on, as a client does after a successful StartTLS. */
  async secure(): Promise<TLSSocket> {
    this.socket.removeAllListeners()
    const socket = connectTls({ socket: this.socket, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    this.socket = socket
    this.#framer = new MessageFramer(MAX_BYTES)
    this.#listen()
    return socket
  }

  end(): void {
    this.socket.destroy()
  }

  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk)
      for (let next = this.#framer.next(); next !== null; next = this.#framer.next()) {
        this.inbox.push(decodeMessage(Buffer.from(next)))
      }
      this.#wake()
    })
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.isClosed = true
      this.#wake()
    })
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function isFinal(operation: Operation): boolean {
  return operation.kind !== 'searchResultEntry' && operation.kind !== 'searchResultReference'
}

function once(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve())
    socket.once('error', reject)
  })
}

/** A search with everything at its usual value but what is given. */
export function aSearch(filter: string, overrides: Partial<SearchRequest> = {}): SearchRequest {
  return {
    kind: 'searchRequest',
    baseObject: 'dc=contoso,dc=example',
    scope: 'sub',
    derefAliases: 0,
    sizeLimit: 0,
    timeLimit: 0,
    typesOnly: false,
    filter: parseFilter(filter),
    attributes: [],
    ...overrides,
  }
}

export function aBind(name: string, password: string, version = 3): Operation {
  const authentication = { kind: 'simple' as const, password: Buffer.from(password) }
  return { kind: 'bindRequest', version, name, authentication }
}

export function anExtended(name: string, value: Buffer | null = null): Operation {
  return { kind: 'extendedRequest', name, value }
}

export const unbind: Operation = { kind: 'unbindRequest' }
