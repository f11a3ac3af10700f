import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { profileFormats } from '../../src/profiles/formats.ts'
import { Admin } from '../support/admin.ts'
import { cliOf } from '../support/cli.ts'
import { PASSWORD, startTestDemo } from '../support/demo.ts'
import { otherAuthority } from '../support/device-profiles.ts'
import { GatewayBench, nasSecret } from '../support/radius-gateway.ts'
import { runTool } from '../support/run-tool.ts'
import { withTools } from '../support/tools.ts'

const demo = await startTestDemo(t)
const admin = new Admin(demo.facts)
const gatehouse = cliOf(demo.dataDir)
const { radius, http } = demo.facts

interface Server {
  readonly host: string
  readonly authPort: number
  readonly secret: string
}

/** Logs in with a file of wpa_supplicant as it is, but for the password. */
async function logIn(config: string, secretLine: string, server: Server = radius) {
  const file = join(demo.dataDir, 'supplicant.conf')
  const [placeholder = ''] = secretLine.split('=')
  writeFileSync(file, config.replace(`#${placeholder}=""`, secretLine))
  const { host, authPort, secret } = server
  const address = ['-a', host, '-p', String(authPort), '-s', secret, '-t', '15']
  const station = ['-N', '30:s:02-00-00-00-00-01:corp']
  const { output } = await runTool('eapol_test', ['-c', file, ...address, ...station])
  return output
}

async function fileOf(format: string, ...options: readonly string[]): Promise<string> {
  return await gatehouse('network', 'profile', 'corp', '--format', format, ...options)
}

await withTools(
  t,
  { name: 'wpa_supplicant logs in with the file it was given', tools: ['eapol_test'] },
  async (t: Test) => {
    const adele = ['--person', 'adele.vance']
    const config = await fileOf('wpa-supplicant', ...adele)
    const password = `password="${PASSWORD}"`
    t.match(await logIn(config, password), /MPPE keys OK: 1 {2}mismatch: 0\nSUCCESS/)
    t.match(await logIn(config, 'password="wrong"'), /EAP-FAILURE[\s\S]*FAILURE\n$/)
    const names = `domain_match="${radius.serverName}"`
    t.match(config, names)
    t.match(
      await logIn(config.replace(names, 'domain_match="other.contoso.example"'), password),
      /Domain mismatch[\s\S]*FAILURE\n$/,
      'not at a server of another name',
    )

    const impostor = await new GatewayBench().start()
    t.teardown(() => impostor.stop())
    const elsewhere = { host: '127.0.0.1', authPort: impostor.authPort, secret: nasSecret }
    t.match(
      await logIn(config.replace(`\t${names}\n`, ''), password, elsewhere),
      /CERT-ERROR reason=1 [\s\S]*FAILURE\n$/,
      'nor at one of another CA',
    )
    t.equal(impostor.lastReason, 'tls-alert-from-peer', 'which is never told a password')

    const wired = await fileOf('wpa-supplicant', '--wired', ...adele)
    t.match(await logIn(wired, password), /SUCCESS\n$/, 'and on a wired port')

    await admin.send('PATCH', '/settings', { allowNetworkPasswords: true })
    const methods = ['ttls-pap', 'ttls-mschapv2', 'peap-mschapv2']
    await admin.send('PATCH', '/networks/corp', { methods })
    const path = '/people/adele.vance/network-password'
    const made = await admin.send<{ password: string }>('POST', path)
    for (const method of ['ttls-mschapv2', 'peap-mschapv2']) {
      const file = await fileOf('wpa-supplicant', '--method', method, ...adele)
      t.match(await logIn(file, `password="${made.password}"`), /SUCCESS\n$/, method)
    }
  },
)

t.test('network profile: every format by one command, for its owner alone', async (t) => {
  const folder = join(demo.dataDir, 'profiles')
  const answer = await gatehouse('--json', 'network', 'profile', 'corp', '--all', folder)
  const { written } = JSON.parse(answer) as { written: { format: string; file: string }[] }
  t.same(
    written.map(({ format }) => format),
    profileFormats,
  )
  for (const { file } of written) {
    const bytes = readFileSync(file)
    t.ok(bytes.length > 500, file)
    t.equal(statSync(file).mode & 0o777, 0o600)
    t.notOk(bytes.includes(PASSWORD))
  }
})

t.test('profiles: a device can fetch one by address, and knows what it is', async (t) => {
  const get = async (query: string) =>
    await fetch(`${http.url}/api/v1/networks/corp/profiles/${query}`, {
      headers: { authorization: `Bearer ${http.adminToken}` },
    })
  const apple = await get('mobileconfig?person=adele.vance')
  t.equal(apple.headers.get('content-type'), 'application/x-apple-aspen-config')
  t.equal(apple.headers.get('content-disposition'), 'attachment; filename="corp.mobileconfig"')
  const signed = Buffer.from(await apple.arrayBuffer())
  t.equal(signed[0], 0x30, 'signed')
  t.ok(signed.includes('<string>adele.vance</string>'))
  const plain = Buffer.from(await (await get('mobileconfig?unsigned=true')).arrayBuffer())
  t.ok(plain.toString().startsWith('<?xml'))
  t.notOk(plain.includes('UserName'), 'the device asks for the name')
  t.equal((await get('nonsense')).status, 400)
  t.equal((await get('onc?person=no.body')).status, 404)
})

t.test(
  'profiles: where there is more than one answer, or none, it says how to choose',
  async (t) => {
    const refusals: [string, readonly string[], RegExp][] = [
      ['another SSID', ['--ssid', 'elsewhere'], /is not for the SSID "elsewhere", but for: corp/],
      ['a method it does not allow', ['--method', 'tls'], /the network corp allows .*, not tls/],
      [
        "a name that is not the server's",
        ['--server-name', 'x.example'],
        /would refuse the server/,
      ],
      ['a wrong CA', ['--ca-certificate', otherCa()], /does not lead to it/],
      ['no CA at all', ['--ca-certificate', '/dev/null'], /no CA certificate/],
      ['nobody', ['--person', 'no.body'], /there is no person "no.body"/],
      ['an unknown kind', ['--security', 'wep'], /must be one of: wpa2, wpa3/],
    ]
    for (const [what, options, why] of refusals)
      await t.rejects(fileOf('onc', ...options), { message: why }, what)
    await t.rejects(fileOf('nothing'), { message: /must be one of: mobileconfig, / })
    await t.rejects(gatehouse('network', 'profile', 'corp'), { message: /say --format/ })
    await t.rejects(fileOf('mobileconfig'), { message: /say --out FILE, or --unsigned/ })

    await admin.send('PATCH', '/networks/corp', { ssids: ['corp', 'corp-5G'], withoutSsid: true })
    await t.rejects(fileOf('onc'), { message: /several SSIDs, say which: corp, corp-5G/ })
    t.match(JSON.parse(await fileOf('onc', '--ssid', 'corp-5G')), {
      NetworkConfigurations: [{ WiFi: { SSID: 'corp-5G' } }],
    })
    await admin.send('POST', '/networks', { name: 'vpn', methods: ['pap'] })
    await t.rejects(gatehouse('network', 'profile', 'vpn', '--format', 'onc'), {
      message: /allows none of them/,
    })
    await admin.send('PATCH', '/networks/vpn', { methods: ['ttls-pap'] })
    await t.rejects(gatehouse('network', 'profile', 'vpn', '--format', 'onc'), {
      message: /names no SSID/,
    })
  },
)

function otherCa(): string {
  const file = join(demo.dataDir, 'other-ca.pem')
  writeFileSync(file, otherAuthority.certificate)
  return file
}
