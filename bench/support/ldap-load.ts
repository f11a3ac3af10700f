/**
 * A process that asks an LDAP server for as much as it gives, or for so much a second: requests are
 * bytes made beforehand, each connection keeps `depth` of them on the way, and of the answers only
 * what tells that they are right is looked at.
 */
import type { Socket } from 'node:net'
import {
  decodeMessage,
  decodePagedResults,
  encodeMessage,
  encodePagedResults,
  MessageFramer,
  Oid,
  type Operation,
} from '../../protocols/ldap/index.ts'
import { pace } from './ldap-paced.ts'
import { reconnect } from './ldap-reconnect.ts'
import {
  bindAs,
  ENTRY,
  idOffset,
  LAST_ID,
  open,
  Reader,
  type Server,
  searchFor,
  searchRequest,
} from './ldap-wire.ts'
import { quantile } from './median.ts'

export interface Task {
  /**
   * `paced`: searches at `perSecond`, however slow the answers; `reconnect`: so many connections by
   * LDAPS at once, each signing in as the client.
   */
  readonly what: 'search' | 'bind' | 'enumerate' | 'paced' | 'reconnect'
  readonly server: Server
  /** People who are asked for, one after the other. */
  readonly usernames: readonly string[]
  /** Everybody's. */
  readonly password: string
  readonly connections: number
  readonly depth: number
  /** Ends after this long, or when each name was asked for `rounds` times. */
  readonly seconds: number
  readonly rounds?: number
  /** Rest between an answer and the next request; 0 sends at once. */
  readonly pauseMs?: number
  readonly perSecond?: number
}

export interface Measured {
  readonly perSecond: number
  readonly answers: number
  readonly entries: number
  /** Of single requests, at depth 1 and paced only. */
  readonly medianMs: number
  readonly p99Ms: number
  /** Paced: how much later than planned the requests left, which is part of the above. */
  readonly lateP99Ms?: number
}

const PAGE = 1_000
const MAX_BYTES = 64 * 1024 * 1024

/** One connection of a closed loop: as many new requests leave as answers came. */
class Loop {
  readonly reader = new Reader()
  readonly latenciesMs: number[] = []
  readonly #socket: Socket
  readonly #task: Task
  readonly #next: () => Buffer | null
  #id = 0
  #sentAtMs = 0
  #open = 0
  #done: () => void = () => undefined

  constructor(socket: Socket, task: Task, next: () => Buffer | null) {
    this.#socket = socket
    this.#task = task
    this.#next = next
    socket.on('data', (chunk: Buffer) => this.#received(chunk))
    socket.on('close', () => this.#done())
  }

  async run(): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#done = resolve
    })
    this.#send(this.#task.depth)
    if (this.#open === 0) this.#done()
    await done
  }

