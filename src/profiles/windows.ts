import { thumbprintOf } from './certificate.ts'
import { type DeviceProfile, type Medium, textOf } from './profile.ts'
import { document, element, type Markup } from './xml.ts'

const NETWORKING = 'http://www.microsoft.com/networking'
const PROVISIONING = 'http://www.microsoft.com/provisioning'
/** Microsoft's EAP-TTLS gives itself this author; its other methods have 0. */
const TTLS_AUTHOR = 311

interface EapHost {
  readonly type: number
  readonly author: number
  readonly config: Markup
}

/**
 * What `netsh wlan add profile` or `netsh lan add profile` takes. The device asks nobody whether to
 * trust a server: one that is not named here is refused.
 *
 * @see WLAN_profile, LAN_profile and OneX schemas of Windows; [MS-GPWL] §2.2.3.2 for EapHostConfig
 */
export function windowsProfile(profile: DeviceProfile): string {
  const { medium } = profile
  return document(medium.kind === 'wifi' ? wlan(profile, medium) : lan(profile))
}

/** By which netsh and Windows know it; of a wired one there is a name only in the file. */
function wlan(profile: DeviceProfile, medium: Extract<Medium, { kind: 'wifi' }>): Markup {
  const { ssid, security } = medium
  const name = textOf(ssid)
  const authentication = security === 'wpa3' ? 'WPA3ENT' : 'WPA2'
  return element(
    'WLANProfile',
    [
      element('name', profile.name),
      element('SSIDConfig', [
        element('SSID', [
          element('hex', ssid.toString('hex').toUpperCase()),
          ...(name === null ? [] : [element('name', name)]),
        ]),
        element('nonBroadcast', false),
      ]),
      element('connectionType', 'ESS'),
      element('connectionMode', 'auto'),
      element('autoSwitch', false),
      element('MSM', [
        element('security', [
          element('authEncryption', [
            element('authentication', authentication),
            element('encryption', 'AES'),
            element('useOneX', true),
          ]),
          oneX(profile),
        ]),
      ]),
    ],
    { xmlns: `${NETWORKING}/WLAN/profile/v1` },
  )
}

function lan(profile: DeviceProfile): Markup {
  return element(
    'LANProfile',
    [
      element('MSM', [
        element('security', [
          element('OneXEnforced', false),
          element('OneXEnabled', true),
          oneX(profile),
        ]),
      ]),
    ],
    { xmlns: `${NETWORKING}/LAN/profile/v1` },
  )
}

function oneX(profile: DeviceProfile): Markup {
  const { type, author, config } = eapHost(profile)
  const common = (name: string, value: number) =>
    element(name, value, { xmlns: `${PROVISIONING}/EapCommon` })
  const host = element(
    'EapHostConfig',
    [
      element('EapMethod', [
        common('Type', type),
        common('VendorId', 0),
        common('VendorType', 0),
        common('AuthorId', author),
      ]),
      element('Config', [config], { xmlns: `${PROVISIONING}/EapHostConfig` }),
    ],
    { xmlns: `${PROVISIONING}/EapHostConfig` },
  )
  return element(
    'OneX',
    [element('cacheUserData', true), element('authMode', 'user'), element('EAPConfig', [host])],
    { xmlns: `${NETWORKING}/OneX/v1` },
  )
}

function eapHost(profile: DeviceProfile): EapHost {
  switch (profile.method) {
    case 'tls':
      return { type: 13, author: 0, config: base(13, tls(profile)) }
    case 'peap-mschapv2':
      return { type: 25, author: 0, config: base(25, peap(profile)) }
    case 'ttls-pap':
    case 'ttls-mschapv2':
      return { type: 21, author: TTLS_AUTHOR, config: ttls(profile) }
  }
}

function base(type: number, eapType: Markup): Markup {
  return element('Eap', [element('Type', type), eapType], {
    xmlns: `${PROVISIONING}/BaseEapConnectionPropertiesV1`,
  })
}

function tls(profile: DeviceProfile): Markup {
  const version2 = { xmlns: `${PROVISIONING}/EapTlsConnectionPropertiesV2` }
  return element(
    'EapType',
    [
      element('CredentialsSource', [
        element('CertificateStore', [element('SimpleCertSelection', true)]),
      ]),
      serverValidation(profile),
      element('DifferentUsername', false),
      element('PerformServerValidation', true, version2),
      element('AcceptServerName', true, version2),
    ],
    { xmlns: `${PROVISIONING}/EapTlsConnectionPropertiesV1` },
  )
}

function peap(profile: DeviceProfile): Markup {
  const version2 = { xmlns: `${PROVISIONING}/MsPeapConnectionPropertiesV2` }
  const inner = element('EapType', [element('UseWinLogonCredentials', false)], {
    xmlns: `${PROVISIONING}/MsChapV2ConnectionPropertiesV1`,
  })
  // Windows puts the user's own realm behind it.
  const [anonymous = ''] = profile.outerIdentity.split('@')
  return element(
    'EapType',
    [
      serverValidation(profile),
      element('FastReconnect', true),
      element('InnerEapOptional', false),
      base(26, inner),
      element('EnableQuarantineChecks', false),
      element('RequireCryptoBinding', true),
      element('PeapExtensions', [
        element('PerformServerValidation', true, version2),
        element('AcceptServerName', true, version2),
        element(
          'IdentityPrivacy',
          [element('EnableIdentityPrivacy', true), element('AnonymousUserName', anonymous)],
          version2,
        ),
      ]),
    ],
    { xmlns: `${PROVISIONING}/MsPeapConnectionPropertiesV1` },
  )
}

function ttls(profile: DeviceProfile): Markup {
  const phase2 =
    profile.method === 'ttls-pap'
      ? element('PAPAuthentication')
      : element('MSCHAPv2Authentication', [element('UseWinlogonCredentials', false)])
  return element(
    'EapTtls',
    [
      element('ServerValidation', [
        element('ServerNames', profile.serverNames.join(';')),
        ...profile.authorities.map((pem) => element('TrustedRootCAHash', thumbprintOf(pem))),
        element('DisablePrompt', true),
      ]),
      element('Phase2Authentication', [phase2]),
      element('Phase1Identity', [
        element('IdentityPrivacy', true),
        element('AnonymousIdentity', profile.outerIdentity),
      ]),
    ],
    { xmlns: `${PROVISIONING}/EapTtlsConnectionPropertiesV1` },
  )
}

/** Of EAP-TLS and PEAP; EAP-TTLS has other names for the same. */
function serverValidation({ serverNames, authorities }: DeviceProfile): Markup {
  return element('ServerValidation', [
    element('DisableUserPromptForServerValidation', true),
    element('ServerNames', serverNames.join(';')),
    ...authorities.map((pem) => element('TrustedRootCA', thumbprintOf(pem))),
  ])
}
