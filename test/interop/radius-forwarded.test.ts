import { join } from 'node:path'
import t from 'tap'
import { makeAuthority } from '../../src/credentials/certificates/authority.ts'
import { DaemonSupplicants, SOMEBODY } from '../support/daemon-supplicants.ts'
import { PASSWORD } from '../support/demo.ts'
import { tlsVersions } from '../support/eapol-test.ts'
import { freePort, isOpen } from '../support/free-port.ts'
import { forwardingConfig, tlsHomes, udpHomes } from '../support/freeradius-config.ts'
import { until } from '../support/push-bench.ts'
import { passChallenges } from '../support/radius-challenges.ts'
import { askPap } from '../support/radius-pap.ts'
import { issuePeerFiles, startFreeradius } from '../support/radius-peers.ts'
import { RadiusRelay } from '../support/radius-relay.ts'
import { startRadsecproxyInFront } from '../support/radsecproxy.ts'
import { withTools } from '../support/tools.ts'

const PROXY = 'proxy.example.test'
const needs = {
  name: 'FreeRADIUS and radsecproxy forward every method to the daemon',
  tools: ['freeradius', 'radsecproxy', 'eapol_test'],
}

await withTools(t, needs, async (t) => {
  const radsecPort = await freePort()
  const rig = await DaemonSupplicants.start(t, {
    GATEHOUSE_RADSEC_LISTEN: `127.0.0.1:${radsecPort}`,
  })
  const { folder } = rig
  const { secret, serverName, caFile } = rig.radius
  const authority = await makeAuthority('Their root', Date.now())
  const theirCa = rig.write('their-ca.pem', authority.certificate)
  const files = await issuePeerFiles(authority, { folder, name: PROXY, caFile })
  await rig.cli('nas', 'create-radsec', 'proxy', '--san', PROXY, '--trusted-ca', theirCa)
  await until('the port for TLS is open', () => isOpen(radsecPort))

  const freeradius = async (name: string, homes: string): Promise<number> => {
    const [authPort, acctPort] = [await freePort(), await freePort()]
    const config = forwardingConfig({ secret, authPort, acctPort, homes })
    await startFreeradius(t, join(folder, name), config)
    return authPort
  }
  const radsecproxy = async (): Promise<number> => {
    const port = await freePort()
    const up = { port: radsecPort, name: serverName }
    await startRadsecproxyInFront(t, join(folder, 'radsecproxy'), { port, secret, files, up })
    return port
  }
  const fronts = [
    {
      name: 'FreeRADIUS, UDP',
      nas: 'loopback',
      port: await freeradius('udp', udpHomes(secret, rig.radius)),
    },
    {
      name: 'FreeRADIUS, RadSec',
      nas: 'proxy',
      port: await freeradius('tls', tlsHomes(radsecPort, files)),
    },
    { name: 'radsecproxy', nas: 'proxy', port: await radsecproxy() },
  ]
  const { ways, networkPassword } = await rig.everyWay()

  const relays = await Promise.all(
    fronts.map(async (front) => {
      const relay = await new RadiusRelay(secret).start(front.port)
      t.teardown(() => relay.stop())
      return { name: front.name, relay }
    }),
  )
  for (const { method, supplicant } of ways) {
    await t.test(method, async (t) => {
      await rig.allow(method)
      for (const { name, relay } of relays) {
        await t.test(name, async (t) => {
          for (const version of tlsVersions) await rig.pass(t, relay, { ...supplicant, version })
        })
      }
    })
  }

  await rig.allow('pap', 'chap', 'mschapv2', 'ttls-pap')
  for (const { name, nas, port } of fronts) {
    await t.test(`${name}: without EAP, and what is refused`, async (t) => {
      const pap = (password: string) =>
        askPap({ host: '127.0.0.1', port, secret }, { username: SOMEBODY, password }, 8_000)
      t.equal(await pap(PASSWORD), true)
      t.equal(await pap('wrong'), false)
      const who = { name: SOMEBODY, password: networkPassword }
      await passChallenges(t, { port, secret, ...who })
      const sinceMs = Date.now()
      const run = await rig.run({ version: 'TLSv1.2', password: 'wrong', port })
      t.notOk(run.isSuccess || run.isSilent, 'a wrong password')
      const reason = new RegExp(
        String.raw`eap-ttls-pap[\s\S]*NAS ${nas} [\s\S]*at credential: wrong-password`,
      )
      t.match(await rig.explain(sinceMs, reason), reason)
    })
  }
})
