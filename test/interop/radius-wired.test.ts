import t, { type Test } from 'tap'
import { Admin } from '../support/admin.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { withTools } from '../support/tools.ts'
import { plugIn, WIRED_TOOLS } from '../support/wired.ts'

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
    const admin = new Admin(demo.facts)
    const port = await plugIn(t, { radius: demo.facts.radius, network: ttlsPap('adele.vance') })
    const { nas } = await admin.send<{ nas: { name: string }[] }>('GET', '/nas')
    await admin.send('PATCH', `/nas/${nas[0]?.name}`, { coaPort: port.dasPort })

    await port.linked()
    t.match(await port.deviceStatus(), /EAP state=SUCCESS/)
    t.match(
      port.switchLog(),
      /Attribute 81 \(Tunnel-Private-Group-Id\)[^\n]*\n[^\n]*Value: 3330\n/,
      'her VLAN is told',
    )
    await port.reported()
    const cut = port.cut()
    await admin.suspend('adele.vance')
    const tookMs = await cut
    t.ok(tookMs < 2_000, `the port is closed ${Math.round(tookMs)} ms after she was suspended`)
    t.match(port.switchLog(), /Disconnect-ACK|DAS: Disconnect/i)
  },
)