  #received(chunk: Buffer): void {
    const answers = this.reader.take(chunk)
    if (answers === 0) return
    if (this.#task.depth === 1) this.latenciesMs.push(performance.now() - this.#sentAtMs)
    this.#open -= answers
    const { pauseMs = 0 } = this.#task
    if (pauseMs === 0) this.#send(answers)
    else setTimeout(() => this.#send(answers), pauseMs)
    if (this.#open === 0 && pauseMs === 0) this.#done()
  }

  #send(count: number): void {
    const requests: Buffer[] = []
    let length = 0
    while (requests.length < count) {
      const request = this.#next()
      if (request === null) break
      requests.push(request)
      length += request.length
    }
    this.#open += requests.length
    if (requests.length === 0) {
      if (this.#open === 0) this.#done()
      return
    }
    const bytes = Buffer.allocUnsafe(length)
    let at = 0
    for (const request of requests) {
      request.copy(bytes, at)
      this.#id = this.#id === LAST_ID ? 1 : this.#id + 1
      bytes[at + idOffset(request)] = this.#id
      at += request.length
    }
    this.#sentAtMs = performance.now()
    this.#socket.write(bytes)
  }
}

function requestsOf({ what, server, usernames, password }: Task): Buffer[] {
  if (what !== 'bind') return usernames.map((username) => searchRequest(username, server.baseDn))
  return usernames.map((username) => {
    const operation = bindAs(`uid=${username},ou=people,${server.baseDn}`, password)
    return encodeMessage({ messageId: 1, controls: [], operation })
  })
}

async function ask(task: Task): Promise<Measured> {
  const requests = requestsOf(task)
  const most = task.rounds === undefined ? Number.POSITIVE_INFINITY : task.rounds * requests.length
  let sent = 0
  const startedAtMs = { value: 0 }
  const next = () => {
    if (sent >= most || performance.now() - startedAtMs.value > task.seconds * 1_000) return null
    return requests[sent++ % requests.length] ?? null
  }
  const sockets = await Promise.all(
    Array.from({ length: task.connections }, () => open(task.server, task.what === 'search')),
  )
  startedAtMs.value = performance.now()
  const loops = sockets.map((socket) => new Loop(socket, task, next))
  await Promise.all(loops.map((loop) => loop.run()))
  const tookMs = performance.now() - startedAtMs.value
  for (const socket of sockets) socket.destroy()
  const answers = loops.reduce((sum, { reader }) => sum + reader.answers, 0)
  const entries = loops.reduce((sum, { reader }) => sum + reader.entries, 0)
  if (answers !== sent) throw new Error(`${answers} answers to ${sent} requests`)
  if (task.what === 'search' && entries !== answers) {
    throw new Error(`${entries} entries in ${answers} answers`)
  }
  const latencies = loops.flatMap(({ latenciesMs }) => latenciesMs)
  return {
    perSecond: (answers / tookMs) * 1_000,
    answers,
    entries,
    medianMs: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  }
}

/** All people page by page, as SSSD and synchronising apps do. */
async function enumerate(task: Task): Promise<Measured> {
  const socket = await open(task.server, true)
  const framer = new MessageFramer(MAX_BYTES)
  const operation: Operation = {
    ...(searchFor('', task.server.baseDn) as Operation & { kind: 'searchRequest' }),
    filter: { kind: 'present', attribute: 'uid' },
  }
  let entries = 0
  let cookie: Buffer = Buffer.alloc(0)
  const startedAtMs = performance.now()
  do {
    const controls = [encodePagedResults({ size: PAGE, cookie })]
    socket.write(encodeMessage({ messageId: 2, controls, operation }))
    const page = await readPage(socket, framer)
    entries += page.entries
    cookie = page.cookie
  } while (cookie.length > 0)
  const seconds = (performance.now() - startedAtMs) / 1_000
  socket.destroy()
  return { perSecond: entries / seconds, answers: 1, entries, medianMs: 0, p99Ms: 0 }
}

function readPage(
  socket: Socket,
  framer: MessageFramer,
): Promise<{ readonly entries: number; readonly cookie: Buffer }> {
  let entries = 0
  return new Promise((resolve, reject) => {
    const received = (chunk: Buffer) => {
      framer.push(chunk)
      for (let bytes = framer.next(); bytes !== null; bytes = framer.next()) {
        // The operation's tag, behind header and messageID of one byte.
        if (bytes[idOffset(bytes) + 1] === ENTRY) {
          entries++
          continue
        }
        socket.off('data', received)
        const { operation, controls } = decodeMessage(bytes)
        const control = controls.find(({ type }) => type === Oid.pagedResults)
        if (!('code' in operation) || operation.code !== 0 || control === undefined) {
          reject(new Error('the page was refused'))
          return
        }
        resolve({ entries, cookie: Buffer.from(decodePagedResults(control).cookie) })
      }
    }
    socket.on('data', received)
  })
}

function start(task: Task): Promise<Measured> {
  if (task.what === 'enumerate') return enumerate(task)
  if (task.what === 'reconnect') return reconnect(task)
  return task.what === 'paced' ? pace(task) : ask(task)
}

if (process.send !== undefined) {
  process.on('message', (task: Task) => {
    start(task).then(
      (measured) => process.send?.({ measured }),
      (error: unknown) => process.send?.({ error: String(error) }),
    )
  })
  process.on('disconnect', () => process.exit())
  process.send({ ready: true })
}
