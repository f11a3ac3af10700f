import t from 'tap'
import {
  BerWriter,
  encodeMessage,
  encodePartialAttribute,
  type LdapSession,
  Oid,
  ResultCode,
} from '../../../../protocols/ldap/index.ts'
import { aBind, anExtended, aSearch, unbind } from '../../../support/ldap-client.ts'
import {
  aHandler,
  aSession,
  gates,
  isSilent,
  outcome,
  startServer,
  until,
} from '../../../support/ldap-server.ts'

const name = Buffer.from(new BerWriter().text('cn=a').view())
const attribute = encodePartialAttribute({ type: 'cn', values: [Buffer.from('a')] })

await t.test('server: an entry and its result, from bytes kept by the handler', async (t) => {
  const search: LdapSession['search'] = (_request, writer) => {
    writer.entry(name, [attribute])
    return outcome()
  }
  const { client } = await startServer(
    t,
    aHandler(() => aSession({ search })),
  )
  t.same(await (await client()).ask(aSearch('(cn=a)')), [
    {
      kind: 'searchResultEntry',
      objectName: 'cn=a',
      attributes: [{ type: 'cn', values: [Buffer.from('a')] }],
    },
    { kind: 'searchResultDone', ...outcome() },
  ])
})

await t.test('server: pipelined requests are all answered', async (t) => {
  const { client } = await startServer(
    t,
    aHandler(() => aSession()),
  )
  const one = await client()
  const requests = Array.from({ length: 2_000 }, (_, at) =>
    encodeMessage({ messageId: at + 1, controls: [], operation: aSearch('(cn=a)') }),
  )
  one.write(Buffer.concat(requests))
  for (let at = 1; at <= 2_000; at++) {
    const message = await one.receive()
    if (message?.messageId !== at) t.ok(false, `answer ${at} is missing`)
  }
  t.equal(one.inbox.length, 0)
})

await t.test(
  'server: RFC 4511 §4.2.1, a bind waits for what is under way, and the rest for it',
  async (t) => {
    const { started, wait } = gates()
    const binds: string[] = []
    const session = aSession({
      search: (_request, _writer, operation) => wait(operation),
      bind: (request, operation) => {
        binds.push(request.name)
        return wait(operation)
      },
    })
    const { client } = await startServer(
      t,
      aHandler(() => session),
    )
    const one = await client()
    one.send(aSearch('(cn=a)'))
    one.send(aBind('cn=b', 'x'))
    one.send(aSearch('(cn=c)'))
    await until(() => started.length === 1)
    t.ok(await isSilent(one))
    t.same(binds, [], 'the bind has not begun')
    started[0]?.open()
    t.equal((await one.receive())?.messageId, 1)
    await until(() => started.length === 2)
    t.same(binds, ['cn=b'])
    t.ok(await isSilent(one), 'the search behind the bind has not begun')
    started[1]?.open()
    t.equal((await one.receive())?.messageId, 2)
    await until(() => started.length === 3)
    started[2]?.open()
    t.equal((await one.receive())?.messageId, 3)
  },
)

await t.test('server: operations between binds are answered as they finish', async (t) => {
  const { started, wait } = gates()
  const session = aSession({ search: (_request, _writer, operation) => wait(operation) })
  const { client } = await startServer(
    t,
    aHandler(() => session),
  )
  const one = await client()
  one.send(aSearch('(cn=a)'))
  one.send(aSearch('(cn=b)'))
  await until(() => started.length === 2)
  started[1]?.open()
  t.equal((await one.receive())?.messageId, 2)
  started[0]?.open()
  t.equal((await one.receive())?.messageId, 1)
})

await t.test(
  'server: a messageID still in use is refused, the first operation goes on',
  async (t) => {
    const { started, wait } = gates()
    const session = aSession({ search: (_request, _writer, operation) => wait(operation) })
    const { client } = await startServer(
      t,
      aHandler(() => session),
    )
    const one = await client()
    const request = encodeMessage({ messageId: 9, controls: [], operation: aSearch('(cn=a)') })
    one.write(Buffer.concat([request, request]))
    const refusal = (await one.receive())?.operation
    t.match(refusal, { kind: 'searchResultDone', code: ResultCode.protocolError })
    started[0]?.open()
    t.match((await one.receive())?.operation, { code: ResultCode.success })
  },
)

await t.test(
  'server: RFC 4511 §4.11, an abandoned search is told and gets no answer',
  async (t) => {
    const { started, wait } = gates()
    const session = aSession({ search: (_request, _writer, operation) => wait(operation) })
    const { client } = await startServer(
      t,
      aHandler(() => session),
    )
    const one = await client()
    const messageId = one.send(aSearch('(cn=a)'))
    await until(() => started.length === 1)
    const { operation } = started[0] ?? {}
    t.equal(operation?.signal.aborted, false)
    one.send({ kind: 'abandonRequest', messageId })
    one.send({ kind: 'abandonRequest', messageId: 77 })
    await until(() => operation?.isOver === true)
    t.equal(operation?.signal.aborted, true)
    started[0]?.open()
    t.ok(await isSilent(one))
    one.send(aSearch('(cn=b)'))
    await until(() => started.length === 2)
    started[1]?.open()
    t.equal((await one.receive())?.messageId, 4, 'the session goes on')
  },
)

