import {
  issueServerCertificate,
  makeAuthority,
} from '../../src/credentials/certificates/authority.ts'
import { type DeviceProfile, makeProfile } from '../../src/profiles/profile.ts'

export const profileServerName = 'radius.contoso.example'
export const authority = await makeAuthority('Contoso "Identity" <CA>', Date.now())
export const otherAuthority = await makeAuthority('Another CA', Date.now())
/** What signs Apple's profiles. */
export const profileSigner = await issueServerCertificate(authority, {
  names: [profileServerName],
  nowMs: Date.now(),
})

/** A profile of adele.vance for Wi-Fi with EAP-TTLS/PAP, with whatever is to be different. */
export function aDeviceProfile(changes: Partial<DeviceProfile> = {}): DeviceProfile {
  return makeProfile({
    key: '0197a0f0-0000-7000-8000-000000000001',
    name: 'corp',
    organization: 'Contoso',
    medium: { kind: 'wifi', ssid: Buffer.from('Corp'), security: 'wpa2' },
    method: 'ttls-pap',
    outerIdentity: 'anonymous@contoso.example',
    userName: 'adele.vance',
    authorities: [authority.certificate],
    serverNames: [profileServerName],
    clientCertificate: null,
    ...changes,
  })
}
