import t, { type Test } from 'tap'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { withTools } from '../support/tools.ts'
import { plugIn, WIRED_TOOLS } from '../support/wired.ts'

/** What the device proves itself with; TLS 1.3 is for other tests. */
function ttlsPap(name: string): readonly string[] {
  return [
    'eap=TTLS',
    `identity="${name}"`,
    'anonymous_identity="anonymous@contoso.example"',
    `password="${PASSWORD}"`,
    'phase2="auth=PAP"',
  ]
}

await withTools(
  t,
  { name: 'wired 802.1X: a switch and a device', tools: WIRED_TOOLS, root: true },
  async (t: Test) => {
    const demo = await startTestDemo(t)
    const port = await plugIn(t, { radius: demo.facts.radius, network: ttlsPap('adele.vance') })
    await port.linked()
    t.match(await port.deviceStatus(), /EAP state=SUCCESS/)
    t.match(
      port.switchLog(),
      /Attribute 81 \(Tunnel-Private-Group-Id\)[^\n]*\n[^\n]*Value: 3330\n/,
      'her VLAN is told',
    )
  },
)