await t.test('server: RFC 4511 §4.3, unbind ends everything under way and closes', async (t) => {
  const { started, wait } = gates()
  let closed = 0
  const session = aSession({
    search: (_request, _writer, operation) => wait(operation),
    closed: () => {
      closed++
    },
  })
  const { client, server } = await startServer(
    t,
    aHandler(() => session),
  )
  const one = await client()
  one.send(aSearch('(cn=a)'))
  await until(() => started.length === 1)
  one.send(unbind)
  await one.closed()
  await until(() => server.connectionCount === 0)
  t.equal(started[0]?.operation.isOver, true)
  t.equal(started[0]?.operation.signal.aborted, true, 'a signal asked for late is aborted already')
  t.equal(closed, 1)
  t.same(one.inbox, [], 'no answer, no notice')
})

await t.test('server: a client that only stops sending still gets its answers', async (t) => {
  const { started, wait } = gates()
  const session = aSession({ search: (_request, _writer, operation) => wait(operation) })
  const { client } = await startServer(
    t,
    aHandler(() => session),
  )
  const one = await client()
  one.send(aSearch('(cn=a)'))
  one.socket.end()
  await until(() => started.length === 1)
  started[0]?.open()
  t.equal((await one.receive())?.messageId, 1)
  await one.closed()
})

await t.test(
  'server: RFC 4511 §4.1.11, critical controls that cannot be honoured are refused',
  async (t) => {
    let seen: readonly string[] = []
    const search: LdapSession['search'] = (_request, _writer, { controls }) => {
      seen = controls.map(({ type }) => type)
      return outcome()
    }
    const { client } = await startServer(
      t,
      aHandler(() => aSession({ search })),
    )
    const one = await client()
    const control = (type: string, isCritical: boolean) => ({ type, isCritical, value: null })
    const { unavailableCriticalExtension, success } = ResultCode
    t.equal(
      await one.codeOf(aSearch('(cn=a)'), [control('1.2.3', true)]),
      unavailableCriticalExtension,
    )
    t.equal(
      await one.codeOf(aBind('', ''), [control(Oid.pagedResults, true)]),
      unavailableCriticalExtension,
      'known, but not with this request',
    )
    t.same(seen, [])
    t.equal(await one.codeOf(aSearch('(cn=a)'), [control('1.2.3', false)]), success)
    t.same(seen, ['1.2.3'])
    t.equal(await one.codeOf(aSearch('(cn=a)'), [control(Oid.pagedResults, true)]), success)
  },
)

await t.test('server: LDAP version 2 is refused without asking the handler', async (t) => {
  const bind = () => outcome(ResultCode.other)
  const { client } = await startServer(
    t,
    aHandler(() => aSession({ bind })),
  )
  t.equal(await (await client()).codeOf(aBind('cn=a', 'x', 2)), ResultCode.protocolError)
})

await t.test('server: a fault of ours is answered as such, with the place to look', async (t) => {
  const faults: unknown[] = []
  const fault = (error: unknown) => {
    faults.push(error)
    return 'see 4711'
  }
  const session = aSession({
    search: () => {
      throw new Error('thrown')
    },
    compare: () => Promise.reject(new Error('rejected')),
  })
  const { client } = await startServer(
    t,
    aHandler(() => session),
    { observer: { fault } },
  )
  const one = await client()
  const wanted = { code: ResultCode.other, diagnostic: 'see 4711' }
  t.match((await one.ask(aSearch('(cn=a)')))[0], wanted)
  const compare = {
    kind: 'compareRequest' as const,
    entry: '',
    attribute: '',
    value: Buffer.alloc(0),
  }
  t.match((await one.ask(compare))[0], wanted)
  t.same(
    faults.map((error) => (error as Error).message),
    ['thrown', 'rejected'],
  )
})

await t.test('server: every request has the answer of its own kind', async (t) => {
  const { client } = await startServer(
    t,
    aHandler(() => aSession()),
  )
  const one = await client()
  for (const [request, kind, code] of [
    [{ kind: 'modifyRequest', object: '', changes: [] }, 'modifyResponse', 53],
    [{ kind: 'addRequest', entry: '', attributes: [] }, 'addResponse', 53],
    [{ kind: 'delRequest', entry: '' }, 'delResponse', 53],
    [
      { kind: 'modifyDnRequest', entry: '', newRdn: '', deleteOldRdn: true, newSuperior: null },
      'modifyDnResponse',
      53,
    ],
    [
      { kind: 'compareRequest', entry: '', attribute: '', value: Buffer.alloc(0) },
      'compareResponse',
      6,
    ],
    [anExtended('1.2.3'), 'extendedResponse', 0],
  ] as const) {
    t.match(await one.ask(request), [{ kind, code }], kind)
  }
})

await t.test(
  'server: no more operations under way than allowed; the rest wait unread',
  async (t) => {
    const { started, wait } = gates()
    const session = aSession({ search: (_request, _writer, operation) => wait(operation) })
    const limits = { maxPendingOperations: 3 }
    const { client } = await startServer(
      t,
      aHandler(() => session),
      { limits },
    )
    const one = await client()
    for (let sent = 0; sent < 5; sent++) one.send(aSearch('(cn=a)'))
    await until(() => started.length === 3)
    t.ok(await isSilent(one))
    t.equal(started.length, 3)
    started[0]?.open()
    await until(() => started.length === 4)
  },
)
