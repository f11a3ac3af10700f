import t from 'tap'
import { DirectoryError } from '../../../src/directory/errors.ts'
import type { AuthEvent } from '../../../src/observe/auth-event.ts'
import type { AuthEventBatch, AuthEventRow } from '../../../src/observe/auth-event-writer.ts'
import { BatchingAuthEvents } from '../../../src/observe/auth-events.ts'
import { NOT_KEPT_SINGLY } from '../../../src/observe/overflow.ts'
import { SuccessWindows } from '../../../src/observe/success-windows.ts'

function anEvent(change: Partial<AuthEvent> = {}): AuthEvent {
  return {
    atMs: 0,
    outcome: 'success',
    reason: null,
    resourceKind: 'ldap',
    resourceName: null,
    method: 'ldap-simple',
    principalId: 'adele',
    name: 'adele',
    address: '192.0.2.1',
    device: null,
    detail: null,
    ...change,
  }
}

const denied = (change: Partial<AuthEvent> = {}) =>
  anEvent({ outcome: 'denied', reason: 'wrong-password', ...change })

/** Keeps batches by id, and can be away, or take a batch and fail to say so. */
class FakeWriter {
  readonly batches = new Map<string, readonly AuthEventRow[]>()
  mode: 'here' | 'away' | 'silent' | 'picky' = 'here'
  calls = 0

  async write(batch: AuthEventBatch): Promise<void> {
    this.calls += 1
    if (this.mode === 'away') throw new DirectoryError('DIRECTORY_UNAVAILABLE', 'away')
    if (this.mode === 'picky' && batch.rows.some((row) => row.name === 'bad')) {
      throw new Error('invalid byte sequence')
    }
    this.batches.set(batch.id, batch.rows)
    if (this.mode === 'silent') {
      this.mode = 'here'
      throw new Error('time-out')
    }
  }

  get rows(): AuthEventRow[] {
    return [...this.batches.values()].flat()
  }

  get total(): number {
    return this.rows.reduce((sum, row) => sum + row.count, 0)
  }
}

await t.test('every denial is a row of its own, in order', async (t) => {
  const writer = new FakeWriter()
  const events = new BatchingAuthEvents({ writer })
  for (let at = 0; at < 2_500; at += 1) events.record(denied({ atMs: at }))
  await events.flush()
  t.equal(writer.batches.size, 3, 'batches of a thousand')
  t.same(
    writer.rows.map((row) => row.atMs),
    Array.from({ length: 2_500 }, (_, at) => at),
  )
  t.same(events.totals, { recorded: 2_500, written: 2_500, queued: 0 })
})

await t.test(
  'a success is a row at once, and those alike within a minute are one more',
  async (t) => {
    const windows = new SuccessWindows()
    t.match(windows.add(anEvent({ atMs: 0 })), [{ count: 1, atMs: 0 }])
    for (let at = 1; at <= 500; at += 1) t.same(windows.add(anEvent({ atMs: at * 100 })), [])
    t.same(windows.close(59_999), [])
    t.match(windows.close(60_000), [{ count: 500, atMs: 100, lastAtMs: 50_000 }])
    t.same(windows.add(anEvent({ atMs: 61_000 })), [], 'goes on: no row of its own again')
    t.match(windows.close(120_000), [{ count: 1, atMs: 61_000 }])
    t.same(windows.close(180_000), [])
    t.equal(windows.size, 0, 'a quiet window is forgotten')
  },
)

await t.test('a window that nobody closed in time is closed by the next success', async (t) => {
  const windows = new SuccessWindows()
  windows.add(anEvent({ atMs: 0 }))
  windows.add(anEvent({ atMs: 10 }))
  t.match(windows.add(anEvent({ atMs: 90_000 })), [
    { count: 1, atMs: 10 },
    { count: 1, atMs: 90_000 },
  ])
})

