import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'

/** What went wrong, in words for the person at the terminal; no stack is shown for it. */
export class CliError extends Error {
  override readonly name = 'CliError'
}

export interface Connection {
  /** The daemon's own socket; used when no URL is given. */
  readonly socketPath: string
  readonly url: string | null
  readonly token: string | null
  /** PEM file of a CA to trust for `url`. */
  readonly caFile: string | null
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

const TIMEOUT_MS = 15 * 60_000

/** Speaks to a daemon's admin API, over its Unix socket or by URL and token. */
export class ApiClient {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
    const given = Object.entries(query).filter(
      (pair): pair is [string, string | number] => pair[1] !== undefined,
    )
    const pairs = given.map(([name, value]): [string, string] => [name, String(value)])
    const search = new URLSearchParams(pairs).toString()
    return await this.#json<T>('GET', search === '' ? path : `${path}?${search}`)
  }

  async send<T>(method: Exclude<Method, 'GET'>, path: string, body?: unknown): Promise<T> {
    return await this.#json<T>(method, path, body)
  }

  /** Sends what is no JSON. */
  async upload<T>(
    path: string,
    body: { readonly bytes: Buffer; readonly type: string },
  ): Promise<T> {
    const response = await this.#request('POST', path, body.bytes, body.type)
    if ((response.statusCode ?? 500) >= 300) throw await errorFrom(response)
    return JSON.parse(await text(response)) as T
  }

  /** The body as it comes, for what is too large to hold. */
  async download(path: string, body: unknown): Promise<Readable> {
    const response = await this.#request('POST', path, body)
    if (response.statusCode !== 200) throw await errorFrom(response)
    return response
  }

  async #json<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const response = await this.#request(method, path, body)
    if ((response.statusCode ?? 500) >= 300) throw await errorFrom(response)
    return JSON.parse(await text(response)) as T
  }

  async #request(
    method: Method,
    path: string,
    body: unknown,
    type = 'application/json',
  ): Promise<IncomingMessage> {
    const { url, socketPath, token, caFile } = this.#connection
    const payload = body === undefined ? null : toBytes(body)
    const headers = {
      ...(payload === null ? {} : { 'content-type': type, 'content-length': payload.length }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    }
    const options = {
      method,
      headers,
      timeout: TIMEOUT_MS,
      ...(caFile === null ? {} : { ca: readFileSync(caFile) }),
    }
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const full = `/api/v1${path}`
      const outgoing =
        url === null
          ? httpRequest({ ...options, socketPath, path: full }, resolve)
          : (url.startsWith('https:') ? httpsRequest : httpRequest)(
              new URL(full, url),
              options,
              resolve,
            )
      outgoing.on('error', (error: NodeJS.ErrnoException) => reject(this.#explain(error)))
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
      outgoing.end(payload)
    })
  }

  #explain(error: NodeJS.ErrnoException): CliError {
    const { url, socketPath } = this.#connection
    if (url !== null) return new CliError(`${url} does not answer: ${error.message}`)
    if (error.code === 'EACCES')
      return new CliError(
        `the daemon's socket ${socketPath} belongs to another account: run this as the one that runs the daemon, or use --url and a token`,
      )
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')
      return new CliError(
        `no daemon answers at ${socketPath}: start one with \`gatehouse serve\`, name its data folder with --data, or use --url and a token`,
      )
    return new CliError(`the daemon at ${socketPath} does not answer: ${error.message}`)
  }
}

function toBytes(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
}

async function errorFrom(response: IncomingMessage): Promise<CliError> {
  const body = await text(response)
  try {
    const { error } = JSON.parse(body) as { error: { message: string } }
    return new CliError(error.message)
  } catch {
    return new CliError(`the daemon answered ${response.statusCode} ${response.statusMessage}`)
  }
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
