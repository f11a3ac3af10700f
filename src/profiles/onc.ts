import { derOf } from './certificate.ts'
import { type DeviceProfile, type ProfileMethod, textOf } from './profile.ts'
import { stableUuid } from './stable-id.ts'

const OUTER: Record<ProfileMethod, string> = {
  tls: 'EAP-TLS',
  'ttls-pap': 'EAP-TTLS',
  'ttls-mschapv2': 'EAP-TTLS',
  'peap-mschapv2': 'PEAP',
}
const INNER: Partial<Record<ProfileMethod, string>> = {
  'ttls-pap': 'PAP',
  'ttls-mschapv2': 'MSCHAPv2',
  'peap-mschapv2': 'MSCHAPv2',
}

/**
 * Open Network Configuration, as ChromeOS imports it and as managed Android takes it. It can hold a
 * key only without a password, so that a client certificate is one that the device has already,
 * from one of the CAs.
 *
 * @see Chromium, components/onc/docs/onc_spec.md
 */
export function oncProfile(profile: DeviceProfile): string {
  const { key, name, medium } = profile
  const authorities = profile.authorities.map((pem, index) => ({
    GUID: guid(key, `ca-${index}`),
    Type: 'Authority',
    X509: derOf(pem).toString('base64'),
  }))
  const eap = eapOf(
    profile,
    authorities.map(({ GUID }) => GUID),
  )
  const network =
    medium.kind === 'wired'
      ? { Type: 'Ethernet', Ethernet: { Authentication: '8021X', EAP: eap } }
      : {
          Type: 'WiFi',
          WiFi: { ...ssidOf(medium.ssid), Security: 'WPA-EAP', AutoConnect: true, EAP: eap },
        }
  const configuration = {
    Type: 'UnencryptedConfiguration',
    Certificates: authorities,
    NetworkConfigurations: [{ GUID: guid(key, medium.kind), Name: name, ...network }],
  }
  return `${JSON.stringify(configuration, null, 2)}\n`
}

function eapOf(profile: DeviceProfile, authorities: readonly string[]) {
  const { method, userName, outerIdentity, serverNames } = profile
  return {
    Outer: OUTER[method],
    ...(INNER[method] === undefined ? {} : { Inner: INNER[method] }),
    ...(userName === null ? {} : { Identity: userName }),
    ...(method === 'tls'
      ? { ClientCertType: 'Pattern', ClientCertPattern: { IssuerCARef: authorities } }
      : { AnonymousIdentity: outerIdentity, SaveCredentials: true }),
    ServerCARefs: authorities,
    UseSystemCAs: false,
    DomainSuffixMatch: serverNames,
    SubjectAlternativeNameMatch: serverNames.map((Value) => ({ Type: 'DNS', Value })),
  }
}

function ssidOf(ssid: Buffer) {
  const hex = { HexSSID: ssid.toString('hex').toUpperCase() }
  const text = textOf(ssid)
  return text === null ? hex : { SSID: text, ...hex }
}

function guid(...words: readonly string[]): string {
  return `{${stableUuid('onc', ...words)}}`
}
