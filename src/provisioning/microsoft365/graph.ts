import type { WriteAnswer } from '../target.ts'

export type GraphReply =
  | { readonly kind: 'ok'; readonly body: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'error'
      readonly status: number
      readonly code: string
      readonly message: string
    }
  /** Refused before anything was done, for being one too many. */
  | { readonly kind: 'throttled'; readonly retryAfterMs: number | null }

export type GraphError = Extract<GraphReply, { kind: 'error' }>

/** Microsoft Graph of one tenant; paths are below `/v1.0`. Rejects when there was no answer. */
export interface GraphCalls {
  get(path: string, signal: AbortSignal): Promise<GraphReply>
  /** A query over the index, which may lag a little more. */
  search(path: string, signal: AbortSignal): Promise<GraphReply>
  /** @param body bytes are JSON already */
  patch(path: string, body: object | Buffer, signal: AbortSignal): Promise<GraphReply>
  post(path: string, body: object | null, signal: AbortSignal): Promise<GraphReply>
  put(path: string, body: object, signal: AbortSignal): Promise<GraphReply>
  delete(path: string, signal: AbortSignal): Promise<GraphReply>
  /** The whole address of a path, as a reference to an object is written. */
  link(path: string): string
}

export function userPath(externalId: string): string {
  return `/users/${encodeURIComponent(externalId)}`
}

export function groupPath(groupId: string): string {
  return `/groups/${encodeURIComponent(groupId)}`
}

export function describe(reply: GraphReply): string {
  return reply.kind === 'error' ? `${reply.status} ${reply.code}` : reply.kind
}

/** What an answer says of any write alike; else the error, for whoever knows what was written. */
export function answerOf(reply: GraphReply): WriteAnswer | GraphError {
  if (reply.kind === 'ok') return { kind: 'written' }
  if (reply.kind === 'throttled') {
    return { kind: 'later', afterMs: reply.retryAfterMs, reason: 'Graph asks to slow down' }
  }
  // Somebody else is at the same object just now.
  if (reply.status === 409 || reply.status === 412 || reply.status === 423) {
    return { kind: 'later', afterMs: null, reason: `Graph refuses for now (${reply.code})` }
  }
  // Graph lets a credential go some time before, or after, the login service does.
  if (reply.status === 401) {
    return { kind: 'later', afterMs: null, reason: 'Graph does not accept our token' }
  }
  return reply
}
