import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { decodePacket, PacketCode, SharedSecret } from '../../protocols/radius/index.ts'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { startTestDemo } from '../support/demo.ts'
import { freePort, isOpen } from '../support/free-port.ts'
import { makeRequest } from '../support/radius-client.ts'

const port = await freePort()
const demo = await startTestDemo(t, { env: { GATEHOUSE_RADSEC_LISTEN: `127.0.0.1:${port}` } })
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)
const authority = await makeAuthority('Branch', Date.now())
const names = ['ap.branch.example']
const pair = await issueServerCertificate(authority, { names, nowMs: Date.now() })
const caFile = join(demo.dataDir, 'branch-ca.pem')
writeFileSync(caFile, authority.certificate)

/** Waits for what the daemon does by itself within a second. */
async function until(is: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    if (await is()) return true
    await sleep(100)
  }
  return false
}

function dial(): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: readFileSync(demo.facts.radius.caFile),
    servername: demo.facts.radius.serverName,
    cert: pair.certificate,
    key: pair.privateKey,
  })
  socket.on('error', () => undefined)
  t.teardown(() => socket.destroy())
  return socket
}

await t.test('the listener opens with the first peer, and closes with the last', async (t) => {
  t.notOk(await isOpen(port), 'nothing listens without a peer')
  await cli('nas', 'create-radsec', 'branch', '--san', 'ap.branch.example', '--trusted-ca', caFile)
  t.match(await cli('nas', 'list'), /branch\s+radsec\s+any/)
  t.ok(await until(() => isOpen(port)))

  const secret = new SharedSecret(Buffer.from('radsec'))
  const socket = dial()
  socket.write(makeRequest({ code: PacketCode.statusServer, attributes: [] }, secret))
  const [reply] = (await once(socket, 'data')) as [Buffer]
  t.equal(decodePacket(reply).code, PacketCode.accessAccept)

  await admin.send('PATCH', '/radsec-peers/branch', { names: ['other.branch.example'] })
  await once(socket, 'close')
  t.pass('another name: who is connected by the old one is cut off')
  await cli('nas', 'remove', 'branch')
  t.ok(await until(async () => !(await isOpen(port))))
})

await t.test('what no peer could ever show is refused, with how to mend it', async (t) => {
  const create = (more: object) => admin.send('POST', '/radsec-peers', { name: 'x', ...more })
  await t.rejects(create({}), /422.*by which name or fingerprint/)
  await t.rejects(create({ names: ['*.branch.example'] }), /422.*wildcards are not taken/)
  await t.rejects(create({ fingerprints: ['z'.repeat(64)] }), /422.*64 hexadecimal digits/)
  await t.rejects(create({ names: ['a.example'], trustedCa: 'no PEM' }), /422.*no PEM certificate/)
  await create({ fingerprints: [`${'AB:'.repeat(31)}AB`] })
  await t.rejects(
    admin.send('PATCH', '/nas/x', { secret: 'a-secret-too-many' }),
    /409.*change it as a RadSec peer/,
  )
  await cli('nas', 'remove', 'x')
})

await t.test('realms are kept, replaced and removed; their secrets are never shown', async (t) => {
  const secretFile = join(demo.dataDir, 'partner.secret')
  writeFileSync(secretFile, 'a secret of two\n')
  t.match(await cli('realm', 'list'), /nothing is forwarded/)
  const server = ['--server', '192.0.2.10', '[2001:db8::1]:1645', '--secret-file', secretFile]
  await cli('realm', 'add', 'partner.example', ...server, '--vlan', '90')
  await cli('realm', 'add', '*', '--radsec', 'flr.example', '--trusted-ca', caFile)
  t.match(await cli('realm', 'list'), /partner\.example\s+192\.0\.2\.10:1812, \[2001:db8::1\]:1645/)
  const listed = await admin.send<{ realms: object[] }>('GET', '/realms')
  t.notMatch(JSON.stringify(listed), /a secret of two/)
  t.match(
    listed.realms.find((realm) => (realm as { name: string }).name === '*'),
    { servers: [{ host: 'flr.example', port: 2083, radsec: { names: ['flr.example'] } }] },
  )

  const acctPortOf = async (given: string) => {
    await cli('realm', 'add', 'partner.example', ...server, '--acct-port', given)
    const { realms } = await admin.send<{ realms: { name: string; servers: object[] }[] }>(
      'GET',
      '/realms',
    )
    return realms.find(({ name }) => name === 'partner.example')?.servers
  }
  t.match(await acctPortOf('11813'), [{ acctPort: 11_813 }, { acctPort: 11_813 }])
  t.match(await acctPortOf('none'), [{ acctPort: null }, { acctPort: null }])
  await t.rejects(acctPortOf('same'), /--acct-port takes a whole number/)
  await cli('realm', 'add', 'Partner.example', '--local')
  t.match(await cli('realm', 'list'), /partner\.example\s+ours/, 'replaced')
  await cli('realm', 'remove', 'partner.example')
  await cli('realm', 'remove', '*')
  t.match(await cli('realm', 'list'), /nothing is forwarded/)

  const put = (name: string, body: object) =>
    admin.send('PUT', `/realms/${encodeURIComponent(name)}`, body)
  const servers = [{ host: '192.0.2.1', secret: 'a secret of two' }]
  await t.rejects(put('contoso.example', { servers }), /422.*never forwarded/)
  await t.rejects(put('nodot', { servers }), /422.*written as/)
  await t.rejects(
    put('a.example', { servers: [{ host: 'radius.a.example', secret: 'a secret' }] }),
    /422.*is no address/,
  )
  await t.rejects(put('a.example', { servers: [{ host: '192.0.2.1' }] }), /422.*needs a secret/)
  await t.rejects(
    put('a.example', { servers, allow: ['User-Password'] }),
    /422.*no attribute of a reply/,
  )
})
