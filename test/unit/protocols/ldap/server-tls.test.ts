import { once } from 'node:events'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import t from 'tap'
import { encodeMessage, LdapServer, Oid, ResultCode } from '../../../../protocols/ldap/index.ts'
import { aBind, anExtended, aSearch, LdapClient } from '../../../support/ldap-client.ts'
import {
  aHandler,
  aSession,
  makeContext,
  outcome,
  secureContext,
  startServer,
} from '../../../support/ldap-server.ts'

const startTls = anExtended(Oid.startTls)
const succeeded = { kind: 'extendedResponse', code: ResultCode.success, name: Oid.startTls }

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

await t.test(
  'StartTLS: RFC 4511 §4.14, the session begins anew and knows that it is encrypted',
  async (t) => {
    const opened: boolean[] = []
    let closed = 0
    const open = (peer: { isEncrypted: boolean; isLoopback: boolean; address: string }) => {
      opened.push(peer.isEncrypted)
      t.equal(peer.isLoopback, true)
      t.equal(peer.address, '127.0.0.1')
      return aSession({
        closed: () => {
          closed++
        },
      })
    }
    const { client, server } = await startServer(t, aHandler(open))
    const one = await client()
    t.equal(await one.codeOf(aBind('cn=a', 'x')), ResultCode.success)
    t.match(await one.ask(startTls), [succeeded])
    await one.secure()
    t.equal(await one.codeOf(aSearch('(cn=a)')), ResultCode.success)
    t.same(opened, [false, true])
    t.equal(closed, 1, 'what was bound in clear text is gone')
    t.match(await one.ask(startTls), [{ code: ResultCode.operationsError }], 'not twice')
    t.equal(await one.codeOf(aSearch('(cn=a)')), ResultCode.success)
    t.equal(server.connectionCount, 1)
    one.end()
    await until(() => server.connectionCount === 0)
    t.equal(closed, 2)
  },
)

await t.test('StartTLS: RFC 4511 §4.14.1, refused while operations are pending', async (t) => {
  let finish = () => {}
  const search = () =>
    new Promise<ReturnType<typeof outcome>>((resolve) => {
      finish = () => resolve(outcome())
    })
  const { client } = await startServer(
    t,
    aHandler(() => aSession({ search })),
  )
  const one = await client()
  one.send(aSearch('(cn=a)'))
  t.match(await one.ask(startTls), [{ code: ResultCode.operationsError, name: Oid.startTls }])
  finish()
  t.equal((await one.receive())?.messageId, 1)
  t.match(await one.ask(startTls), [succeeded])
  await one.secure()
})

await t.test(
  'StartTLS: clear text sent behind the request is never read as protected',
  async (t) => {
    const binds: string[] = []
    const bind = ({ name }: { name: string }) => {
      binds.push(name)
      return outcome()
    }
    const { client, refusals } = await startServer(
      t,
      aHandler(() => aSession({ bind })),
    )
    const one = await client()
    const request = encodeMessage({ messageId: 1, controls: [], operation: startTls })
    const injected = encodeMessage({ messageId: 2, controls: [], operation: aBind('cn=x', 'x') })
    one.write(Buffer.concat([request, injected]))
    t.match(await one.receive(), { messageId: 0, operation: { name: Oid.noticeOfDisconnection } })
    await one.closed()
    t.same(refusals, ['cleartext-after-starttls'])

    const two = await client()
    two.write(request)
    t.match((await two.receive())?.operation, succeeded)
    two.write(injected)
    await two.closed()
    t.equal(refusals[1], 'handshake', 'a message where a ClientHello is due fails the handshake')
    t.same(binds, [])
  },
)

await t.test('StartTLS: not offered without a certificate, and it takes no value', async (t) => {
  const without = await startServer(
    t,
    aHandler(() => aSession()),
    { withoutTls: true },
  )
  t.match(await (await without.client()).ask(startTls), [{ code: ResultCode.protocolError }])
  const { client } = await startServer(
    t,
    aHandler(() => aSession()),
  )
  const withValue = anExtended(Oid.startTls, Buffer.from('x'))
  t.match(await (await client()).ask(withValue), [{ code: ResultCode.protocolError }])
})

await t.test('LDAPS: a listener needs a certificate to start', async (t) => {
  const server = new LdapServer({
    handler: aHandler(() => aSession()),
    listeners: [{ host: '127.0.0.1', port: 0, isTls: true }],
  })
  await t.rejects(server.start(), { message: /needs a certificate/ })
})

await t.test('listeners: a port in use fails the start and frees those already open', async (t) => {
  const { port } = await startServer(
    t,
    aHandler(() => aSession()),
  )
  const host = '127.0.0.1'
  const server = new LdapServer({
    handler: aHandler(() => aSession()),
    listeners: [
      { host, port: 0, isTls: false },
      { host, port, isTls: false },
    ],
  })
  await t.rejects(server.start(), { code: 'EADDRINUSE' })
  t.same(server.addresses(), [])
})

await t.test('LDAPS: a new certificate serves new connections, open ones stay', async (t) => {
  const { tlsClient, server } = await startServer(
    t,
    aHandler(() => aSession()),
  )
  const nameOf = (client: LdapClient) =>
    String((client.socket as TLSSocket).getPeerCertificate().subject.CN)
  const before = await tlsClient()
  t.equal(nameOf(before), '127.0.0.1')
  server.setSecureContext(await makeContext('renewed.example'))
  const after = await tlsClient()
  t.equal(nameOf(after), 'renewed.example')
  t.equal(await before.codeOf(aSearch('(cn=a)')), ResultCode.success)
  server.setSecureContext(await secureContext())
})

