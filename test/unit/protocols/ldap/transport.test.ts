import { once } from 'node:events'
import { connect, createServer, type Server, Socket } from 'node:net'
import tap from 'tap'
import { ChunkPool } from '../../../../protocols/ldap/server/output.ts'
import { Transport } from '../../../../protocols/ldap/server/transport.ts'

interface Pair {
  readonly client: Socket
  readonly socket: Socket
  readonly transport: Transport
  /** What the owner of the transport was told, in order. */
  readonly told: string[]
  /** Waits until `count` bytes have been received. */
  received(count: number): Promise<void>
}

async function aPair(server: Server): Promise<Pair> {
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket]
  const told: string[] = []
  const bytesOf = () => told.join('').replaceAll('<end>', '').length
  let wake = () => undefined as unknown
  const transport = new Transport(socket, new ChunkPool(), {
    received: (chunk) => {
      told.push(chunk.toString('latin1'))
      wake()
    },
    drained: () => undefined,
    readEnded: () => told.push('<end>'),
    closed: () => undefined,
  })
  const received = async (count: number) => {
    while (bytesOf() < count) await new Promise<unknown>((resolve) => (wake = () => resolve(null)))
  }
  return { client, socket, transport, told, received }
}

tap.test('bytes reach the owner of a socket in their order', async (t) => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const sockets: Socket[] = []
  t.teardown(() => sockets.forEach((socket) => void socket.destroy()))
  const pair = async () => {
    const made = await aPair(server)
    sockets.push(made.client, made.socket)
    return made
  }

  await t.test('while it flows, without the detour through the stream', async (t) => {
    const { client, socket, told, received } = await pair()
    let detours = 0
    socket.on('data', () => detours++)
    client.write('one')
    await received(3)
    client.write('two')
    await received(6)
    t.equal(told.join(''), 'onetwo')
    t.equal(detours, 0)
  })

  await t.test('nothing while it is paused; all of it, in order, after that', async (t) => {
    const { client, socket, transport, told, received } = await pair()
    client.write('a')
    await received(1)
    transport.pauseReading(true)
    const sent = 'b'.repeat(300_000)
    client.write(sent)
    while (!transport.hasUnread) await new Promise((resolve) => setTimeout(resolve, 5))
    t.equal(told.join(''), 'a')
    t.ok(socket.readableLength < 200_000, 'the rest stays in the kernel')
    transport.pauseReading(false)
    client.write('c')
    await received(sent.length + 2)
    t.ok(told.join('') === `a${sent}c`)
    client.end('d')
    await received(sent.length + 3)
    await once(socket, 'end')
    t.match(told.slice(-2).join(''), /d<end>$/)
  })

  await t.test('the end, when nothing was ever sent', async (t) => {
    const { client, socket, told } = await pair()
    client.end()
    await once(socket, 'end')
    t.same(told, ['<end>'])
  })

  await t.test('nothing any more once it is released, and the socket is as it was', async (t) => {
    const { client, socket, transport, told, received } = await pair()
    client.write('a')
    await received(1)
    transport.release()
    t.equal(socket.push, Socket.prototype.push)
    const chunk = once(socket, 'data')
    client.write('b')
    t.equal(String((await chunk)[0]), 'b')
    t.same(told, ['a'])
  })
})
