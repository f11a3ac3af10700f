import { appleProfile } from './apple.ts'
import { type Signer, signCms } from './cms.ts'
import { eapConfig } from './eap-config.ts'
import { networkManagerKeyfile } from './network-manager.ts'
import { oncProfile } from './onc.ts'
import type { DeviceProfile } from './profile.ts'
import { windowsProfile } from './windows.ts'
import { windowsScript } from './windows-script.ts'
import { wpaSupplicantConfig } from './wpa-supplicant.ts'

export const profileFormats = [
  'mobileconfig',
  'windows',
  'windows-script',
  'onc',
  'eap-config',
  'network-manager',
  'wpa-supplicant',
] as const
export type ProfileFormat = (typeof profileFormats)[number]

/** A file for a device. */
export interface ProfileFile {
  /** ASCII letters, digits, dots and dashes alone. */
  readonly name: string
  readonly contentType: string
  readonly bytes: Buffer
}

interface Format {
  readonly extension: string
  readonly contentType: string
  render(profile: DeviceProfile): string
}

/** By these types a device that downloads a file knows what to do with it. */
const FORMATS: Readonly<Record<ProfileFormat, Format>> = {
  mobileconfig: {
    extension: '.mobileconfig',
    contentType: 'application/x-apple-aspen-config',
    render: appleProfile,
  },
  windows: { extension: '.xml', contentType: 'application/xml', render: windowsProfile },
  'windows-script': {
    extension: '.ps1',
    contentType: 'text/plain; charset=utf-8',
    render: windowsScript,
  },
  onc: { extension: '.onc', contentType: 'application/x-onc', render: oncProfile },
  'eap-config': {
    extension: '.eap-config',
    contentType: 'application/eap-config',
    render: eapConfig,
  },
  'network-manager': {
    extension: '.nmconnection',
    contentType: 'text/plain; charset=utf-8',
    render: networkManagerKeyfile,
  },
  'wpa-supplicant': {
    extension: '.conf',
    contentType: 'text/plain; charset=utf-8',
    render: wpaSupplicantConfig,
  },
}

/**
 * The file of a checked profile in one format. Apple's are signed where there is a signer: a device
 * shows by whom, and that nobody changed it on the way.
 *
 * @throws {ProfileError} when the format cannot say what the profile says
 */
export function renderProfile(
  profile: DeviceProfile,
  format: ProfileFormat,
  signing: { readonly signer: Signer; readonly nowMs: number } | null,
): ProfileFile {
  const { extension, contentType, render } = FORMATS[format]
  const plain = Buffer.from(render(profile), 'utf8')
  const bytes =
    format === 'mobileconfig' && signing !== null
      ? signCms(plain, signing.signer, signing.nowMs)
      : plain
  return { name: `${fileNameOf(profile.name)}${extension}`, contentType, bytes }
}

function fileNameOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9.-]+/g, '-')
    .replace(/^[.-]+|[.-]+$/g, '')
  return plain === '' ? 'network' : plain
}
