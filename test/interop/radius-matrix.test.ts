import t from 'tap'
import type { RadiusMethod } from '../../src/directory/network.ts'
import { ClientAuthority } from '../support/client-certificates.ts'
import { DaemonSupplicants, type IssuedDevice, SOMEBODY } from '../support/daemon-supplicants.ts'
import { PASSWORD } from '../support/demo.ts'
import { type Supplicant, tlsVersions } from '../support/eapol-test.ts'
import { GatewayBench } from '../support/radius-gateway.ts'
import { RadiusRelay } from '../support/radius-relay.ts'
import { withTools } from '../support/tools.ts'

const needs = { name: 'eapol_test: every EAP method of the daemon', tools: ['eapol_test'] }

interface Way {
  readonly method: RadiusMethod
  readonly supplicant: Omit<Supplicant, 'version'>
}

/** What is amiss, the lines of the device that make it so, and what the log says then. */
type Refusal = readonly [string, readonly string[], RegExp]

await withTools(t, needs, async (t) => {
  const rig = await DaemonSupplicants.start(t)
  const relay = await new RadiusRelay(rig.radius.secret).start(rig.radius.authPort)
  t.teardown(() => relay.stop())
  await rig.cli('network-password', 'allow')
  const made = await rig.cli('--json', 'person', 'network-password', 'make', SOMEBODY)
  const ways = waysOf(
    await rig.issue('laptop'),
    (JSON.parse(made) as { password: string }).password,
  )
  const byCertificate = ways.filter(({ method }) => method.endsWith('tls'))
  const otherCa = rig.write('other-ca.pem', (await GatewayBench.makeCertificates()).caPem)
  const strangers = await ClientAuthority.make('Strangers')
  const { cert, key } = await strangers.issue({ email: 'adele.vance@contoso.example' })
  const certFile = rig.write('stranger.pem', cert)
  const keyFile = rig.write('stranger.key', key)

  for (const version of tlsVersions) {
    for (const { method, supplicant } of ways) {
      await t.test(`${version} ${method}: in, and both MPPE keys are the client's`, async (t) => {
        await rig.allow(method)
        const run = await rig.run({ ...supplicant, version, port: relay.port })
        t.ok(run.isSuccess, run.isSuccess ? '' : run.output.slice(-3_000))
        t.equal(run.tls, version)
        t.equal(run.vlan, '30')
        const accept = relay.takeAccept()
        t.match(accept?.reply, { isResponseAuthentic: true, isMessageAuthentic: true })
        t.equal(run.msk?.length, 64)
        t.same(accept?.msk, run.msk)
      })
    }

    for (const { method, supplicant } of byCertificate) {
      await t.test(`${version} ${method}: whom the device or we do not trust`, async (t) => {
        await rig.allow(method)
        const suffix = method === 'tls' ? '' : '2'
        const wrongName =
          /at tls: tls-alert-from-peer \(internal_error\)[\s\S]*server name of its profile/
        const wrongCa = /at tls: tls-alert-from-peer \(unknown_ca\)/
        const inside: readonly Refusal[] = [
          [
            'inside, our name is not the one it expects',
            [`ca_cert2="${rig.radius.caFile}"`, 'domain_match2="evil.example.test"'],
            wrongName,
          ],
          ['inside, it trusts another authority', [`ca_cert2="${otherCa}"`], wrongCa],
        ]
        const refusals: readonly Refusal[] = [
          ['our name is not the one it expects', ['domain_match="evil.example.test"'], wrongName],
          ['it trusts another authority', [`ca_cert="${otherCa}"`], wrongCa],
          ...(method === 'tls' ? [] : inside),
          [
            'a certificate of an authority we do not know',
            [`client_cert${suffix}="${certFile}"`, `private_key${suffix}="${keyFile}"`],
            /at tls: certificate-unknown-ca[\s\S]*to mend it: no authority trusted here/,
          ],
        ]
        for (const [what, lines, reason] of refusals) {
          const sinceMs = Date.now()
          const more = [...(supplicant.more ?? []), ...lines]
          const run = await rig.run({ ...supplicant, version, more, port: relay.port })
          t.notOk(run.isSuccess || run.isSilent, what)
          t.equal(relay.takeAccept(), null)
          t.match(await rig.explain(sinceMs, reason), reason, what)
        }
      })
    }
  }
})

function waysOf(device: IssuedDevice, networkPassword: string): readonly Way[] {
  const tunnelled = (eap: string, phase2: string, password: string) => ({ eap, phase2, password })
  const inside = (eap: string, phase2: string) => ({ eap, phase2, more: device.lines('2') })
  return [
    { method: 'tls', supplicant: { eap: 'TLS', anonymous: SOMEBODY, more: device.lines() } },
    { method: 'ttls-pap', supplicant: tunnelled('TTLS', 'auth=PAP', PASSWORD) },
    { method: 'ttls-gtc', supplicant: tunnelled('TTLS', 'autheap=GTC', PASSWORD) },
    { method: 'ttls-mschapv2', supplicant: tunnelled('TTLS', 'auth=MSCHAPV2', networkPassword) },
    {
      method: 'ttls-mschapv2',
      supplicant: tunnelled('TTLS', 'autheap=MSCHAPV2', networkPassword),
    },
    { method: 'ttls-tls', supplicant: inside('TTLS', 'autheap=TLS') },
    { method: 'peap-mschapv2', supplicant: tunnelled('PEAP', 'auth=MSCHAPV2', networkPassword) },
    { method: 'peap-gtc', supplicant: tunnelled('PEAP', 'auth=GTC', PASSWORD) },
    { method: 'peap-tls', supplicant: inside('PEAP', 'auth=TLS') },
  ]
}
