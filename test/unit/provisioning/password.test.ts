import t from 'tap'
import type { GraphCalls, GraphReply } from '../../../src/provisioning/microsoft365/graph.ts'
import { setTenantPassword } from '../../../src/provisioning/microsoft365/password.ts'

const HOUR_MS = 3_600_000
const FAULT = { kind: 'error', status: 504, code: 'UnknownError', message: 'nobody knows' } as const

/** A Graph that fails each write, and tells of changes at these times: at the first read, the second. */
function graphOf(...changes: readonly (number | null)[]): GraphCalls {
  const left = [...changes]
  const other = (): Promise<GraphReply> => Promise.reject(new Error('not asked for'))
  return {
    get: async () => {
      const atMs = left.shift() ?? null
      const changedAt = atMs === null ? null : new Date(atMs).toISOString()
      return { kind: 'ok', body: { lastPasswordChangeDateTime: changedAt } }
    },
    patch: async () => FAULT,
    search: other,
    post: other,
    put: other,
    delete: other,
    link: (path) => path,
  }
}

async function outcome(...changes: readonly (number | null)[]): Promise<string> {
  const parts = { password: Buffer.from('Nine red Owls'), signal: AbortSignal.timeout(10_000) }
  return (await setTenantPassword(graphOf(...changes), 'somebody', parts)).kind
}

await t.test('a write without an answer was taken where a change is told of since', async (t) => {
  const nowMs = Date.now()
  t.equal(await outcome(nowMs - HOUR_MS, nowMs), 'taken')
  t.equal(await outcome(null, nowMs), 'taken', 'the first ever')
  const second = Math.floor(nowMs / 1_000) * 1_000
  t.equal(await outcome(nowMs - HOUR_MS, second), 'taken', 'their times are of whole seconds')
})

await t.test('it is unknown where that may be another change, or none', async (t) => {
  const nowMs = Date.now()
  t.equal(await outcome(nowMs - HOUR_MS, nowMs - HOUR_MS), 'unknown', 'a read lags')
  t.equal(
    await outcome(nowMs - HOUR_MS, nowMs - 20_000),
    'unknown',
    'it was changed before, and the first read had missed it',
  )
  t.equal(await outcome(null, null), 'unknown')
})
