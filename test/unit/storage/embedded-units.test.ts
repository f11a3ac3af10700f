import t from 'tap'
import { Scheduler, type Session } from '../../../src/storage/embedded/scheduler.ts'
import {
  encodeQuery,
  encodeSync,
  FLUSH,
  QUERY,
  readAnswer,
  STARTUP,
  SYNC,
  TERMINATE,
  type Unit,
  UnitReader,
} from '../../../src/storage/embedded/units.ts'

function message(type: number, body = ''): Buffer {
  const bytes = Buffer.from(`${body}\0`)
  const header = Buffer.alloc(5)
  header.writeUInt8(type)
  header.writeUInt32BE(4 + bytes.length, 1)
  return Buffer.concat([header, bytes])
}

const PARSE = 0x50
const startup = Buffer.concat([Buffer.from([0, 0, 0, 12, 0, 3, 0, 0]), Buffer.from('a\0b\0')])

await t.test('a stream is cut into units however its bytes arrive', async (t) => {
  const parse = message(PARSE, 'select 1')
  const stream = Buffer.concat([
    startup,
    message(QUERY, 'select 1'),
    parse,
    encodeSync(),
    parse,
    message(FLUSH),
    message(TERMINATE),
  ])
  for (const size of [1, 2, 3, 7, stream.length]) {
    const reader = new UnitReader()
    const units: Unit[] = []
    for (let at = 0; at < stream.length; at += size) {
      units.push(...reader.push(stream.subarray(at, at + size)))
    }
    t.same(
      units.map(({ last }) => last),
      [STARTUP, QUERY, SYNC, FLUSH, TERMINATE],
      `in pieces of ${size}`,
    )
    t.same(Buffer.concat(units.map(({ bytes }) => bytes)), stream)
  }
})

await t.test('an answer tells whether the backend goes on, and what is for others', async (t) => {
  const note = message(0x41, 'channel')
  const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
  t.same(readAnswer(Buffer.concat([message(0x43, 'SELECT 1'), ready])), {
    isReady: true,
    notifications: [],
  })
  const answer = readAnswer(Buffer.concat([note, ready, note]))
  t.same(answer.notifications.map(Buffer.from), [note, note])
  t.equal(readAnswer(message(0x45, 'PANIC')).isReady, false)
})

/** A session that only writes down what it was asked; begin and commit by their text. */
function makeSession() {
  const log: string[] = []
  let isInTransaction = false
  const session: Session<string> = {
    run(connection, unit) {
      const text = Buffer.from(unit.bytes).toString('latin1')
      if (text.includes('begin')) isInTransaction = true
      if (text.includes('commit')) isInTransaction = false
      log.push(
        `${connection} ${/[a-z0-9 ]+/.exec(text.slice(5))?.[0] ?? String.fromCharCode(unit.last)}`,
      )
    },
    reset() {
      isInTransaction = false
      log.push('rollback')
    },
    isInTransaction: () => isInTransaction,
  }
  return { session, log }
}

function query(text: string): Unit {
  return { bytes: encodeQuery(text), last: QUERY }
}

await t.test('a transaction keeps the others out until it commits', async (t) => {
  const { session, log } = makeSession()
  const scheduler = new Scheduler(session)
  scheduler.enqueue('a', [query('begin')])
  scheduler.enqueue('b', [query('select 2')])
  scheduler.enqueue('c', [query('select 3')])
  t.equal(scheduler.isIdle(), false)
  scheduler.enqueue('a', [query('select 1')])
  t.same(log, ['a begin', 'a select 1'])
  scheduler.enqueue('a', [query('commit')])
  t.same(log.slice(2), ['a commit', 'b select 2', 'c select 3'])
  t.equal(scheduler.isIdle(), true)
})

await t.test('nobody comes in between a Flush and its Sync', async (t) => {
  const { session, log } = makeSession()
  const scheduler = new Scheduler(session)
  scheduler.enqueue('a', [{ bytes: message(FLUSH), last: FLUSH }])
  scheduler.enqueue('b', [query('select 2')])
  t.equal(log.length, 1)
  scheduler.enqueue('a', [{ bytes: encodeSync(), last: SYNC }])
  t.same(log.at(-1), 'b select 2')
})

await t.test(
  'a connection that goes in mid-transaction is rolled back and the next has its turn',
  async (t) => {
    const { session, log } = makeSession()
    const scheduler = new Scheduler(session)
    scheduler.enqueue('a', [query('begin')])
    scheduler.enqueue('b', [query('select 2')])
    scheduler.drop('a')
    t.same(log, ['a begin', 'rollback', 'b select 2'])
    scheduler.drop('b')
    t.equal(log.length, 3, 'whoever holds nothing leaves nothing')
  },
)

await t.test('connections take turns, so that a busy one does not starve the rest', async (t) => {
  const { session, log } = makeSession()
  const scheduler = new Scheduler(session)
  scheduler.enqueue('x', [query('begin')])
  scheduler.enqueue('a', [query('1'), query('2'), query('3')])
  scheduler.enqueue('b', [query('4')])
  scheduler.enqueue('x', [query('commit')])
  t.same(log.slice(2), ['a 1', 'b 4', 'a 2', 'a 3'])
})
