import { existsSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { request as httpRequest } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import {
  type Microsoft365,
  type Microsoft365Options,
  startMicrosoft365,
} from '../../simulators/microsoft365/index.ts'

import { gatherCalls } from './graph-calls.ts'

/** Microsoft's published facts, beside the checkout where they are at hand. */
const published = fileURLToPath(new URL('../../../shared/data/msgraph', import.meta.url))
export const contractDir: string | null = existsSync(published) ? published : null

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Parsed on demand; throws when the body is no JSON. */
  readonly body: Body
}

/** What tests look at in an answer; anything may be missing. */
// biome-ignore lint/suspicious/noExplicitAny: a foreign answer, whose shape is what is being tested
export type Body = any

export interface CallOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
  readonly json?: unknown
}

/** What a daemon is told, to connect this tenant. */
export function connectionOf(simulator: Connectable, name = 'contoso') {
  const { tenantId, clientId, clientSecret, loginUrl, graphUrl, caPem } = simulator
  return { name, tenantId, clientId, clientSecret, loginUrl, graphUrl, ca: caPem }
}

type Connectable = Pick<
  Microsoft365,
  'tenantId' | 'clientId' | 'clientSecret' | 'loginUrl' | 'graphUrl' | 'caPem'
>

/** A simulator with a caller that trusts its certificate and has signed in. */
export class Microsoft365Bench {
  readonly simulator: Microsoft365
  readonly #agent: Agent
  #token = ''

  private constructor(simulator: Microsoft365) {
    this.simulator = simulator
    this.#agent = new Agent({ keepAlive: true, ca: simulator.caPem })
  }

  static async start(options: Microsoft365Options = {}): Promise<Microsoft365Bench> {
    const bench = new Microsoft365Bench(await startMicrosoft365(options))
    await bench.signIn()
    return bench
  }

  /** Held against what Microsoft publishes where that is at hand; stops with the test. */
  static async startFor(t: Test, options: Microsoft365Options = {}): Promise<Microsoft365Bench> {
    const contract = contractDir === null ? {} : { contractDir }
    const bench = await Microsoft365Bench.start({ ...options, ...contract })
    t.teardown(() => bench.stop())
    return bench
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    gatherCalls(this.simulator)
    await this.simulator.stop()
  }

  get token(): string {
    return this.#token
  }

  useToken(token: string): void {
    this.#token = token
  }

  async signIn(form: Readonly<Record<string, string>> = {}): Promise<Reply> {
    const { clientId, clientSecret } = this.simulator
    const reply = await this.tokenCall({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: 'https://graph.microsoft.com/.default',
      ...form,
    })
    if (reply.status === 200) this.#token = reply.body.access_token
    return reply
  }

  tokenCall(form: Readonly<Record<string, string>>, tenant?: string): Promise<Reply> {
    const { loginUrl, tenantId } = this.simulator
    return this.call(`${loginUrl}/${tenant ?? tenantId}/oauth2/v2.0/token`, {
      method: 'POST',
      form,
    })
  }

  /** A Graph call with the token; `path` below /v1.0 or a whole link. */
  graph(path: string, options: CallOptions = {}): Promise<Reply> {
    const url = path.startsWith('https://') ? path : `${this.simulator.graphUrl}/v1.0${path}`
    const headers = { authorization: `Bearer ${this.#token}`, ...options.headers }
    return this.call(url, { ...options, headers })
  }

  control(method: string, path: string, json?: unknown): Promise<Reply> {
    return this.call(`${this.simulator.controlUrl}${path}`, { method, json })
  }

  call(url: string, options: CallOptions = {}): Promise<Reply> {
    return callOver(this.#agent, url, options)
  }

  /** Follows a delta round to its deltaLink. */
  async round(
    start: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ pages: Body[][]; objects: Body[]; deltaLink: string }> {
    const pages: Body[][] = []
    let next = start
    for (;;) {
      const reply = await this.graph(next, { headers })
      if (reply.status !== 200) throw new Error(`${next} gave ${reply.status} ${reply.text}`)
      pages.push(reply.body.value)
      const deltaLink: string | undefined = reply.body['@odata.deltaLink']
      if (deltaLink !== undefined) return { pages, objects: pages.flat(), deltaLink }
      next = reply.body['@odata.nextLink']
    }
  }

  /** Id of a user by the local part of her name. */
  user(local: string): string {
    const record = this.simulator.tenant.findUser(`${local}@contoso.example`)
    if (record === null) throw new Error(`no user ${local}`)
    return record.id
  }

  group(name: string): string {
    const record = this.simulator.tenant.findGroup(name)
    if (record === null) throw new Error(`no group ${name}`)
    return record.id
  }
}

/** Calls to a simulator that somebody else has started. */
export function callsTo(caPem: string): Pick<Microsoft365Bench, 'call'> {
  const agent = new Agent({ ca: caPem })
  return { call: (url, options = {}) => callOver(agent, url, options) }
}

function callOver(agent: Agent, url: string, options: CallOptions): Promise<Reply> {
  const { method = 'GET', form, json } = options
  const body = form
    ? new URLSearchParams(form).toString()
    : json === undefined
      ? ''
      : JSON.stringify(json)
  const headers: Record<string, string> = { ...options.headers }
  if (form) headers['content-type'] = 'application/x-www-form-urlencoded'
  else if (json !== undefined) headers['content-type'] = 'application/json'
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:')
      ? httpsRequest(url, { method, headers, agent })
      : httpRequest(url, { method, headers })
    request.on('error', reject)
    request.on('response', (message) => {
      const chunks: Buffer[] = []
      message.on('data', (chunk: Buffer) => chunks.push(chunk))
      message.on('error', reject)
      message.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const status = message.statusCode ?? 0
        resolve({
          status,
          headers: message.headers,
          text,
          get body(): Body {
            return JSON.parse(text)
          },
        })
      })
    })
    request.end(body)
  })
}
