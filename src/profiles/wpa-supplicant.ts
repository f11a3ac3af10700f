import type { DeviceProfile, ProfileMethod } from './profile.ts'

const LINE = 64
/** What may stand between quotes as it is; everything else is written in hexadecimal. */
const PLAIN = /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/

const METHOD: Record<ProfileMethod, readonly string[]> = {
  tls: ['eap=TLS'],
  'ttls-pap': ['eap=TTLS', 'phase2="auth=PAP"'],
  'ttls-mschapv2': ['eap=TTLS', 'phase2="auth=MSCHAPV2"'],
  // From wpa_supplicant 2.11 on this is the default; before, a server could leave out the log-in.
  'peap-mschapv2': ['eap=PEAP', 'phase1="phase2_auth=2"', 'phase2="auth=MSCHAPV2"'],
}
/** In the order they are asked in: WPA2 takes SHA-256 where the access point has it. */
const KEY_MANAGEMENT = {
  wpa2: ['key_mgmt=WPA-EAP WPA-EAP-SHA256', 'ieee80211w=1'],
  wpa3: ['key_mgmt=WPA-EAP-SHA256', 'ieee80211w=2'],
} as const

/**
 * A whole configuration of wpa_supplicant. Certificates are in it; the password is not: it is asked
 * for over the control interface, or put where the file says.
 *
 * @see wpa_supplicant.conf(5)
 */
export function wpaSupplicantConfig(profile: DeviceProfile): string {
  const { medium, method, userName, outerIdentity } = profile
  const isWired = medium.kind === 'wired'
  const network = [
    ...(isWired
      ? ['key_mgmt=IEEE8021X', 'eapol_flags=0']
      : [`ssid=${octets(medium.ssid)}`, ...KEY_MANAGEMENT[medium.security]]),
    ...METHOD[method],
    ...(userName === null ? [] : [`identity=${octets(Buffer.from(userName))}`]),
    ...(method === 'tls' ? [] : [`anonymous_identity=${octets(Buffer.from(outerIdentity))}`]),
    'ca_cert="blob://ca"',
    // One of several names, each compared whole with those of the certificate.
    `domain_match="${profile.serverNames.join(';')}"`,
    ...secretOf(profile),
  ]
  const blobs = [
    blob('ca', Buffer.from(`${profile.authorities.join('\n')}\n`)),
    ...(profile.clientCertificate === null ? [] : [blob('client', profile.clientCertificate)]),
  ]
  return [
    'ctrl_interface=/run/wpa_supplicant',
    ...(isWired ? ['ap_scan=0'] : []),
    '',
    'network={',
    ...network.map((line) => `\t${line}`),
    '}',
    '',
    ...blobs,
  ].join('\n')
}

function secretOf({ method, clientCertificate }: DeviceProfile): readonly string[] {
  if (method !== 'tls') return ['#password=""']
  const source = clientCertificate === null ? '/etc/wpa_supplicant/client.p12' : 'blob://client'
  return [`private_key="${source}"`, '#private_key_passwd=""']
}

function octets(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  return PLAIN.test(text) ? `"${text}"` : bytes.toString('hex')
}

function blob(name: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? []
  return `blob-base64-${name}={\n${lines.join('\n')}\n}\n`
}
