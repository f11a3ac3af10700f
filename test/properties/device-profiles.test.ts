import fc from 'fast-check'
import t from 'tap'
import { profileFormats, renderProfile } from '../../src/profiles/formats.ts'
import { type DeviceProfile, ProfileError, profileMethods } from '../../src/profiles/profile.ts'
import { aDeviceProfile, authority, otherAuthority } from '../support/device-profiles.ts'
import { elementsOf, readXml, textsOf } from '../support/xml-reader.ts'

const hostile = fc.oneof(
  fc.constantFrom(
    '"; rm -rf /; "',
    "'@; Remove-Item C:\\ -Recurse; '@",
    'a\nnetwork={\n\tssid="evil"\n}',
    '</string><key>Password</key><string>',
    ']]><!-- &lt; &#0;',
    '[802-1x]\npassword=x',
    '😀 e\u0301 \u202e rtl',
    '\\s\\n\\t;,=#%$(whoami)`id`',
    ' blanks around ',
    '\ud800',
    '\u0000\u0007\ufffe',
  ),
  fc.string({ unit: 'binary', maxLength: 60 }),
)
const ssids = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 32 }),
  hostile.map((text) => Buffer.from(text)).filter(({ length }) => length >= 1 && length <= 32),
)
/** What can be the name of somebody at all; anything else is refused before. */
const identities = fc
  .oneof(hostile, fc.constant('o\'neil "x" \\ <y> & z;=#'))
  .filter((text) => text.length > 0 && !/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(text))

const media = fc.oneof(
  fc.constant({ kind: 'wired' } as const),
  fc.record({
    kind: fc.constant('wifi' as const),
    ssid: ssids.map((octets) => Buffer.from(octets)),
    security: fc.constantFrom('wpa2' as const, 'wpa3' as const),
  }),
)
const profiles: fc.Arbitrary<DeviceProfile> = fc
  .record({
    name: hostile,
    organization: hostile,
    medium: media,
    method: fc.constantFrom(...profileMethods),
    outerIdentity: identities,
    userName: fc.option(identities),
    authorities: fc.constantFrom(
      [authority.certificate],
      [authority.certificate, otherAuthority.certificate],
    ),
    serverNames: fc.constantFrom(['a.example'], ['a.example', 'b.example']),
    clientCertificate: fc.constant(null),
  })
  .map(aDeviceProfile)

/** The file as text; null where the format has no word for the SSID, and says so. */
function textIn(profile: DeviceProfile, format: (typeof profileFormats)[number]): string | null {
  try {
    return renderProfile(profile, format, null).bytes.toString('utf8')
  } catch (error) {
    if (error instanceof ProfileError && /no plain text/.test(error.message)) return null
    throw error
  }
}

t.test('profiles: whatever the names are, XML formats hold them and nothing else', async (t) => {
  fc.assert(
    fc.property(profiles, (profile) => {
      const eap = textIn(profile, 'eap-config')
      if (eap !== null) assertEapConfig(profile, eap)
      assertWindows(profile, textIn(profile, 'windows') ?? '')
      const apple = textIn(profile, 'mobileconfig')
      if (apple !== null) assertPlist(profile, apple)
    }),
  )
  t.pass()
})

function assertEapConfig(profile: DeviceProfile, text: string): void {
  const { medium, outerIdentity, userName, serverNames, method } = profile
  const root = readXml(text)
  assertSame(textsOf(root, 'ServerID'), serverNames)
  assertSame(textsOf(root, 'UserName'), userName === null ? [] : [userName])
  assertSame(textsOf(root, 'OuterIdentity'), method === 'tls' ? [] : [outerIdentity])
  assertSame(textsOf(root, 'Password'), [])
  if (medium.kind === 'wifi') assertSame(textsOf(root, 'SSID'), [medium.ssid.toString()])
}

function assertWindows({ medium, authorities, serverNames }: DeviceProfile, text: string): void {
  const root = readXml(text)
  if (medium.kind === 'wifi')
    assertSame(Buffer.from(textsOf(root, 'hex').join(''), 'hex'), medium.ssid)
  const thumbprints = ['TrustedRootCA', 'TrustedRootCAHash'].flatMap((name) => textsOf(root, name))
  assertSame(thumbprints.length, authorities.length)
  assertSame(textsOf(root, 'ServerNames'), [serverNames.join(';')])
}

