import { join } from 'node:path'
import t from 'tap'
import { DaemonSupplicants, SOMEBODY } from '../support/daemon-supplicants.ts'
import { PASSWORD } from '../support/demo.ts'
import { tlsVersions } from '../support/eapol-test.ts'
import { freePort } from '../support/free-port.ts'
import { forwardingConfig, udpHomes } from '../support/freeradius-config.ts'
import { passChallenges } from '../support/radius-challenges.ts'
import { askPap } from '../support/radius-pap.ts'
import { startFreeradius } from '../support/radius-peers.ts'
import { RadiusRelay } from '../support/radius-relay.ts'
import { withTools } from '../support/tools.ts'

const needs = {
  name: 'FreeRADIUS forwards every method to the daemon',
  tools: ['freeradius', 'eapol_test'],
}

await withTools(t, needs, async (t) => {
  const rig = await DaemonSupplicants.start(t)
  const { secret } = rig.radius
  const [authPort, acctPort] = [await freePort(), await freePort()]
  const homes = udpHomes(secret, rig.radius)
  const config = forwardingConfig({ secret, authPort, acctPort, homes })
  await startFreeradius(t, join(rig.folder, 'front'), config)
  const relay = await new RadiusRelay(secret).start(authPort)
  t.teardown(() => relay.stop())
  const { ways, networkPassword } = await rig.everyWay()

  for (const { method, supplicant } of ways) {
    await t.test(method, async (t) => {
      await rig.allow(method)
      for (const version of tlsVersions) {
        const run = await rig.run({ ...supplicant, version, port: relay.port })
        t.ok(run.isSuccess, run.isSuccess ? version : run.output.slice(-3_000))
        t.same(relay.takeAccept()?.msk, run.msk, 'both keys, hidden anew on the way')
        t.equal(run.msk?.length, 64)
      }
    })
  }

  await t.test('without EAP: PAP, CHAP, MS-CHAPv2', async (t) => {
    await rig.allow('pap', 'chap', 'mschapv2')
    const front = { host: '127.0.0.1', port: authPort, secret }
    const pap = (password: string) => askPap(front, { username: SOMEBODY, password }, 8_000)
    t.equal(await pap(PASSWORD), true)
    t.equal(await pap('wrong'), false)
    const who = { name: SOMEBODY, password: networkPassword }
    await passChallenges(t, { port: authPort, secret, ...who })
  })
})
