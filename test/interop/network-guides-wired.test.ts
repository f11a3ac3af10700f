import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Admin } from '../support/admin.ts'
import { PASSWORD, startTestDemo, type TestDemo } from '../support/demo.ts'
import { fillIn, readGuide } from '../support/guide.ts'
import { startPeer } from '../support/radius-peers.ts'
import { withTools } from '../support/tools.ts'
import { plugIn, WIRED_TOOLS } from '../support/wired.ts'

/** Lines of the block that a port without a radio does not have. */
const OF_A_RADIO = /^(interface|ssid|wpa\w*|rsn_pairwise|ieee80211w|dynamic_vlan)=/
const [, hostapd] = readGuide('hostapd')

function printedFor({ facts }: TestDemo): string {
  const { host, authPort, acctPort, secret } = facts.radius
  return fillIn(hostapd, {
    '10.0.0.10': host,
    'port=1812': `port=${authPort}`,
    'port=1813': `port=${acctPort}`,
    SECRET: secret,
  })
}

await withTools(
  t,
  { name: 'docs/networks/hostapd.md: 802.1X as printed', tools: WIRED_TOOLS, root: true },
  async (t: Test) => {
    const demo = await startTestDemo(t)
    const printed = printedFor(demo)

    await t.test('every line of the block is known to hostapd', async (t) => {
      const file = join(demo.dataDir, 'hostapd.conf')
      writeFileSync(file, `driver=none\n${fillIn(printed, { 'interface=wlan0': 'interface=lo' })}`)
      const log = await startPeer(t, { name: 'hostapd', args: [file], ready: /AP-ENABLED/ })
      t.notMatch(log(), /unknown configuration item|errors? found/)
    })

    const settings = printed.split('\n').filter((line) => line !== '' && !OF_A_RADIO.test(line))
    const plug = (password: string) =>
      plugIn(t, {
        radius: demo.facts.radius,
        settings,
        network: [
          'eap=TTLS',
          'identity="adele.vance"',
          'anonymous_identity="anonymous@contoso.example"',
          `password="${password}"`,
          'phase2="auth=PAP"',
        ],
      })

    const refused = await plug('wrong')
    await refused.refused()
    t.notOk(await refused.isAuthorized(), 'a wrong password')

    const port = await plug(PASSWORD)
    await port.linked()
    t.match(await port.deviceStatus(), /EAP state=SUCCESS/)
    await port.reported()
    const path = '/sessions?person=adele.vance'
    const { sessions } = await new Admin(demo.facts).send<{ sessions: unknown[] }>('GET', path)
    t.match(sessions[0], { person: 'adele.vance', network: 'corp' }, 'accounted to her')
  },
)
