import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { rootCertificates, TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { readVersion } from '../../version.ts'
import { explainNetworkFault } from './network-fault.ts'

/** So that the tenant's admins find us in their logs. */
const USER_AGENT = `Gatehouse/${readVersion()}`
/** A page of 200 people is some 300 KB, one of 2,000 members as much. */
const MAX_BODY_BYTES = 32 * 1024 * 1024
/** Without a byte for so long the other side is taken for dead. */
const IDLE_TIMEOUT_MS = 30_000
/** One answer, from the first byte of the request to the last of the body. */
const TOTAL_TIMEOUT_MS = 120_000
const MAX_SOCKETS = 4

const inflate = promisify(gunzip)

export interface HttpRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** Bytes stay the caller's: to wipe, once the exchange has ended. */
  readonly body?: string | Buffer
  readonly signal?: AbortSignal
}

/** One HTTPS exchange, its body read whole. Rejects when the answer does not arrive complete. */
export type HttpsFetch = (url: string, options: HttpRequest) => Promise<Response>

export interface HttpsOptions {
  /** Off where no exchange may have to do with another. */
  readonly keepAlive?: boolean
  readonly maxSockets?: number
  readonly maxBodyBytes?: number
}

/**
 * A fetch over TLS with CAs of our own choosing, which the built-in one only takes from the
 * environment of the process. Redirects are not followed: neither service sends any.
 *
 * @param ca PEM to trust beside the public CAs
 */
export function makeHttpsFetch(ca: string | null, options: HttpsOptions = {}): HttpsFetch {
  const trusted = ca === null ? {} : { ca: [...rootCertificates, ca] }
  const agent = new Agent({
    keepAlive: options.keepAlive ?? true,
    maxSockets: options.maxSockets ?? MAX_SOCKETS,
    minVersion: 'TLSv1.2',
    ...trusted,
  })
  const maxBytes = options.maxBodyBytes ?? MAX_BODY_BYTES
  return async (url, options) => {
    const limit = AbortSignal.timeout(TOTAL_TIMEOUT_MS)
    const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit
    const { message, body } = await exchange(new URL(url), options, { agent, signal, maxBytes })
    const isZipped = message.headers['content-encoding'] === 'gzip'
    const bytes = isZipped ? await unzip(body, maxBytes) : body
    return toResponse(message, bytes)
  }
}

function unzip(body: Buffer, maxBytes: number): Promise<Buffer> {
  return inflate(body, { maxOutputLength: maxBytes })
}

function exchange(
  url: URL,
  options: HttpRequest,
  by: { readonly agent: Agent; readonly signal: AbortSignal; readonly maxBytes: number },
): Promise<{ message: IncomingMessage; body: Buffer }> {
  return new Promise((resolve, reject) => {
    if (url.protocol !== 'https:') throw new Error(`${url.protocol} is not https`)
    const { method, headers, body = '' } = options
    const length = body.length === 0 ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = request(
      url,
      {
        agent: by.agent,
        signal: by.signal,
        method,
        headers: { 'user-agent': USER_AGENT, ...headers, ...length, 'accept-encoding': 'gzip' },
        timeout: IDLE_TIMEOUT_MS,
      },
      (message) => {
        readBody(message, by.maxBytes).then((read) => resolve({ message, body: read }), reject)
      },
    )
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${IDLE_TIMEOUT_MS} ms`)))
    sent.on('error', (fault) => reject(explainNetworkFault(url, fault)))
    if (typeof body === 'string') sent.end(body)
    else sendAlone(sent, body)
  })
}

/**
 * What is written before the handshake is over, or together with the headers, Node copies, and frees
 * the copy as it is. What goes out alone it encrypts where it lies.
 */
function sendAlone(sent: ClientRequest, body: Buffer): void {
  sent.flushHeaders()
  sent.once('socket', (socket) => {
    const send = () => setImmediate(() => sent.end(body))
    // 'unknown' until the handshake is over, and null for a socket that is not connected.
    const protocol = socket instanceof TLSSocket ? socket.getProtocol() : null
    if (protocol === null || protocol === 'unknown') socket.once('secureConnect', send)
    else send()
  })
}

async function readBody(message: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new Error(`an answer of more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  if (!message.complete) throw new Error('the answer was cut short')
  return Buffer.concat(chunks)
}

const BODILESS = new Set([204, 205, 304])

function toResponse(message: IncomingMessage, body: Buffer): Response {
  const status = message.statusCode ?? 0
  const headers = new Headers()
  for (const [name, value] of Object.entries(message.headers)) {
    if (typeof value === 'string' && name !== 'content-encoding') headers.set(name, value)
  }
  return new Response(BODILESS.has(status) ? null : new Uint8Array(body), { status, headers })
}
