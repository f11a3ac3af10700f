import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { PASSWORD } from '../support/demo.ts'
import { fillIn, readGuide } from '../support/guide.ts'
import { inside } from '../support/network-namespace.ts'
import { startPeer } from '../support/radius-peers.ts'
import { openSite, SITE_TOOLS, type Site } from '../support/site.ts'
import { withTools } from '../support/tools.ts'

const NAS_SECRET = 'a-secret-of-this-site-alone-0123'
const VPN = 'vpn.contoso.example'
const ADELE = 'adele.vance'
const OWNER_ONLY = { mode: 0o600 }
const needed = ['/dev/net/tun', '/usr/lib/openvpn/radiusplugin.so']

await withTools(
  t,
  {
    name: 'docs/networks/openvpn.md: PAP by its RADIUS plugin',
    tools: [...SITE_TOOLS, 'openvpn'],
    root: true,
    others: needed.filter((path) => !existsSync(path)),
  },
  async (t: Test) => {
    const site = await openSite(t)
    const { nas, admin } = site
    await admin.send('POST', '/nas', { name: 'vpn', addresses: [`${nas}/32`], secret: NAS_SECRET })
    await startServer(t, site)
    const end = /Initialization Sequence Completed|AUTH_FAILED/
    const connect = async (name: string, password: string) =>
      end.exec((await startClient(t, site, { name, password, end }))())?.[0]
    t.equal(await connect('wrong', 'not hers'), 'AUTH_FAILED')
    t.equal(await connect('right', PASSWORD), 'Initialization Sequence Completed')
    t.match(await reported(site), { person: ADELE, nas: 'vpn' })
  },
)

async function startServer(t: Test, { demo, name, server, nas }: Site): Promise<void> {
  const file = (name: string) => join(demo.dataDir, name)
  const authority = await makeAuthority('VPN', Date.now())
  const own = await issueServerCertificate(authority, { names: [VPN], nowMs: Date.now() })
  writeFileSync(file('vpn-ca.pem'), authority.certificate)
  writeFileSync(file('vpn.pem'), own.certificate)
  writeFileSync(file('vpn.key'), own.privateKey, OWNER_ONLY)
  const [settings, plugin] = readGuide('openvpn')
  const printed = fillIn(settings, {
    '/run/openvpn/status.log': file('status.log'),
    '/etc/openvpn/radius.cnf': file('radius.cnf'),
    '/etc/openvpn/ccd': demo.dataDir,
  })
  writeFileSync(
    file('server.conf'),
    `local 127.0.0.1
port 1194
proto udp
dev tun-s
dev-type tun
topology subnet
server 10.98.0.0 255.255.255.0
ca ${file('vpn-ca.pem')}
cert ${file('vpn.pem')}
key ${file('vpn.key')}
dh none
${printed}`,
  )
  const radius = fillIn(plugin, {
    '10.30.0.5': nas,
    '10.0.0.10': server,
    '/etc/openvpn/server.conf': file('server.conf'),
    SECRET: NAS_SECRET,
  })
  writeFileSync(file('radius.cnf'), radius, OWNER_ONLY)
  await startPeer(t, {
    name: 'ip',
    args: inside(name, 'openvpn', [file('server.conf')]),
    ready: /Initialization Sequence Completed/,
  })
}

function startClient(
  t: Test,
  { demo, name: space }: Site,
  parts: { readonly name: string; readonly password: string; readonly end: RegExp },
): Promise<() => string> {
  const file = (name: string) => join(demo.dataDir, `${parts.name}-${name}`)
  writeFileSync(file('login'), `${ADELE}\n${parts.password}\n`, OWNER_ONLY)
  writeFileSync(
    file('client.conf'),
    `client
remote 127.0.0.1 1194
proto udp
nobind
dev tun-c
dev-type tun
ca ${join(demo.dataDir, 'vpn-ca.pem')}
remote-cert-tls server
verify-x509-name ${VPN} name
auth-user-pass ${file('login')}
auth-retry none
connect-retry-max 1
route-nopull
`,
  )
  const args = inside(space, 'openvpn', [file('client.conf')])
  return startPeer(t, { name: 'ip', args, ready: parts.end })
}

/** Her session, once the plugin has reported it. */
async function reported({ admin }: Site): Promise<unknown> {
  for (let tries = 0; tries < 200; tries++) {
    const path = `/sessions?person=${ADELE}&nas=vpn`
    const { sessions } = await admin.send<{ sessions: unknown[] }>('GET', path)
    if (sessions.length > 0) return sessions[0]
    await sleep(100)
  }
  return null
}
