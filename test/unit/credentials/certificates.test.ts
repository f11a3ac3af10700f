import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import {
  expiryMs,
  issueServerCertificate,
  makeAuthority,
  namesOf,
} from '../../../src/credentials/certificates/authority.ts'
import { readServerChain } from '../../../src/credentials/certificates/server-chain.ts'
import { judgeServerChain } from '../../../src/credentials/certificates/server-findings.ts'

t.test(
  'authority: a client that knows only the CA accepts the server by name and by address',
  async (t) => {
    const nowMs = Date.now()
    const authority = await makeAuthority('Contoso Gatehouse CA', nowMs)
    const issued = await issueServerCertificate(authority, {
      names: ['gate.contoso.example', 'localhost', '127.0.0.1', '::1'],
      nowMs,
    })
    const server = createServer({ cert: issued.certificate, key: issued.privateKey }, (socket) =>
      socket.end('hello'),
    ).listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (const servername of ['gate.contoso.example', 'localhost']) {
      const socket: TLSSocket = connect({
        port,
        host: '127.0.0.1',
        servername,
        ca: authority.certificate,
      })
      await once(socket, 'secureConnect')
      t.ok(socket.authorized, servername)
      socket.destroy()
    }
    const stranger = await makeAuthority('Another', nowMs)
    const refused = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: stranger.certificate,
    })
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException]
    t.match(error.code, /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/)
    const chain = readServerChain(issued)
    t.same(judgeServerChain(chain, nowMs), [], 'nothing is to be said of it')
    t.equal(chain.end, 'root')
    t.same(namesOf(issued.certificate), ['gate.contoso.example', 'localhost', '127.0.0.1', '::1'])
    const days = (expiryMs(issued.certificate) - nowMs) / 86_400_000
    t.ok(days > 390 && days < 825, `${days} days: devices of Apple refuse more than 825`)
  },
)
