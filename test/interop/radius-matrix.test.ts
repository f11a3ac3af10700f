import t from 'tap'
import type { RadiusMethod } from '../../src/directory/network.ts'
import { ClientAuthority } from '../support/client-certificates.ts'
import { DaemonSupplicants } from '../support/daemon-supplicants.ts'
import { tlsVersions } from '../support/eapol-test.ts'
import { GatewayBench } from '../support/radius-gateway.ts'
import { RadiusRelay } from '../support/radius-relay.ts'
import { withTools } from '../support/tools.ts'

const needs = { name: 'eapol_test: every EAP method of the daemon', tools: ['eapol_test'] }

/** Of the server's name, as profiles of a site with several servers have it. */
const SUFFIX = 'net.contoso.example'

const wrongName =
  /at tls: tls-alert-from-peer \(internal_error\)[\s\S]*server name or domain suffix of its profile/
const wrongCa = /at tls: tls-alert-from-peer \(unknown_ca\)/

/** What is amiss, the lines of the device that make it so, and what the log says then. */
type Refusal = readonly [string, readonly string[], RegExp]

await withTools(t, needs, async (t) => {
  const rig = await DaemonSupplicants.start(t, {
    GATEHOUSE_PUBLIC_URL: `https://id.${SUFFIX}`,
  })
  const relay = await new RadiusRelay(rig.radius.secret).start(rig.radius.authPort)
  t.teardown(() => relay.stop())
  const { ways } = await rig.everyWay()
  const byCertificate = ways.filter(({ method }) => method.endsWith('tls'))
  const otherCa = rig.write('other-ca.pem', (await GatewayBench.makeCertificates()).caPem)
  const strangers = await ClientAuthority.make('Strangers')
  const { cert, key } = await strangers.issue({ email: 'adele.vance@contoso.example' })
  const certFile = rig.write('stranger.pem', cert)
  const keyFile = rig.write('stranger.key', key)

  const outer: ReadonlySet<RadiusMethod> = new Set(['tls', 'ttls-pap', 'peap-gtc'])
  for (const version of tlsVersions) {
    for (const { method, supplicant } of ways) {
      await t.test(`${version} ${method}: in, and both MPPE keys are the client's`, async (t) => {
        await rig.allow(method)
        const run = await rig.pass(t, relay, { ...supplicant, version })
        t.equal(run.tls, version)
        t.equal(run.vlan, '30')
      })
    }

    for (const { method, supplicant } of ways.filter(({ method }) => outer.has(method))) {
      await t.test(`${version} ${method}: a device that knows our name by its end`, async (t) => {
        await rig.allow(method)
        const expect = (suffix: string) => [
          ...(supplicant.more ?? []),
          ...['domain_match=NULL', `domain_suffix_match="${suffix}"`],
        ]
        for (const suffix of [SUFFIX, `id.${SUFFIX}`])
          await rig.pass(t, relay, { ...supplicant, version, more: expect(suffix) })
        // The second ends alike, and within a label.
        for (const suffix of ['evil.example.test', SUFFIX.slice(1), `x.id.${SUFFIX}`]) {
          const sinceMs = Date.now()
          const more = expect(suffix)
          const run = await rig.run({ ...supplicant, version, more, port: relay.port })
          t.notOk(run.isSuccess || run.isSilent, suffix)
          t.equal(relay.takeAccept(), null)
          t.match(await rig.explain(sinceMs, wrongName), wrongName, suffix)
        }
      })
    }

    for (const { method, supplicant } of byCertificate) {
      await t.test(`${version} ${method}: whom the device or we do not trust`, async (t) => {
        await rig.allow(method)
        const suffix = method === 'tls' ? '' : '2'
        const inside: readonly Refusal[] = [
          [
            'inside, our name is not the one it expects',
            [`ca_cert2="${rig.radius.caFile}"`, 'domain_match2="evil.example.test"'],
            wrongName,
          ],
          [
            'inside, our name does not end as it expects',
            [`ca_cert2="${rig.radius.caFile}"`, 'domain_suffix_match2="evil.example.test"'],
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
