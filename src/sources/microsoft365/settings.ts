import { DirectoryError } from '../../directory/errors.ts'
import { type ImportPolicy, POLICIES } from '../judge-people.ts'
import type { TokenFile } from './token-file.ts'

export const TIERS = ['read', 'disable', 'write-back', 'password'] as const

/** What the application may do in the tenant; each tier includes those before it. */
export type Tier = (typeof TIERS)[number]

/** What an admin grants for each tier, as application permissions of Microsoft Graph. */
export const PERMISSIONS: Readonly<Record<Tier, readonly string[]>> = {
  read: ['User.Read.All', 'GroupMember.Read.All'],
  disable: ['User.EnableDisableAccount.All', 'User.RevokeSessions.All'],
  'write-back': ['User.ReadWrite.All'],
  // With the directory role User Administrator, which no token tells of.
  password: ['User-PasswordProfile.ReadWrite.All'],
}

/** What may be done beside a tier, each with a permission of its own. */
export const EXTRAS = ['groups', 'licences'] as const

export type Extra = (typeof EXTRAS)[number]

/** @throws {DirectoryError} `DIRECTORY_REFUSED` for extras below the tier that carries them */
export function refuseExtras(tier: Tier, extras: readonly Extra[]): void {
  if (extras.length === 0 || TIERS.indexOf(tier) >= TIERS.indexOf('write-back')) return
  throw new DirectoryError(
    'DIRECTORY_REFUSED',
    `${extras.join(', ')}: for tiers from write-back on, and the tier is ${tier}`,
  )
}

export const EXTRA_PERMISSIONS: Readonly<Record<Extra, readonly string[]>> = {
  groups: ['GroupMember.ReadWrite.All'],
  // What was bought. Assigning needs the User.ReadWrite.All of write-back: its own permission,
  // LicenseAssignment.ReadWrite.All, would let groups be given licences as well.
  licences: ['LicenseAssignment.Read.All'],
}

/** What is kept of a connection without its secrets; `source.config` holds it. */
export interface Microsoft365Config {
  readonly tenantId: string
  readonly clientId: string
  /** Origin of the login service: national clouds have their own. */
  readonly loginUrl: string
  /** Origin of Graph, without `/v1.0`. */
  readonly graphUrl: string
  /** PEM of the certificate whose key signs our assertions; null when something else is used. */
  readonly certificate: string | null
  /** Name of the file whose token, of another issuer, stands in for both; null when none does. */
  readonly federatedToken: string | null
  /** Object id of the app registration, where it is known; `clientId` is its other name. */
  readonly applicationId: string | null
  /** Id that the certificate has in the registration, where we put it there. */
  readonly keyId: string | null
  /** PEM of the certificate that is to take the place of the one in use; null when none is. */
  readonly nextCertificate: string | null
  /** Null until it was uploaded. */
  readonly nextKeyId: string | null
  /** When the secret ends, as an admin said it; null when nobody did, or for a certificate. */
  readonly secretExpiresAt: string | null
  /** PEM of CAs to trust beside the system's own. */
  readonly ca: string | null
  readonly includesGuests: boolean
  readonly includesDisabled: boolean
  /** Who comes in by herself. */
  readonly import: ImportPolicy
  readonly tier: Tier
  /** Done beside it, from `write-back` on. */
  readonly extras: readonly Extra[]
  readonly passThrough: PassThroughSettings | null
  /** Whether it is to tell us of changes, beside the schedule. */
  readonly isLive: boolean
  /** People may sign in there, in a browser, to choose their password here. */
  readonly browserSignIn: boolean
}

/** Whose passwords are checked by signing in there. */
export interface PassThroughSettings {
  /** Never empty; their members, nested ones included. */
  readonly groupIds: readonly string[]
  /** How long a password found right serves while the tenant cannot be reached; 0 is never. */
  readonly rememberHours: number
}

/** Sealed in the database; exactly one of the first two is given, or else `tokenFile`. */
export interface Microsoft365Secret {
  readonly clientSecret: string | null
  /** PEM, PKCS #8 */
  readonly privateKey: string | null
  /** PEM, PKCS #8, to `nextCertificate` */
  readonly nextPrivateKey?: string | null
  /** Kept nowhere: where it lies, the configuration of each daemon says. */
  readonly tokenFile?: TokenFile | null
}

const SECRET_KEYS = ['clientSecret', 'privateKey', 'nextPrivateKey'] as const

/** Without the file of a token, which the database has no say in. */
export function formatSecret({ tokenFile: _, ...secret }: Microsoft365Secret): Buffer {
  return Buffer.from(JSON.stringify(secret), 'utf8')
}

/** @throws {SyntaxError} when it is not what {@link formatSecret} made */
export function parseSecret(bytes: Buffer): Microsoft365Secret {
  const value: unknown = JSON.parse(bytes.toString('utf8'))
  const read = (key: (typeof SECRET_KEYS)[number]): string | null => {
    const found = (value as Record<string, unknown>)[key]
    return typeof found === 'string' ? found : null
  }
  return {
    clientSecret: read('clientSecret'),
    privateKey: read('privateKey'),
    nextPrivateKey: read('nextPrivateKey'),
  }
}

/** @throws {TypeError} for a row that another release, or a hand, has written */
export function parseConfig(value: unknown): Microsoft365Config {
  const row = value as Partial<Microsoft365Config> | null
  for (const key of ['tenantId', 'clientId', 'loginUrl', 'graphUrl'] as const) {
    if (typeof row?.[key] !== 'string')
      throw new TypeError(`the source's configuration has no ${key}`)
  }
  const { tenantId = '', clientId = '', loginUrl = '', graphUrl = '' } = row ?? {}
  return {
    tenantId,
    clientId,
    loginUrl,
    graphUrl,
    certificate: row?.certificate ?? null,
    federatedToken: row?.federatedToken ?? null,
    applicationId: row?.applicationId ?? null,
    keyId: row?.keyId ?? null,
    nextCertificate: row?.nextCertificate ?? null,
    nextKeyId: row?.nextKeyId ?? null,
    secretExpiresAt: row?.secretExpiresAt ?? null,
    ca: row?.ca ?? null,
    includesGuests: row?.includesGuests === true,
    includesDisabled: row?.includesDisabled !== false,
    import: POLICIES.find((policy) => policy === row?.import) ?? 'everybody',
    tier: TIERS.find((tier) => tier === row?.tier) ?? 'read',
    extras: EXTRAS.filter((extra) => row?.extras?.includes(extra)),
    passThrough: parsePassThrough(row?.passThrough),
    isLive: row?.isLive === true,
    browserSignIn: row?.browserSignIn === true,
  }
}

function parsePassThrough(value: PassThroughSettings | null | undefined) {
  const groupIds = Array.isArray(value?.groupIds) ? value.groupIds.map(String) : []
  if (groupIds.length === 0) return null
  return { groupIds, rememberHours: Number(value?.rememberHours ?? 0) }
}
