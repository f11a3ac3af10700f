import { derOf } from './certificate.ts'
import type { DeviceProfile, ProfileMethod } from './profile.ts'
import { stableUuid } from './stable-id.ts'

const METHOD: Record<ProfileMethod, readonly string[]> = {
  tls: ['eap=tls;'],
  'ttls-pap': ['eap=ttls;', 'phase2-auth=pap'],
  'ttls-mschapv2': ['eap=ttls;', 'phase2-auth=mschapv2'],
  'peap-mschapv2': ['eap=peap;', 'phase2-auth=mschapv2'],
}
/** NM_SETTING_SECRET_FLAG_AGENT_OWNED: the user's own keyring asks for it and keeps it. */
const ASKED_FOR = 1
/** Protected management frames: 2 where the access point has them, 3 always. */
const PMF = { wpa2: 2, wpa3: 3 } as const

/**
 * A keyfile for /etc/NetworkManager/system-connections, mode 0600.
 *
 * @see nm-settings-keyfile(5)
 */
export function networkManagerKeyfile(profile: DeviceProfile): string {
  const { key, name, medium } = profile
  const isWifi = medium.kind === 'wifi'
  const sections: [string, readonly string[]][] = [
    [
      'connection',
      [
        `id=${escapeValue(name)}`,
        `uuid=${stableUuid('network-manager', key).toLowerCase()}`,
        `type=${isWifi ? 'wifi' : 'ethernet'}`,
      ],
    ],
    ...(isWifi
      ? ([
          ['wifi', ['mode=infrastructure', `ssid=${ssidValue(medium.ssid)}`]],
          ['wifi-security', ['key-mgmt=wpa-eap', `pmf=${PMF[medium.security]}`]],
        ] as [string, readonly string[]][])
      : []),
    ['802-1x', eapOf(profile)],
    ['ipv4', ['method=auto']],
    ['ipv6', ['method=auto']],
  ]
  return sections.map(([title, lines]) => `[${title}]\n${lines.join('\n')}\n`).join('\n')
}

function eapOf(profile: DeviceProfile): readonly string[] {
  const { method, userName, outerIdentity, serverNames, clientCertificate } = profile
  const isTls = method === 'tls'
  return [
    ...METHOD[method],
    // NetworkManager takes no 802.1X without one; it can be changed when it asks for the password.
    `identity=${escapeValue(userName ?? outerIdentity)}`,
    ...(isTls ? [] : [`anonymous-identity=${escapeValue(outerIdentity)}`]),
    `ca-cert=${blob(authorities(profile))}`,
    `domain-match=${serverNames.join(';')}`,
    ...(isTls
      ? [
          `client-cert=${blob(clientCertificate)}`,
          `private-key=${blob(clientCertificate)}`,
          `private-key-password-flags=${ASKED_FOR}`,
        ]
      : [`password-flags=${ASKED_FOR}`]),
  ]
}

function authorities({ authorities: all }: DeviceProfile): Buffer {
  const [only = ''] = all
  return all.length === 1 ? derOf(only) : Buffer.from(`${all.join('\n')}\n`)
}

/** In the file itself, or where the device keeps its own. */
function blob(bytes: Buffer | null): string {
  return bytes === null ? '/etc/ssl/private/client.p12' : `data:;base64,${bytes.toString('base64')}`
}

/** Text that nobody takes for a list of octets, has to escape or trims. */
const PLAIN_SSID = /^[a-z]([\x20-\x3a\x3c-\x5b\x5d-\x7e]*[\x21-\x3a\x3c-\x5b\x5d-\x7e])?$/i

/** As text where that is plain; else as a list of octets, which any SSID can be. */
function ssidValue(ssid: Buffer): string {
  const text = ssid.toString('latin1')
  return PLAIN_SSID.test(text) ? text : `${[...ssid].join(';')};`
}

/** GLib's key files: a backslash escapes, and blanks at the beginning are lost unless written so. */
function escapeValue(text: string): string {
  return text.replaceAll('\\', '\\\\').replace(/^ +/, (blanks) => '\\s'.repeat(blanks.length))
}
