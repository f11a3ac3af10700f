import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { withTools } from '../support/tools.ts'
import { plugIn, WIRED_TOOLS } from '../support/wired.ts'

const PERSON = 'adele.vance'
const FILE_PASSWORD = 'of-the-file-7391'
/** Two seconds are wanted of a machine that does little else; far below what a Session-Timeout would take. */
const CUT_MS = 10_000

function tunnelled(eap: string, phase2: string, password = PASSWORD): readonly string[] {
  return [
    `eap=${eap}`,
    `identity="${PERSON}"`,
    'anonymous_identity="anonymous@contoso.example"',
    `password="${password}"`,
    `phase2="${phase2}"`,
  ]
}

await withTools(
  t,
  { name: 'wired 802.1X: a switch and a device', tools: WIRED_TOOLS, root: true },
  async (t: Test) => {
    const demo = await startTestDemo(t)
    const { radius } = demo.facts
    const admin = new Admin(demo.facts)
    const cli = cliOf(demo.dataDir)
    const folder = mkdtempSync(join(tmpdir(), 'gh-wired-keys-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const { nas } = await admin.send<{ nas: { name: string }[] }>('GET', '/nas')
    const methods = ['ttls-pap', 'peap-gtc', 'peap-mschapv2', 'tls']
    await cli('network', 'set', 'corp', ...methods.flatMap((method) => ['--method', method]))
    await cli('network-password', 'allow')
    const said = await cli('person', 'network-password', 'make', PERSON)
    const networkPassword = said.replace(/^network password: /, '').trim()

    const sessionsNow = async () => {
      const path = `/sessions?person=${PERSON}`
      return (await admin.send<{ sessions: readonly { network: string }[] }>('GET', path)).sessions
    }

    /** Lines of a device with a certificate that the command has issued. */
    const issue = async (device: string) => {
      const file = join(folder, `${device}.p12`)
      const passwordFile = join(folder, `${device}.txt`)
      writeFileSync(passwordFile, FILE_PASSWORD)
      const args = ['--out', file, '--password-file', passwordFile, '--modern']
      const issued = await cli('--json', 'certificate', 'issue', PERSON, device, ...args)
      const { serial } = JSON.parse(issued) as { serial: string }
      const network = [
        'eap=TLS',
        `identity="${PERSON}"`,
        `private_key="${file}"`,
        `private_key_passwd="${FILE_PASSWORD}"`,
      ]
      return { serial, network }
    }

    /** A device is on, on her VLAN and accounted; then `act` shuts it out. */
    const isCutBy = async (
      t: Test,
      network: readonly string[],
      act: () => Promise<unknown>,
    ): Promise<void> => {
      const port = await plugIn(t, { radius, network })
      await admin.send('PATCH', `/nas/${nas[0]?.name}`, { coaPort: port.dasPort })
      await port.linked()
      t.match(await port.deviceStatus(), /EAP state=SUCCESS/)
      t.match(
        port.switchLog(),
        /Attribute 81 \(Tunnel-Private-Group-Id\)[^\n]*\n[^\n]*Value: 3330\n/,
        'her VLAN is told',
      )
      await port.reported()
      t.match(await sessionsNow(), [{ network: 'corp' }], 'accounted to her')
      const cut = port.cut()
      await act()
      const tookMs = await cut
      t.comment(`the port is closed ${Math.round(tookMs)} ms after the word was given`)
      t.ok(tookMs < CUT_MS, 'by the request, and by no time-out')
      t.match(port.switchLog(), /Disconnect-ACK|DAS: Disconnect/i)
      await port.stop()
    }

    const suspend = () => admin.suspend(PERSON)
    const ways: readonly (readonly [string, readonly string[]])[] = [
      ['EAP-TTLS/PAP', tunnelled('TTLS', 'auth=PAP')],
      ['PEAP/GTC', tunnelled('PEAP', 'auth=GTC')],
      ['PEAP/MSCHAPv2', tunnelled('PEAP', 'auth=MSCHAPV2', networkPassword)],
      ['EAP-TLS', (await issue('laptop')).network],
    ]
    for (const [what, network] of ways) {
      await t.test(`${what}: her port is closed when she is suspended`, async (t) => {
        await isCutBy(t, network, suspend)
        await admin.resume(PERSON)
      })
    }

    await t.test('EAP-TLS: and when the certificate is revoked', async (t) => {
      const { serial, network } = await issue('lost')
      await isCutBy(t, network, () =>
        cli('certificate', 'revoke', serial, '--reason', 'key-compromise'),
      )
    })
  },
)
