import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  issueServerCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { aNas } from '../support/directory.ts'
import { EapolTest, tlsVersions } from '../support/eapol-test.ts'
import { freePort } from '../support/free-port.ts'
import { forwardingConfig, tlsHomes, udpHomes } from '../support/freeradius-config.ts'
import { radclient } from '../support/radclient.ts'
import { GatewayBench, nasSecret, password, serverName } from '../support/radius-gateway.ts'
import { issuePeerFiles, startFreeradius } from '../support/radius-peers.ts'
import { startRadsecproxyInFront } from '../support/radsecproxy.ts'
import { withTools } from '../support/tools.ts'

const PROXY = 'proxy.example.test'
const nowMs = Date.now()
const authority = await makeAuthority('Test Root', nowMs)
const ours = await issueServerCertificate(authority, { names: [serverName], nowMs })
const bench = new GatewayBench()
bench.certificates = { ...ours, caPem: authority.certificate }
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

const { folder, caFile } = tool
const proxyFiles = await issuePeerFiles(authority, { folder, name: PROXY, caFile })

/** PAP, a wrong password, accounting and EAP-TTLS through the ports of whoever is in front. */
async function passThrough(
  t: Test,
  { authPort, acctPort }: { readonly authPort: number; readonly acctPort: number },
): Promise<void> {
  const ask = (what: 'auth' | 'acct', port: number, attributes: string) =>
    radclient({ port, secret: nasSecret }, what, `User-Name="alice", ${attributes}`)
  const log = (given: string) =>
    ask('auth', authPort, `User-Password="${given}", Message-Authenticator=0x00`)
  t.match(await log(password), /Received Access-Accept/)
  t.match(await log('wrong'), /Received Access-Reject/)
  const start = 'Acct-Status-Type=Start, Acct-Session-Id="s1"'
  t.match(await ask('acct', acctPort, start), /Received Accounting-Response/)
  for (const version of tlsVersions) {
    const who = { version, anonymous: 'anonymous', port: authPort }
    const run = await tool.run(who)
    t.ok(run.isSuccess, run.isSuccess ? `EAP-TTLS, ${version}` : run.output.slice(-1_500))
    t.equal(run.keys, '1 0', 'both keys')
    const wrong = await tool.run({ ...who, password: 'wrong' })
    t.notOk(wrong.isSuccess || wrong.isSilent, 'a wrong password is refused')
  }
}

await withTools(
  t,
  { name: 'radsecproxy in front of us', tools: ['radsecproxy', 'radclient', 'eapol_test'] },
  async (t) => {
    const port = await freePort()
    const up = { port: bench.radsecPort, name: serverName }
    const where = { port, secret: nasSecret, files: proxyFiles, up }
    const log = await startRadsecproxyInFront(t, join(folder, 'front'), where)
    await passThrough(t, { authPort: port, acctPort: port })
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
        join(folder, `frp-${how}`),
        forwardingConfig({
          ...{ secret: nasSecret, authPort, acctPort },
          homes:
            how === 'udp' ? udpHomes(nasSecret, bench) : tlsHomes(bench.radsecPort, proxyFiles),
        }),
      )
      await passThrough(t, { authPort, acctPort })
    },
  )
}
