import { derOf, subjectOf } from './certificate.ts'
import { type DeviceProfile, type ProfileMethod, ssidText } from './profile.ts'
import { stableUuid } from './stable-id.ts'
import { document, element, type Markup } from './xml.ts'

const DOCTYPE =
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'

/** RFC 5216, RFC 5281 and [MS-PEAP], by the numbers of EAP. */
const EAP_TYPE: Record<ProfileMethod, number> = {
  tls: 13,
  'ttls-pap': 21,
  'ttls-mschapv2': 21,
  'peap-mschapv2': 25,
}
/** Without it the device offers MSCHAPv2, which a password's argon2id verifier cannot answer. */
const TTLS_INNER: Partial<Record<ProfileMethod, string>> = {
  'ttls-pap': 'PAP',
  'ttls-mschapv2': 'MSCHAPv2',
}

type Value = string | number | boolean | Buffer | readonly Value[] | Dictionary
interface Dictionary {
  readonly [key: string]: Value
}

/**
 * A configuration profile for macOS, iOS, iPadOS and their kin, not signed yet. Its identifiers are
 * made of the profile's key, so that a newer one replaces it.
 *
 * @see Apple's Device Management documentation, TopLevel and WiFi
 */
export function appleProfile(profile: DeviceProfile): string {
  const identifier = `gatehouse.network.${profile.key}`
  const payload = (type: string, part: string, name: string, more: Dictionary): Dictionary => ({
    PayloadType: type,
    PayloadVersion: 1,
    PayloadIdentifier: `${identifier}.${part}`,
    PayloadUUID: stableUuid('apple', profile.key, part),
    PayloadDisplayName: name,
    ...more,
  })
  const authorities = profile.authorities.map((pem, index) =>
    payload('com.apple.security.root', `ca-${index}`, subjectOf(pem), {
      PayloadCertificateFileName: `ca-${index}.cer`,
      PayloadContent: derOf(pem),
    }),
  )
  const { clientCertificate } = profile
  const identity =
    clientCertificate === null
      ? null
      : payload('com.apple.security.pkcs12', 'client', `${profile.name}: certificate`, {
          PayloadCertificateFileName: 'client.p12',
          PayloadContent: clientCertificate,
        })
  const uuidOf = (part: Dictionary) => part['PayloadUUID'] ?? ''
  const network = {
    EAPClientConfiguration: eapOf(profile, authorities.map(uuidOf)),
    ...(identity === null ? {} : { PayloadCertificateUUID: uuidOf(identity) }),
  }
  return plist({
    PayloadType: 'Configuration',
    PayloadVersion: 1,
    PayloadIdentifier: identifier,
    PayloadUUID: stableUuid('apple', profile.key),
    PayloadDisplayName: profile.name,
    PayloadOrganization: profile.organization,
    PayloadDescription: `Joins ${profile.name} and trusts its log-in server alone.`,
    PayloadContent: [
      ...authorities,
      ...(identity === null ? [] : [identity]),
      payload(...joinOf(profile, network)),
    ],
  })
}

function joinOf(
  { medium, name }: DeviceProfile,
  network: Dictionary,
): [string, string, string, Dictionary] {
  if (medium.kind === 'wired') {
    const more = { Interface: 'FirstActiveEthernet', SetupModes: ['System'], ...network }
    return ['com.apple.firstactiveethernet.managed', 'ethernet', name, more]
  }
  return [
    'com.apple.wifi.managed',
    'wifi',
    name,
    {
      SSID_STR: ssidText(medium.ssid, 'an Apple profile'),
      HIDDEN_NETWORK: false,
      AutoJoin: true,
      // From iOS 16 and macOS 13 on WPA2 means "or better".
      EncryptionType: medium.security === 'wpa3' ? 'WPA3' : 'WPA2',
      ...network,
    },
  ]
}

function eapOf(profile: DeviceProfile, anchors: readonly Value[]): Dictionary {
  const { method, userName, outerIdentity, serverNames } = profile
  const inner = TTLS_INNER[method]
  return {
    AcceptEAPTypes: [EAP_TYPE[method]],
    ...(userName === null ? {} : { UserName: userName }),
    ...(method === 'tls' ? {} : { OuterIdentity: outerIdentity }),
    ...(inner === undefined ? {} : { TTLSInnerAuthentication: inner }),
    PayloadCertificateAnchorUUID: anchors,
    TLSTrustedServerNames: serverNames,
    TLSMinimumVersion: '1.2',
  }
}

function plist(root: Dictionary): string {
  return document(element('plist', [markupOf(root)], { version: '1.0' }), DOCTYPE)
}

function markupOf(value: Value): Markup {
  if (typeof value === 'string') return element('string', value)
  if (typeof value === 'number') return element('integer', value)
  if (typeof value === 'boolean') return element(String(value))
  if (Buffer.isBuffer(value)) return element('data', value.toString('base64'))
  if (Array.isArray(value)) return element('array', (value as readonly Value[]).map(markupOf))
  const pairs = Object.entries(value as Dictionary)
  return element(
    'dict',
    pairs.flatMap(([key, part]) => [element('key', key), markupOf(part)]),
  )
}
