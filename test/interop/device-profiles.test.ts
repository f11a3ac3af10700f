import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type ProfileFormat, renderProfile } from '../../src/profiles/formats.ts'
import { type DeviceProfile, profileMethods } from '../../src/profiles/profile.ts'
import { faultsOf, type PlistDictionary, readPlist } from '../support/apple-schema.ts'
import {
  aDeviceProfile,
  authority,
  otherAuthority,
  profileSigner,
} from '../support/device-profiles.ts'
import { runTool } from '../support/run-tool.ts'
import { withTools } from '../support/tools.ts'

/** Published schemas, beside the checkout where they are at hand. */
const published = fileURLToPath(new URL('../../../shared/data/profiles', import.meta.url))
const schemas = existsSync(published) ? [] : ['the published schemas']

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-profiles-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const NAMES = ['corp', 'Büro & <Co> "7" 😀', "a\\b;c'd", ' [802-1x] ']
const SSIDS = ['Corp', '67;111;114;112;', '12', 'ü😀', '\\";', ' x ']

/** Each method on each medium, and names that are not plain. */
function* profiles(security: 'wpa2' | 'wpa3' = 'wpa2'): Generator<[string, DeviceProfile]> {
  for (const method of profileMethods) {
    const authorities = [authority.certificate, otherAuthority.certificate]
    const clientCertificate = method === 'tls' ? Buffer.from('not looked at') : null
    yield [method, aDeviceProfile({ method, authorities, clientCertificate })]
    yield [`${method}, wired`, aDeviceProfile({ method, medium: { kind: 'wired' } })]
  }
  for (const name of NAMES) yield [name, aDeviceProfile({ name, organization: name })]
  for (const ssid of SSIDS)
    yield [ssid, aDeviceProfile({ medium: { kind: 'wifi', ssid: Buffer.from(ssid), security } })]
}

function textOf(profile: DeviceProfile, format: ProfileFormat): string {
  return renderProfile(profile, format, null).bytes.toString('utf8')
}

async function xmllint(text: string, schema: string): Promise<string> {
  const file = join(folder, 'document.xml')
  writeFileSync(file, text)
  const { output } = await runTool('xmllint', [
    '--noout',
    '--schema',
    join(published, schema),
    file,
  ])
  return output.replaceAll(file, 'document').trim()
}

await withTools(
  t,
  { name: 'eap-config: as the published schema has it', tools: ['xmllint'], others: schemas },
  async (t: Test) => {
    for (const [what, profile] of profiles())
      t.equal(
        await xmllint(textOf(profile, 'eap-config'), 'eap-metadata.xsd'),
        'document validates',
        what,
      )
    const broken = textOf(aDeviceProfile(), 'eap-config').replaceAll('EAPMethod>', 'Method>')
    t.match(
      await xmllint(broken, 'eap-metadata.xsd'),
      /fails to validate/,
      'and a wrong one is seen',
    )
  },
)

await withTools(
  t,
  {
    name: 'Windows: WLAN profile and OneX as the published schemas have them',
    tools: ['xmllint'],
    others: schemas,
  },
  async (t: Test) => {
    for (const [what, profile] of profiles()) {
      const text = textOf(profile, 'windows')
      if (profile.medium.kind === 'wifi')
        t.equal(await xmllint(text, 'windows/wlan.xsd'), 'document validates', what)
      const oneX = /<OneX [\s\S]*<\/OneX>/.exec(text)?.[0] ?? ''
      t.equal(await xmllint(oneX, 'windows/onex.xsd'), 'document validates', `${what}: OneX`)
    }
    const medium = { kind: 'wifi', ssid: Buffer.from('Corp'), security: 'wpa3' } as const
    const wpa3 = textOf(aDeviceProfile({ medium }), 'windows')
    t.match(wpa3, '<authentication>WPA3ENT</authentication>')
    // The schema is older than WPA3; all but that word is as it says.
    t.equal(
      await xmllint(wpa3.replace('WPA3ENT', 'WPA2'), 'windows/wlan.xsd'),
      'document validates',
    )
  },
)

