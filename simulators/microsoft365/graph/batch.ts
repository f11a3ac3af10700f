import { type Answer, type Request, reply } from '../http/exchange.ts'
import { badRequest } from './graph-error.ts'

/** Microsoft's limit on requests in a batch. */
const MAX_REQUESTS = 20

interface BatchItem {
  readonly id: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly dependsOn: readonly string[]
  readonly body: unknown
}

/**
 * POST /$batch: each request is answered by `answer` and has its own status.
 *
 * @throws {GraphError} 400 for a malformed batch, more than 20 requests or an id used twice
 */
export async function answerBatch(
  request: Request,
  answer: (request: Request) => Promise<Answer>,
): Promise<Answer> {
  const items = parseItems(request.body)
  if (items.length > MAX_REQUESTS)
    throw badRequest(`Number of batch request steps exceeds the maximum value of ${MAX_REQUESTS}.`)
  if (new Set(items.map(({ id }) => id)).size !== items.length)
    throw badRequest('Request Id has to be unique in a batch.')
  for (const { id, body, headers } of items) {
    const names = Object.keys(headers).map((name) => name.toLowerCase())
    if (body !== undefined && !names.includes('content-type'))
      throw badRequest(`Content-Type header is missing in the request with id ${id}.`)
  }
  const statuses = new Map<string, number>()
  const responses: object[] = []
  for (const item of items) {
    const isBlocked = item.dependsOn.some((id) => (statuses.get(id) ?? 424) >= 400)
    const answered = isBlocked ? failedDependency() : await answer(toRequest(item, request))
    statuses.set(item.id, answered.status)
    const headers = { 'content-type': 'application/json', ...answered.headers }
    responses.push({ id: item.id, status: answered.status, headers, body: answered.body })
  }
  return reply({ responses })
}

function parseItems(body: string): BatchItem[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw badRequest('Unable to read JSON request payload.')
  }
  const { requests } = (parsed ?? {}) as { requests?: unknown }
  if (!Array.isArray(requests))
    throw badRequest("Invalid batch payload format: 'requests' expected.")
  return requests.map((each: Partial<BatchItem>) => {
    const { id, method, url, headers, dependsOn, body } = each
    if (typeof id !== 'string' || typeof method !== 'string' || typeof url !== 'string')
      throw badRequest('Invalid batch payload format: id, method and url are required.')
    return { id, method, url, headers: headers ?? {}, dependsOn: dependsOn ?? [], body }
  })
}

function toRequest(item: BatchItem, outer: Request): Request {
  const url = new URL(item.url.replace(/^\/?/, '/'), 'https://batch.invalid')
  const own = Object.fromEntries(
    Object.entries(item.headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  const { authorization } = outer.headers
  return {
    method: item.method.toUpperCase(),
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers: { ...own, authorization, 'user-agent': outer.headers['user-agent'] },
    body: item.body === undefined ? '' : JSON.stringify(item.body),
  }
}

function failedDependency(): Answer {
  const error = { code: 'FailedDependency', message: 'A request this one depends on has failed.' }
  return reply({ error }, 424)
}
