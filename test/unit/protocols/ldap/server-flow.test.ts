import t from 'tap'
import {
  BerWriter,
  encodeMessage,
  encodePartialAttribute,
  type LdapSession,
  Oid,
  ResultCode,
} from '../../../../protocols/ldap/index.ts'
import { aBind, aSearch } from '../../../support/ldap-client.ts'
import {
  aHandler,
  aSession,
  gates,
  outcome,
  startServer,
  until,
} from '../../../support/ldap-server.ts'

const never = () => new Promise<never>(() => undefined)
const name = Buffer.from(new BerWriter().text('cn=a').view())
const attribute = encodePartialAttribute({ type: 'cn', values: [Buffer.from('a')] })

await t.test(
  'server: entries of every size arrive whole, and messageIDs of every size',
  async (t) => {
    const sizes = [0, 1, 100, 127, 128, 255, 256, 8_191, 16_384, 65_535, 65_536, 1_000_000]
    const search: LdapSession['search'] = async (_request, writer) => {
      for (const size of sizes) {
        const values = [Buffer.alloc(size, 'x')]
        const large = encodePartialAttribute({ type: 'cn', values })
        if (!writer.entry(name, [attribute, large])) await writer.ready()
      }
      return outcome()
    }
    const { client } = await startServer(
      t,
      aHandler(() => aSession({ search })),
    )
    const one = await client()
    for (const messageId of [1, 127, 128, 32_768, 8_388_608, 2_147_483_647]) {
      one.write(encodeMessage({ messageId, controls: [], operation: aSearch('(cn=a)') }))
      const found: number[] = []
      for (;;) {
        const message = await one.receive()
        t.equal(message?.messageId, messageId)
        if (message?.operation.kind !== 'searchResultEntry') break
        found.push(message.operation.attributes[1]?.values[0]?.length ?? -1)
      }
      t.same(found, sizes)
    }
  },
)

await t.test(
  'server: RFC 4511 §4.1.1, bytes without sense get a notice of disconnection',
  async (t) => {
    const { client, refusals } = await startServer(
      t,
      aHandler(() => aSession()),
    )
    for (const hex of [
      '474554202f20485454502f312e310d0a',
      '3084ffffffff',
      '3003020101',
      '30050201015f00',
      '30050201004200',
      '300c02010165070a010004000400',
      '3005020101630000',
    ]) {
      const one = await client()
      one.write(Buffer.from(hex, 'hex'))
      const message = await one.receive()
      t.equal(message?.messageId, 0, hex)
      t.match(message?.operation, {
        kind: 'extendedResponse',
        name: Oid.noticeOfDisconnection,
        code: ResultCode.protocolError,
      })
      await one.closed()
    }
    t.equal(refusals.length, 7)
  },
)

await t.test(
  'server: what is wrong with one request alone is answered, and the session goes on',
  async (t) => {
    const { client } = await startServer(
      t,
      aHandler(() => aSession()),
    )
    const one = await client()
    const unknownScope = '301c020102631704000a01040a01000201000201000101008702636e3000'
    one.write(Buffer.from(unknownScope, 'hex'))
    t.match(await one.receive(), {
      messageId: 2,
      operation: { kind: 'searchResultDone', code: ResultCode.protocolError },
    })
    let filter = Buffer.from('8702636e', 'hex')
    for (let depth = 0; depth < 10_000; depth++) {
      filter = Buffer.from(new BerWriter(filter.length + 8).octets(filter, 0xa2).view())
    }
    const body = new BerWriter()
    const start = body.open(0x30)
    body.integer(4)
    const operation = body.open(0x63)
    body.text('').enumerated(2).enumerated(0).integer(0).integer(0).boolean(false).raw(filter)
    body.close(body.open(0x30)).close(operation).close(start)
    one.write(body.view())
    t.match(await one.receive(), {
      messageId: 4,
      operation: { kind: 'searchResultDone', code: ResultCode.adminLimitExceeded },
    })
    t.equal(await one.codeOf(aSearch('(cn=a)')), ResultCode.success)
  },
)

