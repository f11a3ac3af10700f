import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Measured, Task } from './ldap-load.ts'
import { idOffset, LAST_ID, open, Reader, searchRequest } from './ldap-wire.ts'
import { quantile } from './median.ts'

/** Nothing is lost on loopback, so what is missing by then was not answered. */
const PATIENCE_MS = 30_000

/** One connection that sends when it is told, whatever is still on the way. */
class PacedConnection {
  readonly latenciesMs: number[] = []
  readonly reader = new Reader((messageId) => this.#answered(messageId))
  readonly #socket: Socket
  /** When each request on the way was due, the oldest first. */
  readonly #dueMs: number[] = []
  #sentId = 0
  #answeredId = 0

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.reader.take(chunk))
  }

  get isIdle(): boolean {
    return this.#dueMs.length === 0
  }

  send(request: Buffer, dueMs: number): void {
    this.#sentId = nextId(this.#sentId)
    this.#dueMs.push(dueMs)
    const bytes = Buffer.from(request)
    bytes[idOffset(bytes)] = this.#sentId
    this.#socket.write(bytes)
  }

  #answered(messageId: number): void {
    this.#answeredId = nextId(this.#answeredId)
    const dueMs = this.#dueMs.shift()
    if (messageId !== this.#answeredId || dueMs === undefined)
      throw new Error('answers in another order than requests')
    this.latenciesMs.push(performance.now() - dueMs)
  }
}

function nextId(id: number): number {
  return id === LAST_ID ? 1 : id + 1
}

/**
 * Searches at a fixed rate, an open loop: times count from when a request was due, so that one held
 * up by a slow server, or by this process, is counted as slow.
 */
export async function pace(task: Task): Promise<Measured> {
  const { server, usernames, seconds, perSecond = 1 } = task
  const requests = usernames.map((username) => searchRequest(username, server.baseDn))
  const sockets = await Promise.all(
    Array.from({ length: task.connections }, () => open(server, true)),
  )
  const connections = sockets.map((socket) => new PacedConnection(socket))
  const lateMs: number[] = []
  const total = Math.round(seconds * perSecond)
  const startMs = performance.now()
  const sendDue = () => {
    const nowMs = performance.now()
    while (lateMs.length < total) {
      const at = lateMs.length
      const dueMs = startMs + (at * 1_000) / perSecond
      if (dueMs > nowMs) return
      lateMs.push(nowMs - dueMs)
      const request = requests[at % requests.length] ?? Buffer.alloc(0)
      connections[at % connections.length]?.send(request, dueMs)
    }
  }
  while (lateMs.length < total) {
    sendDue()
    await sleep(1)
  }
  const giveUpAtMs = performance.now() + PATIENCE_MS
  while (connections.some(({ isIdle }) => !isIdle) && performance.now() < giveUpAtMs) await sleep(5)
  const tookMs = performance.now() - startMs
  for (const socket of sockets) socket.destroy()
  const latencies = connections.flatMap(({ latenciesMs }) => latenciesMs)
  const entries = connections.reduce((sum, { reader }) => sum + reader.entries, 0)
  if (latencies.length !== total || entries !== total)
    throw new Error(`${latencies.length} answers and ${entries} entries of ${total}`)
  return {
    perSecond: (total / tookMs) * 1_000,
    answers: total,
    entries,
    medianMs: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    lateP99Ms: quantile(lateMs, 0.99),
  }
}
