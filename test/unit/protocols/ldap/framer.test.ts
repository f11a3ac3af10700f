import t from 'tap'
import { MessageFramer } from '../../../../protocols/ldap/index.ts'

const unbind = Buffer.from('30050201034200', 'hex')
const MIB = 1024 * 1024

function messageOf(contentBytes: number): Buffer {
  const header = Buffer.from('3084', 'hex')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(contentBytes)
  return Buffer.concat([header, length, Buffer.alloc(contentBytes, 7)])
}

function drain(framer: MessageFramer): Buffer[] {
  const messages: Buffer[] = []
  for (let next = framer.next(); next !== null; next = framer.next()) messages.push(next)
  return messages
}

await t.test('framer: messages come out whole, however the stream is cut', async (t) => {
  const wanted = [unbind, messageOf(300), unbind, messageOf(5_000), unbind]
  const stream = Buffer.concat(wanted)
  for (const size of [1, 2, 3, 7, 64, 1_000, stream.length]) {
    const framer = new MessageFramer(MIB)
    const found: Buffer[] = []
    for (let at = 0; at < stream.length; at += size) {
      framer.push(Buffer.from(stream.subarray(at, at + size)))
      found.push(...drain(framer))
    }
    t.equal(framer.bufferedBytes, 0, `${size} bytes at a time`)
    t.same(Buffer.concat(found), stream, `${size} bytes at a time`)
    t.equal(found.length, wanted.length)
  }
})

await t.test('framer: a message handed out is not written over by what comes later', async (t) => {
  const framer = new MessageFramer(MIB)
  framer.push(Buffer.from(unbind.subarray(0, 3)))
  t.equal(framer.next(), null)
  framer.push(Buffer.concat([unbind.subarray(3), unbind.subarray(0, 4)]))
  const first = framer.next()
  t.equal(framer.next(), null)
  framer.push(Buffer.from(unbind.subarray(4)))
  t.same(framer.next(), unbind)
  t.same(first, unbind)
})

await t.test(
  'framer: a message that arrives in one chunk is a view of it, not a copy',
  async (t) => {
    const framer = new MessageFramer(MIB)
    const chunk = Buffer.from(unbind)
    framer.push(chunk)
    t.equal(framer.next()?.buffer, chunk.buffer)
  },
)

await t.test(
  'framer: 16 MiB in small pieces are copied a few times, not once for each piece',
  async (t) => {
    const framer = new MessageFramer(17 * MIB)
    const message = messageOf(16 * MIB - 6)
    const piece = 1_024
    const before = process.cpuUsage()
    let found: Buffer | null = null
    for (let at = 0; at < message.length; at += piece) {
      framer.push(message.subarray(at, at + piece))
      found = framer.next()
    }
    const { user, system } = process.cpuUsage(before)
    t.equal(found?.length, message.length)
    // The square of it would be 128 GiB of copying, about a minute.
    t.ok(user + system < 2_000_000, `${user + system} µs`)
  },
)

await t.test('framer: a declared length takes no memory before its bytes arrive', async (t) => {
  const header = Buffer.concat([Buffer.from('308400fffffa', 'hex'), Buffer.alloc(94)])
  const framers = Array.from({ length: 10 }, () => new MessageFramer(17 * MIB))
  const before = process.memoryUsage().arrayBuffers
  for (const framer of framers) {
    framer.push(Buffer.from(header))
    t.equal(framer.next(), null)
  }
  t.ok(process.memoryUsage().arrayBuffers - before < MIB)
  t.equal(framers[0]?.bufferedBytes, header.length)
})

await t.test('framer: a header that can only lead to refusal is refused at once', async (t) => {
  for (const [hex, code] of [
    ['31', 'LDAP_MALFORMED'],
    ['474554', 'LDAP_MALFORMED'],
    ['3080', 'LDAP_MALFORMED'],
    ['3085', 'LDAP_MALFORMED'],
    ['30ff', 'LDAP_MALFORMED'],
    ['3084ffffffff', 'LDAP_TOO_LARGE'],
    ['3083100000', 'LDAP_TOO_LARGE'],
  ] as const) {
    const framer = new MessageFramer(MIB)
    framer.push(Buffer.from(hex, 'hex'))
    t.throws(() => framer.next(), { code }, hex)
  }
  const framer = new MessageFramer(MIB)
  for (const hex of ['30', '84', '00', '00', '00']) {
    framer.push(Buffer.from(hex, 'hex'))
    t.equal(framer.next(), null, 'more may come')
  }
})
