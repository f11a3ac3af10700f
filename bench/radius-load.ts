import { createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createSecureContext } from 'node:tls'
import {
  type Attribute,
  AttributeType,
  makeInteger,
  makeText,
  PacketCode,
  parseAttribute,
  SharedSecret,
} from '../protocols/radius/index.ts'
import { TtlsClient } from '../test/support/eap-ttls-client.ts'
import { makeRequest, papAttributes, TestNas } from '../test/support/radius-client.ts'

/** Nothing is lost on loopback, so silence is a fault of the server. */
const PATIENCE_MS = 20_000
const IDENTIFIERS = 256

export interface Target {
  readonly port: number
  readonly secret: string
}

export interface Load {
  readonly names: readonly string[]
  readonly password: string
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
function visitAttributes(name: string): Attribute[] {
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
    const name = load.names[at % load.names.length] ?? ''
    const authenticator = randomBytes(16)
    const identifier = Math.floor(at / load.concurrency) % IDENTIFIERS
    const [, hidden] = papAttributes(name, load.password, secret, authenticator)
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
    const timer = setTimeout(() => reject(new Error('no answer to a PAP request')), PATIENCE_MS)
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

export interface TlsChoice {
  readonly caPem: string
  readonly serverName: string
  readonly cipher: string
}

export interface TtlsResult extends LoadResult {
  /** Access-Requests of one log-in, the same for each. */
  readonly rounds: number
}

/** Whole EAP-TTLS/PAP log-ins over TLS 1.2 and P-256, keys compared. */
export async function loadTtls(
  target: Target,
  load: Load & { readonly tls: TlsChoice },
): Promise<TtlsResult> {
  const secureContext = createSecureContext({
    ca: load.tls.caPem,
    ciphers: load.tls.cipher,
    ecdhCurve: 'prime256v1',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
  })
  const latenciesMs: number[] = []
  const rounds = new Set<number>()
  let next = 0
  const worker = async (): Promise<void> => {
    const nas = new TestNas(target.port, target.secret, PATIENCE_MS)
    try {
      while (next < load.count) {
        const name = load.names[next % load.names.length] ?? ''
        next += 1
        const startedAtMs = performance.now()
        const client = new TtlsClient({
          outerIdentity: name,
          name,
          password: load.password,
          fragmentBytes: 1_400,
          tls: { secureContext, servername: load.tls.serverName, rejectUnauthorized: true },
        })
        const attributes = visitAttributes(name)
        const outcome = await client.run((eap) => nas.sendEap(eap, attributes))
        latenciesMs.push(performance.now() - startedAtMs)
        if (outcome.kind !== 'accept' || outcome.isResumed || outcome.protocol !== 'TLSv1.2')
          throw new Error(`a log-in ended as ${JSON.stringify(outcome)}`)
        rounds.add(outcome.rounds + 1)
      }
    } finally {
      nas.close()
    }
  }
  const startedAtMs = performance.now()
  await Promise.all(Array.from({ length: load.concurrency }, worker))
  const elapsedMs = performance.now() - startedAtMs
  if (rounds.size !== 1) throw new Error(`log-ins of ${[...rounds].join(' and ')} requests`)
  return { elapsedMs, latenciesMs: sorted(latenciesMs), rounds: [...rounds][0] ?? 0 }
}

function sorted(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b)
}
