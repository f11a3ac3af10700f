import { createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import {
  type Attribute,
  AttributeType,
  makeInteger,
  makeText,
  PacketCode,
  parseAttribute,
  SharedSecret,
} from '../protocols/radius/index.ts'
import { makeRequest, papAttributes } from '../test/support/radius-client.ts'

/** Nothing is lost on loopback, so silence is a fault of the server. */
export const PATIENCE_MS = 20_000
const IDENTIFIERS = 256

export interface Target {
  readonly port: number
  readonly secret: string
}

export interface Credential {
  readonly name: string
  readonly password: string
}

export interface Load {
  /** Who log in, one after the other. */
  readonly people: readonly Credential[]
  readonly count: number
  /** Requests, or conversations, under way at any time. */
  readonly concurrency: number
}

export interface LoadResult {
  readonly elapsedMs: number
  /** Sorted. */
  readonly latenciesMs: readonly number[]
}

/** What an access point says of itself and of the device. */
export function visitAttributes(name: string): Attribute[] {
  return [
    makeText(AttributeType.userName, name),
    parseAttribute('NAS-IP-Address', '127.0.0.1'),
    makeText(AttributeType.calledStationId, '02-00-00-00-00-01:corp'),
    makeText(AttributeType.callingStationId, '02-11-22-33-44-55'),
    makeInteger(AttributeType.framedMtu, 1400),
  ]
}

/**
 * PAP log-ins, each an Access-Request with Message-Authenticator that must be accepted. They are made
 * beforehand, and each lane is a NAS port of its own with one request under way.
 */
export async function loadPap(target: Target, load: Load): Promise<LoadResult> {
  const secret = new SharedSecret(Buffer.from(target.secret))
  const requests = Array.from({ length: load.count }, (_, at) => {
    const { name, password } = personAt(load, at)
    const authenticator = randomBytes(16)
    const identifier = Math.floor(at / load.concurrency) % IDENTIFIERS
    const [, hidden] = papAttributes(name, password, secret, authenticator)
    const attributes = [...visitAttributes(name), ...(hidden === undefined ? [] : [hidden])]
    return makeRequest({ identifier, authenticator, attributes }, secret)
  })
  const latenciesMs: number[] = []
  const startedAtMs = performance.now()
  await Promise.all(
    Array.from({ length: load.concurrency }, (_, lane) => {
      const own = requests.filter((_request, at) => at % load.concurrency === lane)
      return runLane(own, target, latenciesMs)
    }),
  )
  return { elapsedMs: performance.now() - startedAtMs, latenciesMs: sorted(latenciesMs) }
}

function runLane(
  requests: readonly Buffer[],
  { port, secret }: Target,
  latenciesMs: number[],
): Promise<void> {
  const socket = createSocket({
    type: 'udp4',
    lookup: (host, _options, done) => done(null, host, 4),
  })
  let next = 0
  let sentAtMs = 0
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no answer from port ${port} to a PAP request`)),
      PATIENCE_MS,
    )
    const send = (): void => {
      const request = requests[next]
      if (request === undefined) {
        clearTimeout(timer)
        resolve()
        return
      }
      next += 1
      sentAtMs = performance.now()
      socket.send(request, port, '127.0.0.1')
    }
    socket.on('error', reject)
    socket.on('message', (reply) => {
      latenciesMs.push(performance.now() - sentAtMs)
      timer.refresh()
      const request = requests[next - 1]
      if (reply[0] !== PacketCode.accessAccept || !isAuthentic(reply, request, secret)) {
        reject(new Error(`reply of code ${reply[0]}, or one that is not the server's`))
        return
      }
      send()
    })
    send()
  }).finally(() => socket.close())
}

function isAuthentic(reply: Buffer, request: Buffer | undefined, secret: string): boolean {
  if (request === undefined || reply[1] !== request[1]) return false
  const digest = createHash('md5')
    .update(reply.subarray(0, 4))
    .update(request.subarray(4, 20))
    .update(reply.subarray(20))
    .update(secret)
    .digest()
  return digest.equals(reply.subarray(4, 20))
}

export function personAt({ people }: Load, at: number): Credential {
  const person = people[at % people.length]
  if (person === undefined) throw new Error('nobody to log in')
  return person
}

export function sorted(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b)
}
