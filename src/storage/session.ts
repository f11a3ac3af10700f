import pg from 'pg'

/** What a session may take before the server ends it; a transaction of ours lasts 250 ms at most. */
export const STATEMENT_TIMEOUT_MS = 30_000
export const LOCK_TIMEOUT_MS = 10_000
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 10_000
const KEEPALIVE_DELAY_MS = 10_000
/** After this a peer that vanished without a word is given up, in seconds and tries. */
const SERVER_KEEPALIVES = [
  'tcp_keepalives_idle=30',
  'tcp_keepalives_interval=10',
  'tcp_keepalives_count=3',
]

/** Run-time parameters every session of ours has, whatever the server's or the role's defaults. */
export const SESSION_PARAMETERS: readonly string[] = [
  'jit=off',
  // The directory is small enough to be cached. With the default of 4, made for turning disks, a
  // batch that looks 800 names up reads all of a table of 100,000 instead.
  'random_page_cost=1.1',
  'timezone=UTC',
  'datestyle=ISO',
  'intervalstyle=iso_8601',
  'search_path=public,pg_temp',
  'client_min_messages=warning',
  `statement_timeout=${STATEMENT_TIMEOUT_MS}`,
  `lock_timeout=${LOCK_TIMEOUT_MS}`,
  `idle_in_transaction_session_timeout=${IDLE_IN_TRANSACTION_TIMEOUT_MS}`,
  ...SERVER_KEEPALIVES,
]

function parseInt8(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} is beyond 2^53`)
  return value
}

const INT8 = 20
const INT8_ARRAY: number = 1016

/** Like pg's own, but bigint comes as a number: ours count rows and changes, and stay below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format === 'binary') return pg.types.getTypeParser(oid, 'binary')
    if (oid === INT8) return parseInt8
    if (oid === INT8_ARRAY) {
      const parse = pg.types.getTypeParser(oid, 'text')
      return (text: string) =>
        (parse(text) as (string | null)[]).map((item) => (item === null ? null : parseInt8(item)))
    }
    return pg.types.getTypeParser(oid, 'text')
  },
}

/** Settings shared by pool and direct connections, on either engine. */
export const CLIENT_CONFIG = {
  types,
  application_name: 'gatehouse',
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  // Our end gives up a little after the server would have: it may be the server that is gone.
  query_timeout: STATEMENT_TIMEOUT_MS + 2_000,
} as const satisfies pg.ClientConfig

/** Adds our run-time parameters to the `options` of a connection URL; the URL's own come last and win. */
export function withSessionParameters(url: string): string {
  const parsed = new URL(url)
  const own = SESSION_PARAMETERS.map((parameter) => `-c ${parameter}`).join(' ')
  const theirs = parsed.searchParams.get('options')
  parsed.searchParams.set('options', theirs ? `${own} ${theirs}` : own)
  return parsed.href
}
