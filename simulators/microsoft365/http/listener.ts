import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { ServerCertificate } from './certificate.ts'
import type { Request } from './exchange.ts'

/** A batch of 20 requests or 1,000 ids is far below. */
const MAX_BODY_BYTES = 4 << 20

export interface Listening {
  readonly port: number
  stop(): Promise<void>
}

/** Listens on a port, or on any when the one wanted is taken and `canMove`. */
export async function listen(
  answer: RequestListener,
  options: { host: string; port: number; canMove: boolean; certificate: ServerCertificate | null },
): Promise<Listening> {
  const { certificate, host } = options
  const server =
    certificate === null
      ? createHttpServer(answer)
      : createHttpsServer({ cert: certificate.certificatePem, key: certificate.keyPem }, answer)
  // Clients keep connections between pages; a slow one is no reason to cut it.
  server.keepAliveTimeout = 60_000
  try {
    await bind(server, host, options.port)
  } catch (error) {
    if (!options.canMove || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    await bind(server, host, 0)
  }
  const { port } = server.address() as AddressInfo
  return { port, stop: () => close(server) }
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/**
 * Reads a request whole.
 *
 * @returns null when its body is too big or its URL can't be decoded
 */
export async function readRequest(message: IncomingMessage): Promise<Request | null> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes > MAX_BODY_BYTES) return null
    chunks.push(chunk)
  }
  try {
    const url = new URL(message.url ?? '/', 'https://simulator.invalid')
    const headers = Object.fromEntries(
      Object.entries(message.headers).map(([name, value]) => [name, String(value)]),
    )
    return {
      method: message.method ?? 'GET',
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      headers,
      body: Buffer.concat(chunks).toString(),
    }
  } catch {
    return null
  }
}
