import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { FaultRule } from '../faults/fault-rule.ts'
import type { Answer } from './exchange.ts'

const PORTAL_PAGE = `<!doctype html><html><head><title>Sign in to the network</title></head>
<body><h1>Welcome to Airport Wi-Fi</h1><form method="post"><button>Connect</button></form></body></html>`

/** Sends an answer, spoilt on its way by the first wire fault among `faults`. */
export async function send(
  answer: Answer,
  response: ServerResponse,
  faults: readonly FaultRule[],
): Promise<void> {
  const { contentType, bytes } = encodeBody(answer.body)
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
  response.statusCode = answer.status
  if (contentType !== null && !response.hasHeader('content-type'))
    response.setHeader('content-type', contentType)
  const fault = faults.find(({ fault }) => fault in SPOILERS)
  const spoil = fault === undefined ? null : SPOILERS[fault.fault]
  if (fault === undefined || !spoil) sendWhole(response, bytes)
  else await spoil(response, bytes, fault)
}

function encodeBody(body: unknown): { contentType: string | null; bytes: Buffer } {
  if (body === null || body === undefined) return { contentType: null, bytes: Buffer.alloc(0) }
  if (typeof body === 'string') return { contentType: 'text/plain', bytes: Buffer.from(body) }
  const contentType =
    'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8'
  return { contentType, bytes: Buffer.from(JSON.stringify(body)) }
}

function sendWhole(response: ServerResponse, bytes: Buffer): void {
  response.setHeader('content-length', bytes.length)
  response.end(bytes)
}

type Spoiler = (response: ServerResponse, bytes: Buffer, fault: FaultRule) => void | Promise<void>

const SPOILERS: Readonly<Record<string, Spoiler>> = {
  'truncated-json': (response, bytes) => sendWhole(response, bytes.subarray(0, bytes.length >> 1)),
  'wrong-content-type': (response, bytes) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    sendWhole(response, bytes)
  },
  gzip: (response, bytes) => {
    response.setHeader('content-encoding', 'gzip')
    sendWhole(response, gzipSync(bytes))
  },
  reset: (response, bytes) => {
    response.setHeader('content-length', bytes.length)
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy())
  },
  'slow-body': async (response, bytes, fault) => {
    response.setHeader('content-length', bytes.length)
    for (let at = 0; at < bytes.length && !response.destroyed; at += fault.chunkBytes) {
      response.write(bytes.subarray(at, at + fault.chunkBytes))
      await sleep(fault.ms)
    }
    response.end()
  },
  'captive-portal': (response) => {
    response.statusCode = 200
    response.setHeader('content-type', 'text/html; charset=utf-8')
    sendWhole(response, Buffer.from(PORTAL_PAGE))
  },
}
