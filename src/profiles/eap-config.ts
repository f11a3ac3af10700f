import { derOf } from './certificate.ts'
import { type DeviceProfile, type ProfileMethod, ssidText } from './profile.ts'
import { document, element, type Markup } from './xml.ts'

const METHOD: Record<ProfileMethod, { readonly outer: number; readonly inner: Markup | null }> = {
  tls: { outer: 13, inner: null },
  'ttls-pap': { outer: 21, inner: inner('NonEAPAuthMethod', 1) },
  'ttls-mschapv2': { outer: 21, inner: inner('NonEAPAuthMethod', 3) },
  'peap-mschapv2': { outer: 25, inner: inner('EAPMethod', 26) },
}

/**
 * EAP metadata, as geteduroam and its kin read them on Android, iOS and elsewhere.
 *
 * @see draft-winter-opsawg-eap-metadata
 */
export function eapConfig(profile: DeviceProfile): string {
  const { medium, method, name, outerIdentity, serverNames } = profile
  const { outer, inner: innerMethod } = METHOD[method]
  const applicability =
    medium.kind === 'wired'
      ? element('IEEE8023')
      : element('IEEE80211', [
          element('SSID', ssidText(medium.ssid, 'eap-config')),
          element('MinRSNProto', 'CCMP'),
        ])
  const provider = element(
    'EAPIdentityProvider',
    [
      element('AuthenticationMethods', [
        element('AuthenticationMethod', [
          element('EAPMethod', [element('Type', outer)]),
          element('ServerSideCredential', [
            ...profile.authorities.map((pem) => certificate('CA', 'X.509', derOf(pem))),
            ...serverNames.map((server) => element('ServerID', server)),
          ]),
          element('ClientSideCredential', credential(profile)),
          ...(innerMethod === null ? [] : [innerMethod]),
        ]),
      ]),
      element('CredentialApplicability', [applicability]),
      element('ProviderInfo', [
        element('DisplayName', profile.organization),
        element('Description', name),
      ]),
    ],
    {
      ID: realmOf(outerIdentity) ?? serverNames[0] ?? '',
      namespace: 'urn:RFC4282:realm',
      version: '1',
      lang: 'en',
    },
  )
  return document(
    element('EAPIdentityProviderList', [provider], {
      'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
      'xsi:noNamespaceSchemaLocation': 'eap-metadata.xsd',
    }),
  )
}

function inner(kind: string, type: number): Markup {
  return element('InnerAuthenticationMethod', [element(kind, [element('Type', type)])])
}

function credential(profile: DeviceProfile): readonly Markup[] {
  const { method, outerIdentity, userName, clientCertificate } = profile
  return [
    ...(method === 'tls' ? [] : [element('OuterIdentity', outerIdentity)]),
    ...(userName === null ? [] : [element('UserName', userName)]),
    ...(clientCertificate === null
      ? []
      : [certificate('ClientCertificate', 'PKCS12', clientCertificate)]),
  ]
}

function certificate(name: string, format: string, bytes: Buffer): Markup {
  return element(name, bytes.toString('base64'), { format, encoding: 'base64' })
}

function realmOf(identity: string): string | null {
  const at = identity.lastIndexOf('@')
  return at < 0 || at === identity.length - 1 ? null : identity.slice(at + 1)
}
