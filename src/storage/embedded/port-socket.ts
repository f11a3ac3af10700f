import { Duplex } from 'node:stream'
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads'

/** Who starts the worker, and starts it again after its death. */
export interface WorkerHost {
  readonly isStopping: boolean
  started(): Promise<Worker>
  /** The worker closed a connection on its own: it is dead, or about to be, and all others with it. */
  lost(worker: Worker): void
  /** To be destroyed with `lost` once its worker is. */
  readonly connections: Set<PortSocket>
}

/** What `pg` takes for its TCP socket: a message port to the embedded database's worker. */
export class PortSocket extends Duplex {
  readonly #host: WorkerHost
  #port: MessagePort | null = null
  #worker: Worker | null = null
  #isReferenced = true

  constructor(host: WorkerHost) {
    super({ allowHalfOpen: false })
    this.#host = host
  }

  connect(): this {
    this.#host.started().then(
      (worker) => this.#open(worker),
      (error: Error) => this.destroy(error),
    )
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    this.#isReferenced = true
    this.#port?.ref()
    return this
  }

  unref(): this {
    this.#isReferenced = false
    this.#port?.unref()
    return this
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#port?.postMessage(chunk)
    done()
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.#port?.postMessage(Buffer.concat(chunks.map(({ chunk }) => chunk)))
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#host.connections.delete(this)
    this.#port?.close()
    done(error)
  }

  #open(worker: Worker): void {
    if (this.destroyed) return
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#worker = worker
    this.#host.connections.add(this)
    port1.on('message', (bytes: Uint8Array) => {
      this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    })
    port1.on('close', () => this.#portClosed(worker))
    if (!this.#isReferenced) port1.unref()
    worker.postMessage({ kind: 'connect', port: port2 }, [port2])
    this.emit('connect')
  }

  /** When that worker is dead: whoever waits for an answer, or would ask next, is told at once. */
  failWith(worker: Worker): void {
    if (this.#worker !== worker) return
    this.destroy(Object.assign(new Error('the embedded database stopped'), { code: 'ECONNRESET' }))
  }

  #portClosed(worker: Worker): void {
    if (this.#host.isStopping || this.writableEnded || this.destroyed) this.destroy()
    else this.#host.lost(worker)
  }
}
