import t from 'tap'
import { DaemonSupplicants, SOMEBODY } from '../support/daemon-supplicants.ts'
import { type Supplicant, tlsVersions } from '../support/eapol-test.ts'
import { withTools } from '../support/tools.ts'

const rig = await DaemonSupplicants.start(t)
await rig.allow('tls', 'ttls-pap', 'ttls-tls', 'peap-gtc', 'peap-tls')

await withTools(t, { name: 'eapol_test: EAP-TLS', tools: ['eapol_test'] }, async (t) => {
  const laptop = await rig.issue('laptop')
  const tls = { eap: 'TLS', anonymous: SOMEBODY } as const
  for (const version of tlsVersions) {
    await t.test(`${version}: a certificate of the command lets her in`, async (t) => {
      const whole = await rig.run({ ...tls, version, more: laptop.lines() })
      t.ok(whole.isSuccess, whole.isSuccess ? '' : whole.output.slice(-3_000))
      t.equal(whole.keys, '1 0', 'both sides have the same keys')
      t.equal(whole.tls, version)
      t.equal(whole.vlan, '30')
      const more = [...laptop.lines(), 'fragment_size=200']
      const small = await rig.run({ ...tls, version, more, args: ['-N', '12:d:300'] })
      t.ok(small.isSuccess, 'in small fragments')
      t.equal(small.keys, '1 0')
    })
  }

  await t.test('a revoked certificate, at the next log-in', async (t) => {
    const lost = await rig.issue('lost')
    t.ok((await rig.run({ ...tls, version: 'TLSv1.2', more: lost.lines() })).isSuccess)
    await rig.cli('certificate', 'revoke', lost.serial)
    const sinceMs = Date.now()
    const refused = await rig.run({ ...tls, version: 'TLSv1.2', more: lost.lines() })
    t.notOk(refused.isSuccess || refused.isSilent)
    const reason = /at tls: certificate-revoked/
    t.match(await rig.explain(sinceMs, reason), reason)
  })
})

await withTools(t, { name: 'eapol_test: resumption', tools: ['eapol_test'] }, async (t) => {
  const tablet = await rig.issue('tablet')
  const ways: readonly [string, Omit<Supplicant, 'version'>][] = [
    ['EAP-TTLS', {}],
    ['PEAP', { eap: 'PEAP', phase2: 'auth=GTC' }],
    ['EAP-TLS', { eap: 'TLS', anonymous: SOMEBODY, more: tablet.lines() }],
  ]
  for (const [what, supplicant] of ways) {
    const again = () => rig.run({ ...supplicant, version: 'TLSv1.2', args: ['-r3'] })
    await rig.cli('network', 'set', 'corp', '--resumption', 'off')
    const off = await again()
    t.match(off, { isSuccess: true, keys: '4 0', resumed: 0 }, `${what}: off`)
    await rig.cli('network', 'set', 'corp', '--resumption', 'on')
    const on = await again()
    t.match(on, { isSuccess: true, keys: '4 0' }, `${what}: on`)
    // The PEAP of wpa_supplicant says it twice each time.
    t.equal(on.resumed, what === 'PEAP' ? 6 : 3, `${what}: three of four`)
    await rig.admin.suspend(SOMEBODY)
    const held = await again()
    t.match(held, { isSuccess: false, resumed: 0 }, `${what}: suspended`)
    await rig.admin.resume(SOMEBODY)
  }
})