await t.test('LDAPS: what is no handshake is closed and counted', async (t) => {
  const { tlsPort, refusals, tlsClient } = await startServer(
    t,
    aHandler(() => aSession()),
  )
  const socket = connect(tlsPort, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  const one = new LdapClient(socket)
  one.write(encodeMessage({ messageId: 1, controls: [], operation: aBind('', '') }))
  one.inbox.length = 0
  socket.removeAllListeners('data')
  socket.resume()
  await one.closed()
  t.same(refusals, ['handshake'])
  t.equal(await (await tlsClient()).codeOf(aBind('', '')), ResultCode.success)
})

await t.test('LDAPS: clients that come all at once leave room for those who are in', async (t) => {
  const { client, tlsClient, server } = await startServer(
    t,
    aHandler(() => aSession()),
  )
  const inside = await client()
  const coming = Array.from({ length: 200 }, () => tlsClient())
  let answered = 0
  while (server.connectionCount < 201) {
    t.equal(await inside.codeOf(aSearch('(cn=a)')), ResultCode.success)
    answered += 1
  }
  t.ok(answered > 20, `${answered} searches meanwhile`)
  const all = await Promise.all(coming)
  const codes = await Promise.all(all.map((one) => one.codeOf(aBind('', ''))))
  t.same(new Set(codes), new Set([ResultCode.success]))
})

await t.test('LDAPS: a hello may come in pieces, and no hello is a failed handshake', async (t) => {
  const { tlsPort, refusals } = await startServer(
    t,
    aHandler(() => aSession()),
  )
  const raw = connect({ port: tlsPort, host: '127.0.0.1', noDelay: true })
  await once(raw, 'connect')
  const slowly = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      raw.write(bytes.subarray(0, 1))
      setTimeout(() => raw.write(bytes.subarray(1), () => done()), 20)
    },
  })
  raw.on('data', (bytes) => slowly.push(bytes))
  const secured = connectTls({ socket: slowly, rejectUnauthorized: false })
  await once(secured, 'secureConnect')
  const one = new LdapClient(secured)
  t.equal(await one.codeOf(aBind('', '')), ResultCode.success)
  raw.destroy()
  t.same(refusals, [])

  const silent = connect(tlsPort, '127.0.0.1')
  silent.end()
  silent.resume()
  await once(silent, 'close')
  await until(() => refusals.length === 1)
  t.same(refusals, ['handshake'])
})

await t.test('limits: connections in all and from one address', async (t) => {
  const handler = aHandler(() => aSession())
  for (const [limits, reason] of [
    [{ maxConnections: 2 }, 'too-many-connections'],
    [{ maxConnectionsPerAddress: 2 }, 'too-many-from-address'],
  ] as const) {
    const { client, tlsClient, refusals, server } = await startServer(t, handler, { limits })
    const [first] = [await client(), await tlsClient()]
    await until(() => server.connectionCount === 2)
    const third = await client()
    await third.closed()
    t.same(refusals, [reason])
    first.end()
    await until(() => server.connectionCount === 1)
    t.equal(await (await client()).codeOf(aBind('', '')), ResultCode.success, 'a place is free')
  }
})

await t.test('limits: unfinished requests of all connections together', async (t) => {
  const limits = { maxBufferedBytes: 100_000 }
  const { client, refusals, server } = await startServer(
    t,
    aHandler(() => aSession()),
    { limits },
  )
  const part = Buffer.concat([Buffer.from('3083020000', 'hex'), Buffer.alloc(60_000)])
  const [one, two] = [await client(), await client()]
  one.write(part)
  await until(() => server.bufferedBytes === part.length)
  two.write(part)
  t.match(await two.receive(), { messageId: 0, operation: { code: ResultCode.busy } })
  t.same(refusals, ['buffers-full'])
  t.equal(one.isClosed, false)
  one.end()
  await until(() => server.bufferedBytes === 0)
})

await t.test('limits: those who keep us waiting are let go, each for its reason', async (t) => {
  const limits = {
    handshakeTimeoutMs: 200,
    idleTimeoutMs: 2_500,
    requestTimeoutMs: 300,
    writeTimeoutMs: 300,
  }
  const value = Buffer.alloc(1_000_000)
  const search = async (
    _request: unknown,
    writer: { entry(name: Buffer, attributes: readonly Buffer[]): boolean; ready(): Promise<void> },
    operation: { isOver: boolean },
  ) => {
    const octets = Buffer.concat([Buffer.from('308400000000', 'hex'), value])
    while (!operation.isOver)
      if (!writer.entry(Buffer.from('0400', 'hex'), [octets])) await writer.ready()
    return outcome()
  }
  const { client, tlsPort, refusals } = await startServer(
    t,
    aHandler(() => aSession({ search })),
    {
      limits,
    },
  )
  const shy = connect(tlsPort, '127.0.0.1')
  const shyClosed = new Promise((resolve) => shy.once('close', resolve))
  shy.resume()
  const slow = await client()
  slow.write(Buffer.from('30', 'hex'))
  const deaf = await client()
  deaf.socket.pause()
  deaf.send(aSearch('(cn=a)'))
  const idle = await client()
  t.match(await slow.receive(), { messageId: 0 })
  await shyClosed
  t.match(await idle.receive(), { messageId: 0, operation: { code: ResultCode.unavailable } })
  await until(() => refusals.length === 4)
  t.same(new Set(refusals), new Set(['handshake', 'idle', 'slow-reader', 'slow-request']))
})
