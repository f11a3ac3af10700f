import t from 'tap'
import { EapolTest, tlsVersions } from '../support/eapol-test.ts'
import { GatewayBench, networkPassword, password } from '../support/radius-gateway.ts'
import { withTools } from '../support/tools.ts'

const bench = await new GatewayBench().start()
const tool = new EapolTest(bench)
t.teardown(async () => {
  await bench.stop()
  tool.remove()
})

const matrix = [
  ['TTLS', 'auth=PAP', 'ttls-pap', password],
  ['TTLS', 'auth=MSCHAPV2', 'ttls-mschapv2', networkPassword],
  ['TTLS', 'autheap=MSCHAPV2', 'ttls-mschapv2', networkPassword],
  ['TTLS', 'autheap=GTC', 'ttls-gtc', password],
  ['PEAP', 'auth=MSCHAPV2', 'peap-mschapv2', networkPassword],
  ['PEAP', 'auth=GTC', 'peap-gtc', password],
] as const

await withTools(t, { name: 'eapol_test: inner methods', tools: ['eapol_test'] }, async (t) => {
  for (const version of tlsVersions) {
    for (const [eap, phase2, method, secret] of matrix) {
      await t.test(`${version} ${eap} ${phase2}: in with the right password alone`, async (t) => {
        bench.allow(method)
        const run = await tool.run({ version, eap, phase2, password: secret })
        t.ok(run.isSuccess, run.isSuccess ? '' : run.output.slice(-3_000))
        t.equal(run.keys, '1 0')
        t.equal(run.tls, version)
        t.equal(run.vlan, '42')
        t.match(bench.events.at(-1), { outcome: 'success', method: `eap-${method}` })

        const wrong = await tool.run({ version, eap, phase2, password: 'wrong', timeoutSeconds: 3 })
        t.notOk(wrong.isSuccess || wrong.isSilent, 'and an end at once with a wrong one')
        t.match(bench.events.at(-1), { reason: 'wrong-password', method: `eap-${method}` })
      })
    }
  }
})
