import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { EapolTest, type Supplicant, tlsVersions } from '../support/eapol-test.ts'
import { GatewayBench } from '../support/radius-gateway.ts'
import { withTools } from '../support/tools.ts'

const demo = await startTestDemo(t)
const admin = new Admin(demo.facts)
const cli = cliOf(demo.dataDir)
const { radius } = demo.facts
const tool = new EapolTest({
  authPort: radius.authPort,
  caPem: readFileSync(radius.caFile, 'utf8'),
})
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-radius-tls-'))
t.teardown(() => {
  tool.remove()
  rmSync(folder, { recursive: true })
})

const run = (supplicant: Supplicant) =>
  tool.run({
    name: 'adele.vance',
    password: PASSWORD,
    secret: radius.secret,
    ...supplicant,
    more: [`domain_match="${radius.serverName}"`, ...(supplicant.more ?? [])],
  })

const methods = ['tls', 'ttls-pap', 'ttls-tls', 'peap-gtc', 'peap-tls']
await cli('network', 'set', 'corp', ...methods.flatMap((method) => ['--method', method]))

interface Answer {
  readonly reason: string
}

/** Reasons of the denials since then, once this one is among them. */
async function hasReason(sinceMs: number, wanted: string): Promise<boolean> {
  const since = encodeURIComponent(new Date(sinceMs).toISOString())
  for (let tries = 0; tries < 40; tries++) {
    const path = `/log?outcome=denied&since=${since}`
    const { answers } = await admin.send<{ answers: readonly Answer[] }>('GET', path)
    if (answers.some(({ reason }) => reason === wanted)) return true
    await sleep(100)
  }
  return false
}

/** Lines of a supplicant with a certificate that the command has issued. */
async function issue(device: string) {
  const file = join(folder, `${device}.p12`)
  const passwordFile = join(folder, `${device}.txt`)
  writeFileSync(passwordFile, 'of-the-file-7391')
  const args = ['--out', file, '--password-file', passwordFile, '--modern']
  const shown = await cli('--json', 'certificate', 'issue', 'adele.vance', device, ...args)
  const { serial } = JSON.parse(shown) as { serial: string }
  const lines = (suffix = '') => [
    `private_key${suffix}="${file}"`,
    `private_key${suffix}_passwd="of-the-file-7391"`,
  ]
  return { serial, lines }
}

await withTools(t, { name: 'eapol_test: EAP-TLS', tools: ['eapol_test'] }, async (t) => {
  const laptop = await issue('laptop')
  const tls = { eap: 'TLS', anonymous: 'adele.vance' } as const
  for (const version of tlsVersions) {
    await t.test(`${version}: a certificate of the command lets her in`, async (t) => {
      const whole = await run({ ...tls, version, more: laptop.lines() })
      t.ok(whole.isSuccess, whole.isSuccess ? '' : whole.output.slice(-3_000))
      t.equal(whole.keys, '1 0', 'both sides have the same keys')
      t.equal(whole.tls, version)
      t.equal(whole.vlan, '30')
      const more = [...laptop.lines(), 'fragment_size=200']
      const small = await run({ ...tls, version, more, args: ['-N', '12:d:300'] })
      t.ok(small.isSuccess, 'in small fragments')
      t.equal(small.keys, '1 0')
    })

    await t.test(`${version}: the device trusts another authority`, async (t) => {
      const { caPem } = await GatewayBench.makeCertificates()
      const file = join(folder, 'other-ca.pem')
      writeFileSync(file, caPem)
      const sinceMs = Date.now()
      const refused = await run({ ...tls, version, more: [...laptop.lines(), `ca_cert="${file}"`] })
      t.notOk(refused.isSuccess || refused.isSilent)
      t.ok(await hasReason(sinceMs, 'tls-alert-from-peer'))
      const told = await cli('--json', 'log', '--denied')
      t.match(told, /unknown_ca/)
    })
  }

  await t.test('a revoked certificate, at the next log-in', async (t) => {
    const lost = await issue('lost')
    t.ok((await run({ ...tls, version: 'TLSv1.2', more: lost.lines() })).isSuccess)
    await cli('certificate', 'revoke', lost.serial)
    const sinceMs = Date.now()
    const refused = await run({ ...tls, version: 'TLSv1.2', more: lost.lines() })
    t.notOk(refused.isSuccess || refused.isSilent)
    t.ok(await hasReason(sinceMs, 'certificate-revoked'))
  })
})

await withTools(t, { name: 'eapol_test: resumption', tools: ['eapol_test'] }, async (t) => {
  const tablet = await issue('tablet')
  const ways: readonly [string, Omit<Supplicant, 'version'>][] = [
    ['EAP-TTLS', {}],
    ['PEAP', { eap: 'PEAP', phase2: 'auth=GTC' }],
    ['EAP-TLS', { eap: 'TLS', anonymous: 'adele.vance', more: tablet.lines() }],
  ]
  for (const [what, supplicant] of ways) {
    const again = () => run({ ...supplicant, version: 'TLSv1.2', args: ['-r3'] })
    await cli('network', 'set', 'corp', '--resumption', 'off')
    const off = await again()
    t.match(off, { isSuccess: true, keys: '4 0', resumed: 0 }, `${what}: off`)
    await cli('network', 'set', 'corp', '--resumption', 'on')
    const on = await again()
    t.match(on, { isSuccess: true, keys: '4 0' }, `${what}: on`)
    // The PEAP of wpa_supplicant says it twice each time.
    t.equal(on.resumed, what === 'PEAP' ? 6 : 3, `${what}: three of four`)
    await admin.suspend('adele.vance')
    const held = await again()
    t.match(held, { isSuccess: false, resumed: 0 }, `${what}: suspended`)
    await admin.resume('adele.vance')
  }
})