await t.test('only what is alike is merged', async (t) => {
  const windows = new SuccessWindows()
  windows.add(anEvent())
  const others: Partial<AuthEvent>[] = [
    { principalId: 'ben' },
    { resourceKind: 'network' },
    { resourceName: 'wiki' },
    { method: 'ldap-starttls' },
    { address: '192.0.2.2' },
    { device: '02-00-00-00-00-01' },
    { detail: { tls: '1.2' } },
    { detail: { tls: '1.2', resumed: true } },
  ]
  for (const other of others) t.equal(windows.add(anEvent(other)).length, 1, JSON.stringify(other))
})

await t.test(
  'without a database rows wait, then the rest is counted and the counts are rows',
  async (t) => {
    const writer = new FakeWriter()
    writer.mode = 'away'
    const faults: unknown[] = []
    const events = new BatchingAuthEvents({
      writer,
      maxQueued: 100,
      onFault: (error) => faults.push(error),
    })
    await events.start()
    for (let n = 0; n < 150; n += 1) events.record(denied({ atMs: n }))
    for (let n = 0; n < 30; n += 1) {
      events.record(denied({ atMs: n, resourceKind: 'network', outcome: 'unavailable' }))
    }
    t.equal(events.totals.queued, 100)
    const flushed = events.flush()
    writer.mode = 'here'
    await flushed
    await events.stop()
    t.equal(writer.total, 180, 'the sum is the number of answers')
    t.match(
      writer.rows.filter((row) => row.reason === NOT_KEPT_SINGLY),
      [
        { outcome: 'denied', resourceKind: 'ldap', count: 50, atMs: 100, lastAtMs: 149 },
        { outcome: 'unavailable', resourceKind: 'network', count: 30 },
      ],
    )
    t.ok(faults.length > 0, 'the failed write was told of')
  },
)

await t.test('a write of unknown outcome is repeated under the same id', async (t) => {
  const writer = new FakeWriter()
  writer.mode = 'silent'
  const events = new BatchingAuthEvents({ writer })
  events.record(denied())
  await events.flush()
  t.equal(writer.calls, 2)
  t.equal(writer.total, 1)
})

await t.test(
  'a batch that can never be written is kept as counts and holds up nothing',
  async (t) => {
    const writer = new FakeWriter()
    writer.mode = 'picky'
    const events = new BatchingAuthEvents({ writer })
    events.record(denied({ name: 'bad' }))
    events.record(denied({ name: 'good' }))
    await events.stop()
    t.match(writer.rows, [{ reason: NOT_KEPT_SINGLY, count: 2, outcome: 'denied' }])
  },
)

await t.test('an answer is in the table within half a second without anybody asking', async (t) => {
  const writer = new FakeWriter()
  const events = new BatchingAuthEvents({ writer })
  await events.start()
  t.teardown(() => events.stop())
  events.record(anEvent({ atMs: Date.now() }))
  events.record(denied({ atMs: Date.now() }))
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.equal(writer.total, 2)
})

await t.test('a stop writes open windows, and says what it could not write', async (t) => {
  const writer = new FakeWriter()
  const lost: number[] = []
  const events = new BatchingAuthEvents({ writer, onLost: (count) => lost.push(count) })
  for (let n = 0; n < 7; n += 1) events.record(anEvent({ atMs: n }))
  await events.stop()
  t.match(writer.rows, [{ count: 1 }, { count: 6 }])
  t.same(lost, [])
})

await t.test('a stop without a database ends, and says how many answers it lost', async (t) => {
  const writer = new FakeWriter()
  writer.mode = 'away'
  const lost: number[] = []
  const events = new BatchingAuthEvents({ writer, onLost: (count) => lost.push(count) })
  for (let n = 0; n < 7; n += 1) events.record(denied({ atMs: n }))
  await events.stop()
  t.same(lost, [7])
  t.ok(writer.calls > 5, 'it tried until the end')
})

await t.test('many answers are counted without as many rows', async (t) => {
  const writer = new FakeWriter()
  const events = new BatchingAuthEvents({ writer })
  for (let n = 0; n < 100_000; n += 1) {
    events.record(anEvent({ atMs: n, principalId: `p${n % 100}` }))
  }
  await events.flush()
  t.equal(writer.total, 100_000)
  t.ok(writer.rows.length <= 100 * 4, `${writer.rows.length} rows for 100 people over 100 s`)
})
