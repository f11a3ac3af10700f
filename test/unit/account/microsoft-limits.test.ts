import { EventEmitter, once } from 'node:events'
import fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import {
  MicrosoftPages,
  type MicrosoftParts,
  SIGN_IN_RETURN,
} from '../../../src/account/microsoft.ts'

const START = '/account/microsoft/contoso'
const COOKIE = '__Host-gatehouse-sign-in'
const MAX_TEXT = 4_096

type Finish = MicrosoftParts['signIns']['finish']

const refusal = {
  kind: 'refused',
  reason: 'cancelled',
  source: 'contoso',
  name: '',
  principalId: null,
  code: null,
} as const

/** The pages alone, over a login service that answers as `finish` says. */
function pages(finish: Finish = async () => refusal) {
  let nowMs = 1_000_000
  let begun = 0
  const finished: unknown[] = []
  const parts: MicrosoftParts = {
    signIns: {
      list: async () => [],
      begin: async () => {
        begun += 1
        return {
          begun: { state: `state ${begun}`, startedAtMs: nowMs },
          url: 'https://login.example',
        }
      },
      finish: (...given) => {
        finished.push(given[1])
        return finish(...given)
      },
    },
    origin: () => 'https://id.example',
    directory: {} as MicrosoftParts['directory'],
    sealer: {
      seal: (text) => Buffer.from(text).toString('base64url'),
      open: (sealed) => Buffer.from(sealed, 'base64url').toString(),
    },
    events: { record: () => undefined } as unknown as MicrosoftParts['events'],
    isStale: () => false,
    primaryOf: () => null,
    nowMs: () => nowMs,
  }
  const app = fastify()
  app.register(
    (scope, _options, done) => {
      new MicrosoftPages(parts).serve(scope)
      done()
    },
    { prefix: '/account' },
  )
  return {
    app,
    finished,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

interface Begun {
  readonly state: string
  readonly cookie: string
}

async function begin(app: FastifyInstance): Promise<Begun> {
  const answer = await app.inject(START)
  const cookie = /^[^;]+/.exec(String(answer.headers['set-cookie']))?.[0] ?? ''
  const sealed = Buffer.from(cookie.slice(COOKIE.length + 1), 'base64url').toString()
  return { cookie, state: (JSON.parse(sealed) as { state: string }).state }
}

function comeBack(
  app: FastifyInstance,
  { state, cookie }: Begun,
  more: { readonly query?: string; readonly address?: string } = {},
) {
  const { query = 'code=abc', address = '192.0.2.1' } = more
  return app.inject({
    url: `${SIGN_IN_RETURN}?state=${encodeURIComponent(state)}&${query}`,
    headers: { cookie },
    remoteAddress: address,
  })
}

await t.test('size: what is too long, or given twice, is not taken', async (t) => {
  const { app, finished } = pages()
  const most = 'a'.repeat(MAX_TEXT)
  t.equal((await comeBack(app, await begin(app), { query: `code=${most}` })).statusCode, 403)
  t.same(finished, [{ code: most }])
  for (const query of [`code=${most}a`, 'code=a&code=b', `error=${most}a`, 'code=', '']) {
    const answer = await comeBack(app, await begin(app), { query })
    t.equal(answer.statusCode, 400, query.slice(0, 20))
    t.match(answer.body, /Sign in again/)
  }
  const doubled = await begin(app)
  t.equal((await comeBack(app, doubled, { query: 'state=x&code=a' })).statusCode, 400)
  t.equal(finished.length, 1, 'the login service was asked about none of them')
})

await t.test('time: an attempt ends after ten minutes', async (t) => {
  const { app, finished, pass } = pages()
  const [early, late] = [await begin(app), await begin(app)]
  pass(10 * 60_000 - 1)
  t.equal((await comeBack(app, early)).statusCode, 403)
  pass(1)
  t.equal((await comeBack(app, late)).statusCode, 400)
  t.equal(finished.length, 1)
})

await t.test('replays: the first way back ends the attempt in its browser', async (t) => {
  const { app, finished } = pages()
  const begun = await begin(app)
  const answer = await comeBack(app, begun)
  t.match(answer.headers['set-cookie'], /^__Host-gatehouse-sign-in=;.*Max-Age=0/)
  t.equal((await comeBack(app, { ...begun, cookie: '' })).statusCode, 400)
  t.equal((await comeBack(app, { ...begun, state: 'state 99' })).statusCode, 400)
  t.equal(finished.length, 1)
})

await t.test(
  'rate: an address has sixty ways back a minute, and no other pays for it',
  async (t) => {
    const { app, finished, pass } = pages()
    for (let times = 0; times < 60; times += 1)
      t.equal((await comeBack(app, await begin(app))).statusCode, 403)
    const begun = await begin(app)
    const refused = await comeBack(app, begun)
    t.equal(refused.statusCode, 429)
    t.equal(refused.headers['retry-after'], '60')
    t.match(refused.body, /Too many/)
    t.equal(
      refused.headers['set-cookie'],
      undefined,
      'she comes back with the same, a minute later',
    )
    t.equal(finished.length, 60)
    t.equal((await comeBack(app, await begin(app), { address: '192.0.2.2' })).statusCode, 403)
    pass(60_000)
    t.equal((await comeBack(app, begun)).statusCode, 403)
  },
)

await t.test(
  'count: so many exchanges under way, and the next goes on when one ends',
  async (t) => {
    const gate = new EventEmitter()
    const opened = once(gate, 'open')
    const { app, finished } = pages(async () => {
      await opened
      return refusal
    })
    const waiting = []
    for (let count = 0; count < 32; count += 1) {
      const address = `192.0.2.${count + 1}`
      waiting.push(comeBack(app, await begin(app), { address }))
    }
    const late = await begin(app)
    const answer = await comeBack(app, late, { address: '198.51.100.1' })
    t.equal(answer.statusCode, 429)
    t.equal(finished.length, 32)
    gate.emit('open')
    for (const { statusCode } of await Promise.all(waiting)) t.equal(statusCode, 403)
    t.equal((await comeBack(app, late, { address: '198.51.100.1' })).statusCode, 403)
  },
)

await t.test('a fault of the login service’s answer frees its place', async (t) => {
  const { app, finished } = pages(async () => {
    throw new Error('gone')
  })
  for (let count = 0; count < 40; count += 1) {
    const address = `192.0.2.${count + 1}`
    t.equal((await comeBack(app, await begin(app), { address })).statusCode, 500)
  }
  t.equal(finished.length, 40)
})