await t.test('server: 256 KiB before a bind and 16 MiB after one', async (t) => {
  let isAuthenticated = false
  const open = () => ({
    ...aSession({
      bind: () => {
        isAuthenticated = true
        return outcome()
      },
    }),
    get isAuthenticated() {
      return isAuthenticated
    },
  })
  const { client, refusals } = await startServer(t, aHandler(open))
  const large = (size: number) => ({
    kind: 'addRequest' as const,
    entry: '',
    attributes: [{ type: 'cn', values: [Buffer.alloc(size)] }],
  })
  const one = await client()
  one.send(large(300 * 1024))
  t.match(await one.receive(), { messageId: 0, operation: { code: ResultCode.protocolError } })
  await one.closed()
  t.same(refusals, ['too-large'])
  const two = await client()
  t.equal(await two.codeOf(aBind('cn=a', 'x')), ResultCode.success)
  t.equal(await two.codeOf(large(300 * 1024)), ResultCode.unwillingToPerform)
  two.send(large(16 * 1024 * 1024))
  t.match(await two.receive(), { messageId: 0, operation: { code: ResultCode.protocolError } })
})

await t.test('server: a client that does not read stops its search, not the others', async (t) => {
  let written = 0
  const value = Buffer.alloc(10_000)
  const large = encodePartialAttribute({ type: 'cn', values: [value] })
  const search: LdapSession['search'] = async (_request, writer, operation) => {
    for (; written < 4_000 && !operation.isOver; written++) {
      if (!writer.entry(name, [large])) await writer.ready()
    }
    return outcome()
  }
  const { client } = await startServer(
    t,
    aHandler(() => aSession({ search })),
  )
  const slow = await client()
  slow.socket.pause()
  slow.send(aSearch('(cn=a)'))
  await until(() => written > 10)
  let before = -1
  while (before !== written) {
    before = written
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  t.ok(written < 3_000, `${written} of 4,000 entries were written into nowhere`)
  t.equal(await (await client()).codeOf(aBind('', '')), ResultCode.success)
  slow.socket.resume()
  await until(() => written === 4_000)
  let last = await slow.receive()
  let received = 0
  for (; last?.operation.kind === 'searchResultEntry'; received++) last = await slow.receive()
  t.equal(received, 4_000)
})

await t.test('server: a long search lets others through', async (t) => {
  let isDone = false
  const search: LdapSession['search'] = async (_request, writer, operation) => {
    const endMs = performance.now() + 600
    while (performance.now() < endMs && !operation.isOver) {
      if (!writer.mayContinue()) await writer.ready()
    }
    isDone = true
    return outcome()
  }
  const { client } = await startServer(
    t,
    aHandler(() => aSession({ search })),
  )
  const [busy, other] = [await client(), await client()]
  busy.send(aSearch('(cn=a)'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (let asked = 0; asked < 3; asked++) {
    t.equal(await other.codeOf(aBind('', '')), ResultCode.success)
  }
  t.equal(isDone, false, 'the long search is still under way')
  t.equal((await busy.receive())?.messageId, 1)
})

await t.test('server: a stop answers what is under way and tells the idle', async (t) => {
  const { started, wait } = gates()
  const session = aSession({ search: (_request, _writer, operation) => wait(operation) })
  const { client, server } = await startServer(
    t,
    aHandler(() => session),
  )
  const [busy, idle] = [await client(), await client()]
  busy.send(aSearch('(cn=a)'))
  await until(() => started.length === 1 && server.connectionCount === 2)
  const stopped = server.stop()
  t.match(await idle.receive(), { messageId: 0, operation: { code: ResultCode.unavailable } })
  await idle.closed()
  started[0]?.open()
  t.match(await busy.receive(), { messageId: 1, operation: { code: ResultCode.success } })
  t.match(await busy.receive(), { messageId: 0, operation: { code: ResultCode.unavailable } })
  await stopped
  await t.rejects(client(), { code: 'ECONNREFUSED' })
})

await t.test('server: a stop waits no longer than its limit', async (t) => {
  const session = aSession({ search: never })
  const { client, server } = await startServer(
    t,
    aHandler(() => session),
    {
      limits: { drainTimeoutMs: 50 },
    },
  )
  const one = await client()
  one.send(aSearch('(cn=a)'))
  await until(() => server.connectionCount === 1)
  const startedAtMs = performance.now()
  await server.stop()
  await one.closed()
  t.ok(performance.now() - startedAtMs < 5_000, 'the search that never ends holds nothing up')
  t.equal(server.connectionCount, 0)
})

await t.test('server: a refused bind signs out all the same (RFC 4513 §4)', async (t) => {
  let signedOut = 0
  const session = aSession({
    bind: () => outcome(ResultCode.other),
    signOut: () => {
      signedOut++
    },
  })
  const { client } = await startServer(
    t,
    aHandler(() => session),
  )
  const one = await client()
  t.equal(await one.codeOf(aBind('cn=a', 'x', 2)), ResultCode.protocolError)
  t.equal(signedOut, 1, 'another version')
  const critical = [{ type: '1.2.3', isCritical: true, value: null }]
  t.equal(await one.codeOf(aBind('cn=a', 'x'), critical), ResultCode.unavailableCriticalExtension)
  t.equal(signedOut, 2, 'a control that is not known')
  // Its name is no UTF-8.
  one.write(Buffer.from('300d02010960080201030401ff8000', 'hex'))
  const answer = await one.receive()
  t.match(answer?.operation, { kind: 'bindResponse' })
  t.equal(signedOut, 3, 'bytes that cannot be read')
})

await t.test('server: a client that leaves during its bind is no fault of ours', async (t) => {
  const faults: unknown[] = []
  const state = { isAsked: false, isAborted: false }
  const bind: LdapSession['bind'] = (_request, { signal }) => {
    state.isAsked = true
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        state.isAborted = true
        reject(signal.reason)
      })
    })
  }
  const fault = (error: unknown) => {
    faults.push(error)
    return ''
  }
  const { client } = await startServer(
    t,
    aHandler(() => aSession({ bind })),
    { observer: { fault } },
  )
  const one = await client()
  one.send(aBind('cn=a', 'x'))
  await until(() => state.isAsked)
  one.socket.resetAndDestroy()
  await until(() => state.isAborted)
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.same(faults, [])
})

