import t from 'tap'
import {
  ClientTable,
  PacketCode,
  RadiusServer,
  SharedSecret,
} from '../../../../protocols/radius/index.ts'
import { makeRequest, TestNas } from '../../../support/radius-client.ts'

const secret = new SharedSecret(Buffer.from('testing123'))
const table = new ClientTable([
  {
    name: 'loopback',
    addresses: ['127.0.0.1', '::1'],
    secrets: [secret],
    requireMessageAuthenticator: 'no' as const,
    limitProxyState: true,
  },
])

function makeServer(hosts: readonly string[], port = 0): RadiusServer {
  return new RadiusServer({
    auth: hosts.map((host) => ({ host, port })),
    acct: [],
    findClient: (address) => table.find(address),
    handler: {
      access: ({ address }) => ({
        code: PacketCode.accessAccept,
        attributes: [{ type: 18, value: Buffer.from(address) }],
      }),
      account: () => true,
    },
    observer: { dropped: () => undefined, answered: () => undefined, failed: () => undefined },
  })
}

t.test('a server answers over UDP and is silent once stopped', async (t) => {
  const server = makeServer(['127.0.0.1'])
  await server.start(AbortSignal.timeout(5_000))
  const [address] = server.addresses('auth')
  const nas = new TestNas(address?.port ?? 0, 'testing123')
  t.teardown(() => nas.close())
  const reply = await nas.send(makeRequest({ attributes: [] }, secret))
  t.ok(reply?.isResponseAuthentic && reply.isMessageAuthentic)
  t.same(reply?.packet.attributes[1]?.value.toString(), '127.0.0.1')
  await server.stop()
  t.equal(await nas.send(makeRequest({ identifier: 2, attributes: [] }, secret), 150), null)
  t.same(server.addresses('auth'), [])
})

t.test('a wildcard binds each local address with a socket of its own', async (t) => {
  const server = makeServer(['*'])
  await server.start(AbortSignal.timeout(5_000))
  t.teardown(() => server.stop())
  const hosts = server.addresses('auth').map(({ host }) => host)
  t.ok(hosts.includes('127.0.0.1'))
  t.notOk(hosts.includes('0.0.0.0') || hosts.includes('::'))
})

t.test(
  'an address that is taken makes the start fail and frees what was bound before',
  async (t) => {
    const first = makeServer(['127.0.0.1'])
    await first.start(AbortSignal.timeout(5_000))
    const port = first.addresses('auth')[0]?.port ?? 0
    const second = makeServer(['127.0.0.1'], port)
    await t.rejects(second.start(AbortSignal.timeout(5_000)), { code: 'EADDRINUSE' })
    t.same(second.addresses('auth'), [])
    const wildcard = makeServer(['*'], port)
    await t.rejects(wildcard.start(AbortSignal.timeout(5_000)), { code: 'EADDRINUSE' })
    await first.stop()
    await second.start(AbortSignal.timeout(5_000))
    await second.stop()
  },
)