function assertPlist(profile: DeviceProfile, text: string): void {
  const { medium, userName } = profile
  const pairs = elementsOf(readXml(text), 'dict').flatMap(({ children }) =>
    children.flatMap((child, index) =>
      child.name === 'key' ? [[child.text, children[index + 1]?.text] as const] : [],
    ),
  )
  const valuesOf = (key: string) => pairs.filter(([own]) => own === key).map(([, value]) => value)
  assertSame(valuesOf('UserName'), userName === null ? [] : [userName])
  if (medium.kind === 'wifi') assertSame(valuesOf('SSID_STR'), [medium.ssid.toString()])
  assertSame(valuesOf('UserPassword'), [])
  assertSame(valuesOf('Password'), [])
}

t.test('profiles: whatever the names are, files of lines have the lines they should', async (t) => {
  fc.assert(
    fc.property(profiles, (profile) => {
      const { medium, outerIdentity, userName } = profile
      const lines = (textIn(profile, 'wpa-supplicant') ?? '').split('\n')
      const values = (key: string) =>
        lines
          .filter((line) => line.startsWith(`\t${key}=`))
          .map((line) => octetsOf(line.slice(key.length + 2)))
      assertSame(values('ssid'), medium.kind === 'wifi' ? [medium.ssid] : [])
      assertSame(values('identity'), userName === null ? [] : [Buffer.from(userName)])
      const outer = profile.method === 'tls' ? [] : [Buffer.from(outerIdentity)]
      assertSame(values('anonymous_identity'), outer)
      assertSame(lines.filter((line) => line === 'network={').length, 1)
      assertSame(values('password').length, 0)

      const keyfile = (textIn(profile, 'network-manager') ?? '').split('\n')
      const sections = keyfile.filter((line) => line.startsWith('['))
      const wifi = medium.kind === 'wifi' ? ['[wifi]', '[wifi-security]'] : []
      assertSame(sections, ['[connection]', ...wifi, '[802-1x]', '[ipv4]', '[ipv6]'])
      assertSame(
        keyfile.filter(
          (line) =>
            /^(?!.*-flags=).*password/.test(line) &&
            !/^(id|identity|anonymous-identity)=/.test(line),
        ),
        [],
      )
      assertSame(keyfile.filter((line) => line.startsWith('id=')).length, 1)
    }),
  )
  t.pass()
})

t.test('profiles: ONC is JSON, and a script of PowerShell has no word of theirs', async (t) => {
  const bare = textIn(aDeviceProfile(), 'windows-script') ?? ''
  const shape = (script: string) => script.replace(/^ {2}[A-Za-z0-9+/=]+\r\n/gm, '')
  fc.assert(
    fc.property(profiles, (profile) => {
      const onc = JSON.parse(textIn(profile, 'onc') ?? '')
      const [network] = onc.NetworkConfigurations
      if (profile.medium.kind === 'wifi')
        assertSame(Buffer.from(network.WiFi.HexSSID, 'hex'), profile.medium.ssid)
      if (profile.medium.kind === 'wifi' && profile.authorities.length === 1)
        assertSame(shape(textIn(profile, 'windows-script') ?? ''), shape(bare))
    }),
  )
  t.pass()
})

t.test('profiles: the name of a file is plain, whatever the network is called', async (t) => {
  fc.assert(
    fc.property(profiles, fc.constantFrom(...profileFormats), (profile, format) => {
      if (textIn(profile, format) === null) return
      const { name } = renderProfile(profile, format, null)
      assertSame(/^[A-Za-z0-9][A-Za-z0-9.-]*\.[a-z0-9-]+$/.test(name), true)
    }),
  )
  t.pass()
})

/** As wpa_supplicant reads a value: between quotes, or in hexadecimal. */
function octetsOf(value: string): Buffer {
  const quoted = /^"([^"\\]*)"$/.exec(value)?.[1]
  if (quoted !== undefined) return Buffer.from(quoted)
  if (!/^([0-9a-f]{2})+$/.test(value)) throw new Error(`${value} is neither quoted nor hexadecimal`)
  return Buffer.from(value, 'hex')
}

function assertSame(found: unknown, wanted: unknown): void {
  const [left, right] = [found, wanted].map((value) => JSON.stringify(value))
  if (left !== right) throw new Error(`${left} is not ${right}`)
}
