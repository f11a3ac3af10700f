import { Agent, request } from 'node:https'
import { createSecureContext, rootCertificates, type SecureVersion } from 'node:tls'
import type { TlsVersion } from './subscription.ts'

const MAX_ANSWER_BYTES = 16 * 1024

/** Every version from 1.2 on; older ones are asked for in vain (learn.microsoft.com, TLS retirement). */
const MAX_VERSION: Readonly<Record<TlsVersion, SecureVersion>> = {
  v1_0: 'TLSv1.2',
  v1_1: 'TLSv1.2',
  v1_2: 'TLSv1.2',
  v1_3: 'TLSv1.3',
}

export interface WebhookAnswer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** Null in place of an answer: none came in time, or the connection failed, as `why` says. */
export type WebhookOutcome =
  | { readonly answer: WebhookAnswer; readonly tookMs: number }
  | {
      readonly answer: null
      readonly isTimeout: boolean
      readonly why: string
      readonly tookMs: number
    }

export interface WebhookCall {
  readonly type: string
  readonly body: string
  readonly timeoutMs: number
  readonly latestTls: TlsVersion
  /** PEM to trust beside the public CAs; empty for none. */
  readonly ca: string
}

/** Connections at a time; all that is on its way waits for one. */
const MAX_SOCKETS = 8
const agents = new Map<string, Agent>()

/** To read the public CAs takes tens of milliseconds: once for each way to connect. */
function agentFor({ latestTls, ca }: WebhookCall): Agent {
  const key = `${latestTls} ${ca}`
  const known = agents.get(key)
  if (known !== undefined) return known
  const secureContext = createSecureContext({
    minVersion: 'TLSv1.2',
    maxVersion: MAX_VERSION[latestTls],
    ...(ca === '' ? {} : { ca: [...rootCertificates, ca] }),
  })
  const made = new Agent({ secureContext, maxSockets: MAX_SOCKETS })
  agents.set(key, made)
  return made
}

/** One POST to an endpoint of somebody's; redirects are not followed. */
export function callWebhook(url: string, call: WebhookCall): Promise<WebhookOutcome> {
  const startedAtMs = performance.now()
  const tookMs = (): number => Math.round(performance.now() - startedAtMs)
  return new Promise((resolve) => {
    const fail = (error: Error): void => {
      const isTimeout = error.name === 'TimeoutError'
      resolve({ answer: null, isTimeout, why: error.message, tookMs: tookMs() })
    }
    const signal = AbortSignal.timeout(call.timeoutMs)
    const sent = request(
      url,
      {
        method: 'POST',
        agent: agentFor(call),
        signal,
        headers: {
          'content-type': call.type,
          'content-length': String(Buffer.byteLength(call.body)),
          'user-agent': 'microsoft365-simulator',
        },
      },
      (message) => {
        const chunks: Buffer[] = []
        let size = 0
        message.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size <= MAX_ANSWER_BYTES) chunks.push(chunk)
        })
        message.on('error', fail)
        message.on('end', () => {
          const answer = {
            status: message.statusCode ?? 0,
            type: message.headers['content-type'] ?? '',
            text: Buffer.concat(chunks).toString(),
          }
          resolve({ answer, tookMs: tookMs() })
        })
      },
    )
    sent.on('error', (error) => fail(signal.aborted ? (signal.reason as Error) : error))
    sent.end(call.body)
  })
}
