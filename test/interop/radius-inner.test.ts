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

  await t.test('crypto-binding: by a client that demands it, and one that leaves it', async (t) => {
    bench.allow('peap-mschapv2', 'peap-gtc')
    for (const version of tlsVersions) {
      for (const phase1 of ['crypto_binding=2', 'crypto_binding=0']) {
        for (const [phase2, secret] of [
          ['auth=MSCHAPV2', networkPassword],
          ['auth=GTC', password],
        ] as const) {
          const run = await tool.run({ version, eap: 'PEAP', phase1, phase2, password: secret })
          t.ok(run.isSuccess, run.isSuccess ? '' : run.output.slice(-3_000))
          t.equal(run.keys, '1 0', `${version} ${phase1} ${phase2}`)
        }
      }
    }
  })

  await t.test('a network that demands crypto-binding turns others away', async (t) => {
    const peap = { version: 'TLSv1.2', eap: 'PEAP', phase2: 'auth=MSCHAPV2' } as const
    const secret = { password: networkPassword }
    const methods = ['peap-mschapv2'] as const
    bench.directory.put({ ...bench.corp, methods, requireCryptoBinding: true })
    const without = await tool.run({ ...peap, ...secret, phase1: 'crypto_binding=0' })
    t.notOk(without.isSuccess || without.isSilent)
    t.match(bench.events.at(-1), { reason: 'crypto-binding', detail: { why: 'missing' } })
    t.ok((await tool.run({ ...peap, ...secret })).isSuccess)
  })

  await t.test('a client gets what it wants of what is allowed, by Nak', async (t) => {
    bench.allow('ttls-pap', 'ttls-mschapv2', 'ttls-gtc', 'peap-mschapv2', 'peap-gtc')
    for (const [eap, phase2, method, secret] of matrix) {
      const run = await tool.run({ version: 'TLSv1.2', eap, phase2, password: secret })
      t.ok(run.isSuccess, `${eap} ${phase2}`)
      t.match(bench.events.at(-1), { outcome: 'success', method: `eap-${method}` })
    }
  })

  await t.test('what the network does not allow is not offered', async (t) => {
    bench.allow('ttls-pap', 'peap-mschapv2')
    const cases = [
      ['TTLS', 'auth=MSCHAPV2', 'inner-method'],
      ['TTLS', 'autheap=GTC', 'inner-method'],
      ['PEAP', 'auth=GTC', 'no-common-method'],
      ['TTLS', 'auth=CHAP', 'inner-method'],
      ['TTLS', 'auth=MSCHAP', 'inner-method'],
    ] as const
    for (const [eap, phase2, reason] of cases) {
      const run = await tool.run({ version: 'TLSv1.2', eap, phase2, password: networkPassword })
      t.notOk(run.isSuccess || run.isSilent, `${eap} ${phase2}`)
      t.equal(bench.lastReason, reason, `${eap} ${phase2}`)
    }
  })

  await t.test('EAP-MD5 is refused outside and inside a tunnel', async (t) => {
    bench.allow('ttls-pap', 'ttls-mschapv2', 'peap-mschapv2')
    const cases = [
      ['MD5', 'auth=PAP'],
      ['TTLS', 'autheap=MD5'],
      ['PEAP', 'auth=MD5'],
    ] as const
    for (const [eap, phase2] of cases) {
      const run = await tool.run({ version: 'TLSv1.2', eap, phase2, password: networkPassword })
      t.notOk(run.isSuccess || run.isSilent, `${eap} ${phase2}`)
      t.equal(bench.lastReason, 'no-common-method', `${eap} ${phase2}`)
    }
  })

  await t.test('the realm inside is that outside, or none', async (t) => {
    bench.allow('ttls-pap', 'peap-mschapv2')
    const cases = [
      ['alice@contoso.example', 'anonymous@evil.example', 'realm-mismatch'],
      ['alice@contoso.example', 'anonymous@CONTOSO.example', null],
      ['alice@contoso.example', 'anonymous', null],
      ['alice', 'anonymous@evil.example', null],
    ] as const
    for (const [name, anonymous, reason] of cases) {
      for (const [eap, phase2, secret] of [
        ['TTLS', 'auth=PAP', password],
        ['PEAP', 'auth=MSCHAPV2', networkPassword],
      ] as const) {
        const run = await tool.run({
          ...{ version: 'TLSv1.2', eap, phase2, password: secret, name, anonymous },
        })
        t.equal(run.isSuccess, reason === null, `${eap} ${name} in ${anonymous}`)
        t.equal(bench.lastReason, reason)
      }
    }
  })
})
