import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import type { HomeServerAddress } from '../../src/directory/realm.ts'
import { ClientAuthority } from '../support/client-certificates.ts'
import { aNas, aRealm } from '../support/directory.ts'
import { EapolTest, tlsVersions } from '../support/eapol-test.ts'
import { freePort } from '../support/free-port.ts'
import { forwardingConfig, homeConfig, tlsLines, udpHomes } from '../support/freeradius-config.ts'
import { passChallenges } from '../support/radius-challenges.ts'
import { GatewayBench, nasSecret, password, serverName } from '../support/radius-gateway.ts'
import { type PeerFiles, startFreeradius, startRadsecproxy } from '../support/radius-peers.ts'
import { runTool } from '../support/run-tool.ts'
import { withTools } from '../support/tools.ts'

const PROXY = 'proxy.example.test'
const nowMs = Date.now()
const authority = await makeAuthority('Test Root', nowMs)
const issue = (name: string) => issueServerCertificate(authority, { names: [name], nowMs })
const bench = new GatewayBench()
bench.certificates = { ...(await issue(serverName)), caPem: authority.certificate }
bench.directory.put(
  aNas({
    name: 'proxy',
    addresses: [],
    secrets: [Buffer.from('radsec')],
    requireMessageAuthenticator: 'no',
    limitProxyState: false,
    radsec: { names: [PROXY], fingerprints: [], trustedCa: null },
  }),
)
await bench.start()
const tool = new EapolTest(bench)
t.teardown(async () => {
  await bench.stop()
  tool.remove()
})

async function write(name: string): Promise<PeerFiles> {
  const { certificate, privateKey } = await issue(name)
  const files = {
    certFile: join(tool.folder, `${name}.pem`),
    keyFile: join(tool.folder, `${name}.key`),
    caFile: tool.caFile,
  }
  writeFileSync(files.certFile, certificate)
  writeFileSync(files.keyFile, privateKey)
  return files
}

const proxyFiles = await write(PROXY)
const homeFiles = await write(serverName)
const theirs = await ClientAuthority.make('Their clients')

/** PAP, a wrong password, accounting and EAP-TTLS through the port of whoever is in front. */
async function passThrough(
  t: Test,
  where: { readonly authPort: number; readonly acctPort: number; readonly name: string },
): Promise<void> {
  const { authPort, acctPort, name } = where
  const ask = (what: string, port: number, attributes: string) =>
    runTool(
      'radclient',
      ['-x', '-r', '1', '-t', '8', `127.0.0.1:${port}`, what, nasSecret],
      attributes,
    )
  const log = (given: string) =>
    ask(
      'auth',
      authPort,
      `User-Name="${name}", User-Password="${given}", Message-Authenticator=0x00`,
    )
  t.match((await log(password)).output, /Received Access-Accept/)
  t.match((await log('wrong')).output, /Received Access-Reject/)
  const accounting = `User-Name="${name}", Acct-Status-Type=Start, Acct-Session-Id="s1"`
  t.match((await ask('acct', acctPort, accounting)).output, /Received Accounting-Response/)
  for (const version of tlsVersions) {
    const anonymous = name.includes('@') ? name.replace(/^[^@]+/, 'anonymous') : 'anonymous'
    const run = await tool.run({ version, name, anonymous, port: authPort })
    t.ok(run.isSuccess, run.isSuccess ? `EAP-TTLS, ${version}` : run.output.slice(-1_500))
    t.equal(run.keys, '1 0', 'both keys')
    const wrong = await tool.run({ version, name, anonymous, port: authPort, password: 'wrong' })
    t.notOk(wrong.isSuccess || wrong.isSilent, 'a wrong password is refused')
  }
}

await withTools(
  t,
  { name: 'radsecproxy in front of us', tools: ['radsecproxy', 'radclient', 'eapol_test'] },
  async (t) => {
    const port = await freePort()
    const log = await startRadsecproxy(t, join(tool.folder, 'front'), {
      files: proxyFiles,
      ready: /TLS connection to up .* up/,
      blocks: `ListenUDP 127.0.0.1:${port}
client nas {
  host 127.0.0.1
  type udp
  secret ${nasSecret}
}
server up {
  host 127.0.0.1
  port ${bench.radsecPort}
  type tls
  secret radsec
  certificateNameCheck off
  matchCertificateAttribute SubjectAltName:DNS:/^radius\\.example\\.test$/
  statusServer on
}
realm * {
  server up
  accountingServer up
}`,
    })
    await passThrough(t, { authPort: port, acctPort: port, name: 'alice' })
    t.match(bench.events.at(-1)?.detail, { nas: 'proxy' }, 'known by its certificate')
    t.match(log(), /TLS connection to up/)
  },
)