await withTools(
  t,
  {
    name: "Apple: a property list with the keys, types and values of Apple's own description",
    tools: ['python3'],
    others: schemas,
  },
  async (t: Test) => {
    const apple = join(published, 'apple')
    for (const [what, profile] of profiles()) {
      const list = await readPlist(textOf(profile, 'mobileconfig'))
      const payloads = list['PayloadContent'] as readonly PlistDictionary[]
      if (profile.medium.kind === 'wired') {
        // Of Ethernet there is no description at hand; what it shares with Wi-Fi has one.
        const shared = payloads.map(({ Interface: _, SetupModes: __, ...payload }) => ({
          ...payload,
          ...(payload['PayloadType'] === 'com.apple.firstactiveethernet.managed'
            ? { PayloadType: 'com.apple.wifi.managed' }
            : {}),
        }))
        t.same(faultsOf({ ...list, PayloadContent: shared }, apple), [], what)
        continue
      }
      t.same(faultsOf(list, apple), [], what)
      t.match(payloads.at(-1), { SSID_STR: profile.medium.ssid.toString() })
      t.equal(list['PayloadDisplayName'], profile.name)
    }
    const text = textOf(aDeviceProfile(), 'mobileconfig')
    const wrong = await readPlist(text.replace('<string>PAP</string>', '<string>GTC</string>'))
    t.match(faultsOf(wrong, apple), [/GTC is none of PAP, EAP/], 'and a wrong one is seen')
  },
)

await withTools(
  t,
  { name: 'Apple: signed, and unchanged inside', tools: ['openssl'] },
  async (t: Test) => {
    const signing = { signer: profileSigner, nowMs: Date.now() }
    const { bytes } = renderProfile(aDeviceProfile(), 'mobileconfig', signing)
    const [signed, ca, other] = ['signed', 'ca.pem', 'other.pem'].map((name) => join(folder, name))
    if (signed === undefined || ca === undefined || other === undefined) return
    writeFileSync(ca, authority.certificate)
    writeFileSync(other, otherAuthority.certificate)
    const verify = async (der: Buffer, trusted: string) => {
      writeFileSync(signed, der)
      const check = ['cms', '-verify', '-inform', 'der', '-in', signed, '-CAfile', trusted]
      return await runTool('openssl', [...check, '-purpose', 'any'])
    }
    const good = await verify(bytes, ca)
    t.match(good.output, 'Verification successful')
    t.match(good.output.replaceAll('\r\n', '\n'), textOf(aDeviceProfile(), 'mobileconfig').trim())
    t.notMatch((await verify(bytes, other)).output, 'Verification successful', 'another CA')
    const at = bytes.indexOf('anonymous@')
    const changed = Buffer.concat([bytes.subarray(0, at), Buffer.from('A'), bytes.subarray(at + 1)])
    t.notMatch((await verify(changed, ca)).output, 'Verification successful', 'one letter changed')
  },
)

await withTools(
  t,
  { name: 'NetworkManager takes the keyfile', tools: ['nmcli'] },
  async (t: Test) => {
    const modify = ['--offline', 'connection', 'modify', 'connection.autoconnect', 'yes']
    for (const [what, profile] of profiles()) {
      const text = textOf(profile, 'network-manager')
      const { code, output } = await runTool('nmcli', modify, text)
      t.equal(code, 0, what)
      // What it does not know it leaves out without a word.
      const kept = new Set(output.split('\n'))
      const lost = text.split('\n').filter((line) => !kept.has(line) && !line.startsWith('ssid='))
      t.same(lost, [], `${what}: every line is known`)
      if (profile.medium.kind === 'wifi')
        t.same(ssidIn(output), profile.medium.ssid, `${what}: the SSID is the same`)
    }
    const { code, output } = await runTool(
      'nmcli',
      modify,
      textOf(aDeviceProfile(), 'network-manager').replace('eap=ttls;', 'eap=tls;'),
    )
    t.not(code, 0, 'and a wrong one is seen')
    t.match(output, /802-1x/)
  },
)

/** As NetworkManager writes it: octets where text would be taken for something else. */
function ssidIn(keyfile: string): Buffer {
  const value = /^ssid=(.*)$/m.exec(keyfile)?.[1] ?? ''
  if (/^(\d+;)+$/.test(value)) return Buffer.from(value.split(';').slice(0, -1).map(Number))
  const text = value.replace(/\\(.)/g, (_, letter) => (letter === 's' ? ' ' : letter))
  // Escaped once more, so that it is no list.
  return Buffer.from(text.replaceAll('\\;', ';'))
}
