import type { Control } from '../control.ts'
import type { Request } from '../message.ts'
import type { EntryWriter, LdapOperation } from './handler.ts'

/** One for all: a reason of its own for each would be an exception with its stack for every bind. */
const OVER = new DOMException('the operation is over', 'AbortError')

/** What an operation needs of its connection. */
export interface OperationHost {
  sendEntry(messageId: number, objectName: Buffer, attributes: readonly Buffer[]): void
  sendOperation(messageId: number, operation: Buffer): void
  /** False when the client reads slowly or the connection has used up its turn. */
  mayContinue(): boolean
  /** Calls back when there is room and others had their turn, or when the connection is gone. */
  whenReady(continuation: () => void): void
}

/** One request under way, and where its entries go if it is a search. */
export class Operation implements LdapOperation, EntryWriter {
  readonly messageId: number
  readonly kind: Request['kind']
  readonly controls: readonly Control[]
  readonly #host: OperationHost
  #isOver: boolean = false
  #controller: AbortController | null = null

  constructor(
    host: OperationHost,
    request: { messageId: number; kind: Request['kind']; controls: readonly Control[] },
  ) {
    this.#host = host
    this.messageId = request.messageId
    this.kind = request.kind
    this.controls = request.controls
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#isOver) this.#controller.abort(OVER)
    }
    return this.#controller.signal
  }

  /** Nothing more is sent for it; whoever works on it is told. */
  end(): void {
    this.#isOver = true
    this.#controller?.abort(OVER)
  }

  entry(objectName: Buffer, attributes: readonly Buffer[]): boolean {
    if (this.#isOver) return false
    this.#host.sendEntry(this.messageId, objectName, attributes)
    return this.#host.mayContinue()
  }

  wholeEntry(bytes: Buffer): boolean {
    if (this.#isOver) return false
    this.#host.sendOperation(this.messageId, bytes)
    return this.#host.mayContinue()
  }

  mayContinue(): boolean {
    return !this.#isOver && this.#host.mayContinue()
  }

  ready(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isOver) resolve()
      else this.#host.whenReady(resolve)
    })
  }
}