await t.test(
  'server: however many connections pipeline, a round of the loop is short',
  async (t) => {
    let busyMs = 0
    let longestMs = 0
    let answered = 0
    const search: LdapSession['search'] = () => {
      const untilMs = performance.now() + 0.2
      while (performance.now() < untilMs);
      busyMs += 0.2
      answered++
      return outcome()
    }
    const { client } = await startServer(
      t,
      aHandler(() => aSession({ search })),
      { withoutTls: true },
    )
    const clients = await Promise.all(Array.from({ length: 40 }, () => client()))
    let isOver = false
    const round = () => {
      longestMs = Math.max(longestMs, busyMs)
      busyMs = 0
      if (!isOver) setImmediate(round)
    }
    round()
    for (const one of clients) for (let at = 0; at < 50; at++) one.send(aSearch('(cn=a)'))
    await until(() => answered === 2_000)
    isOver = true
    // 40 slices of 5 ms would be 200 ms: what all may use together, and one slice that had begun.
    t.ok(longestMs < 50, `${longestMs.toFixed(0)} ms of work in one round`)
    for (const one of clients) for (let at = 0; at < 50; at++) await one.receive()
    t.pass('all are answered')
  },
)

await t.test('server: what nobody reads is bounded over all connections', async (t) => {
  const large = encodePartialAttribute({ type: 'cn', values: [Buffer.alloc(200_000)] })
  const search: LdapSession['search'] = (_request, writer) => {
    writer.entry(name, [large])
    return outcome()
  }
  const { client, refusals } = await startServer(
    t,
    aHandler(() => aSession({ search })),
    { withoutTls: true, limits: { maxUnreadBytes: 1_000_000 } },
  )
  const deaf = await Promise.all(Array.from({ length: 60 }, () => client()))
  // The kernel's own buffers take megabytes before anything stays with us.
  for (const one of deaf) {
    one.socket.pause()
    for (let at = 0; at < 60; at++) one.send(aSearch('(cn=a)'))
  }
  await until(() => refusals.includes('slow-reader'))
  const other = await client()
  t.equal(await other.codeOf(aBind('', '')), ResultCode.success, 'the others go on')
})