for (const how of ['udp', 'tls'] as const) {
  await withTools(
    t,
    { name: `FreeRADIUS in front of us, ${how}`, tools: ['freeradius', 'radclient', 'eapol_test'] },
    async (t) => {
      const [authPort, acctPort] = [await freePort(), await freePort()]
      await startFreeradius(
        t,
        join(tool.folder, `frp-${how}`),
        forwardingConfig({
          ...{ secret: nasSecret, authPort, acctPort },
          homes: how === 'udp' ? udpHomes(nasSecret, bench) : tlsHome(),
        }),
      )
      await passThrough(t, { authPort, acctPort, name: 'alice' })
    },
  )
}

function tlsHome(): string {
  return `home_server up {
  type = auth+acct
  ipaddr = 127.0.0.1
  port = ${bench.radsecPort}
  proto = tcp
  secret = radsec
  status_check = none
  response_window = 5
  tls { ${tlsLines(proxyFiles, '1.2')}, fragment_size = 8192 }
}
home_server_pool p { home_server = up }
home_server_pool pa { home_server = up }`
}

const AWAY = { name: 'alice@away.example', anonymous: 'x@away.example' } as const

/** Every method of FreeRADIUS that is ours too; TTLS/PAP is asked by `passThrough`. */
async function methodsAway() {
  const { cert, key } = await theirs.issue({ email: AWAY.name })
  const [certFile, keyFile] = [join(tool.folder, 'alice.pem'), join(tool.folder, 'alice.key')]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key)
  const more = [`client_cert="${certFile}"`, `private_key="${keyFile}"`]
  return [
    { eap: 'TTLS', phase2: 'auth=MSCHAPV2' },
    { eap: 'TTLS', phase2: 'autheap=GTC' },
    { eap: 'PEAP', phase2: 'auth=MSCHAPV2' },
    { eap: 'PEAP', phase2: 'auth=GTC' },
    { eap: 'TLS', anonymous: AWAY.name, more },
  ]
}

await withTools(
  t,
  {
    name: 'FreeRADIUS and radsecproxy behind us',
    tools: ['freeradius', 'radsecproxy', 'radclient', 'eapol_test'],
  },
  async (t) => {
    const ports = { auth: await freePort(), acct: await freePort(), tls: await freePort() }
    const behind = await freePort()
    const folder = join(tool.folder, 'home')
    await startRadsecproxy(t, join(tool.folder, 'behind'), {
      files: homeFiles,
      ready: /listening for tls on/,
      blocks: `ListenTLS 127.0.0.1:${behind}
client rs {
  host 127.0.0.1
  type tls
  secret radsec
  certificateNameCheck off
}
server auth {
  host 127.0.0.2
  port ${ports.auth}
  type udp
  secret ${nasSecret}
}
server acct {
  host 127.0.0.2
  port ${ports.acct}
  type udp
  secret ${nasSecret}
}
realm * {
  server auth
  accountingServer acct
}`,
    })
    await startFreeradius(
      t,
      folder,
      homeConfig({
        ...{ folder, ports, files: homeFiles, clientCa: theirs.pem },
        ...{ secret: nasSecret, name: AWAY.name, password },
      }),
    )

    const overTls = (port: number): HomeServerAddress => ({
      host: '127.0.0.1',
      port,
      acctPort: null,
      radsec: { names: [serverName], fingerprints: [], trustedCa: null },
      secret: Buffer.from('radsec'),
    })
    const overUdp = {
      host: '127.0.0.2',
      port: ports.auth,
      acctPort: ports.acct,
      radsec: null,
      secret: Buffer.from(nasSecret),
    }
    const realm = aRealm({ name: 'away.example' })
    for (const [what, server] of [
      ['FreeRADIUS over UDP', overUdp],
      ['FreeRADIUS over TLS', overTls(ports.tls)],
      ['radsecproxy over TLS', overTls(behind)],
    ] as const) {
      await t.test(what, async (t) => {
        bench.directory.put({ ...realm, servers: [server] })
        const { authPort, acctPort } = bench
        await passThrough(t, { authPort, acctPort, name: AWAY.name })
        for (const version of tlsVersions) {
          for (const method of await methodsAway()) {
            const run = await tool.run({ version, ...AWAY, ...method })
            const what = `${version} ${method.eap} ${method.phase2 ?? ''}`
            t.ok(run.isSuccess, run.isSuccess ? what : run.output.slice(-1_500))
            t.equal(run.keys, '1 0', what)
          }
        }
        await passChallenges(t, { port: authPort, name: AWAY.name, password, secret: nasSecret })
        const run = await tool.run({ version: 'TLSv1.2', ...AWAY })
        t.equal(run.vlan, null, 'their VLAN stays theirs')
        t.match(bench.events.at(-1), { outcome: 'success', method: 'radius-proxy' })
      })
    }
  },
)
