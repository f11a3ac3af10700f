import t from 'tap'
import { Graph } from '../../../src/sources/microsoft365/graph.ts'
import type { HttpsFetch } from '../../../src/sources/microsoft365/https.ts'
import { parseRetryAfter } from '../../../src/sources/microsoft365/middleware.ts'
import type { TokenProvider } from '../../../src/sources/microsoft365/sign-in.ts'

const signal = new AbortController().signal

interface Sent {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** A Graph whose answers, clock and waits are the test's. */
function rig(answers: (Response | Error)[]) {
  const sent: Sent[] = []
  const waits: number[] = []
  let nowMs = 1_000_000
  let token = 0
  const tokens: TokenProvider = {
    token: async () => `token-${token}`,
    forget: () => {
      token += 1
    },
  }
  const fetch: HttpsFetch = async (url, { headers }) => {
    sent.push({ url, headers })
    const answer = answers.shift() ?? json({ value: [] })
    if (answer instanceof Error) throw answer
    return answer
  }
  const graph = new Graph({
    graphUrl: 'https://graph.example',
    tokens,
    fetch,
    timing: {
      nowMs: () => nowMs,
      sleep: async (ms) => {
        waits.push(ms)
        nowMs += ms
      },
      random: () => 1,
    },
  })
  return { graph, sent, waits, pass: (ms: number) => (nowMs += ms) }
}

function json(body: unknown, init: ResponseInit = {}): Response {
  const headers = { 'content-type': 'application/json', ...init.headers }
  return new Response(JSON.stringify(body), { ...init, headers })
}

function failing(status: number, headers: Record<string, string> = {}): Response {
  return json({ error: { code: 'TooManyRequests' } }, { status, headers })
}

const LINK = "https://graph.example/v1.0/users/delta?$deltatoken=a%2Bb&x=https://y'z"

t.test('graph: a link goes out exactly as it came, with our token and low priority', async (t) => {
  const { graph, sent } = rig([json({ value: [1] })])
  t.same(await graph.getJson(LINK, signal), { kind: 'ok', body: { value: [1] } })
  t.equal(sent[0]?.url, LINK)
  t.match(sent[0]?.headers, {
    authorization: 'Bearer token-0',
    'x-ms-throttle-priority': 'low',
    'client-request-id': /^[0-9a-f-]{36}$/,
  })
})

t.test('graph: a link to another origin is not followed, and takes no token there', async (t) => {
  const { graph, sent } = rig([])
  for (const link of ['https://evil.example/v1.0/users', 'http://graph.example/v1.0/users']) {
    await t.rejects(graph.getJson(link, signal), { code: 'SOURCE_NONSENSE' })
  }
  t.equal(sent.length, 0)
})

t.test('graph: waits as it is told: seconds, a date, or by itself', async (t) => {
  const date = new Date(1_000_000 + 7_000 + 20_000).toUTCString()
  const { graph, waits } = rig([
    failing(429, { 'retry-after': '7' }),
    failing(503, { 'retry-after': date }),
    failing(504),
    new Error('ECONNRESET'),
    json({}),
  ])
  await graph.getJson(LINK, signal)
  t.same(waits, [7_000, 20_000, 4_000, 8_000])
})

t.test('graph: gives up when the waits outgrow a round, and says for how long', async (t) => {
  const { graph, waits } = rig([failing(429, { 'retry-after': '600' })])
  await t.rejects(graph.getJson(LINK, signal), { code: 'SOURCE_THROTTLED', retryAfterMs: 600_000 })
  t.same(waits, [])
})

t.test('graph: after five failures in a row nobody is asked for a minute', async (t) => {
  const answers = Array.from({ length: 30 }, () => failing(503, { 'retry-after': '1' }))
  const { graph, sent, pass } = rig(answers)
  for (let at = 0; at < 5; at++) {
    await t.rejects(graph.getJson(LINK, signal), { code: 'SOURCE_UNAVAILABLE' })
  }
  const before = sent.length
  await t.rejects(graph.getJson(LINK, signal), { code: 'SOURCE_UNAVAILABLE', retryAfterMs: 60_000 })
  t.equal(sent.length, before)
  pass(60_001)
  t.match(await graph.getJson(LINK, signal), { kind: 'ok' })
})

t.test('graph: near the quota it slows down', async (t) => {
  const warning = { 'x-ms-throttle-limit-percentage': '1.0' }
  const { graph, waits } = rig([json({}, { headers: warning }), json({})])
  await graph.getJson(LINK, signal)
  await graph.getJson(LINK, signal)
  await graph.getJson(LINK, signal)
  t.same(waits, [1_000], 'and no longer once the warning is gone')
})

t.test(
  'graph: a 401 is answered with a fresh token once, a 403 makes the next one fresh',
  async (t) => {
    const { graph, sent } = rig([
      failing(401),
      json({}),
      failing(403),
      json({}),
      failing(401),
      failing(401),
    ])
    t.match(await graph.getJson(LINK, signal), { kind: 'ok' })
    t.match(await graph.getJson(LINK, signal), { kind: 'error', status: 403 })
    t.match(await graph.getJson(LINK, signal), { kind: 'ok' })
    t.match(await graph.getJson(LINK, signal), { kind: 'error', status: 401 })
    t.same(
      sent.map(({ headers }) => headers['authorization']),
      [0, 1, 1, 2, 2, 3].map((n) => `Bearer token-${n}`),
    )
  },
)

t.test('graph: what is not JSON, or not whole, is a fault and never an answer', async (t) => {
  const html = () =>
    new Response('<html>Sign in</html>', { headers: { 'content-type': 'text/html' } })
  const cut = () =>
    new Response('{"value":[{"id":', { headers: { 'content-type': 'application/json' } })
  const list = () => json([1])
  for (const make of [html, cut, list]) {
    const { graph, sent } = rig([make(), make()])
    await t.rejects(graph.getJson(LINK, signal), { code: 'SOURCE_NONSENSE' })
    t.equal(sent.length, 2, 'asked once more')
    const mended = rig([make(), json({ value: [] })])
    t.match(await mended.graph.getJson(LINK, signal), { kind: 'ok' })
  }
})

t.test('graph: a 410 gives its Location, an error its code', async (t) => {
  const gone = new Response('', { status: 410, headers: { location: 'https://graph.example/x' } })
  const { graph } = rig([gone, json({ error: { code: 'syncStateNotFound' } }, { status: 400 })])
  t.match(await graph.getJson(LINK, signal), { status: 410, location: 'https://graph.example/x' })
  t.match(await graph.getJson(LINK, signal), { status: 400, code: 'syncStateNotFound' })
})

t.test('Retry-After: RFC 9110 §10.2.3, both forms and neither', async (t) => {
  t.equal(parseRetryAfter('120', 0), 120_000)
  t.equal(parseRetryAfter('Thu, 01 Jan 1970 00:01:00 GMT', 10_000), 50_000)
  t.equal(parseRetryAfter('Thu, 01 Jan 1970 00:00:00 GMT', 10_000), 0)
  t.equal(parseRetryAfter('soon', 0), null)
  t.equal(parseRetryAfter(null, 0), null)
})
