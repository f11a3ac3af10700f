/** What a value has to be, and which application permissions let it be written. */
interface Writable {
  readonly type: 'text' | 'boolean' | 'texts' | 'password'
  readonly maxLength?: number
  /** Most values of a collection. */
  readonly maxCount?: number
  /** Null is refused. */
  readonly isRequired?: boolean
  readonly permissions: readonly string[]
  /** Of a person with a role in the directory only a stronger application may write it. */
  readonly isSensitive?: boolean
}

const FULL = ['User.ReadWrite.All', 'Directory.ReadWrite.All'] as const
const PHONE = [...FULL, 'User-Phone.ReadWrite.All'] as const

function text(maxLength: number, more: Partial<Writable> = {}): Writable {
  return { type: 'text', maxLength, permissions: FULL, ...more }
}

/**
 * The properties of a user that an application may change with PATCH, with their documented limits
 * (Microsoft Graph, user resource type). All others are read-only here.
 */
export const WRITABLE: Readonly<Record<string, Writable>> = {
  accountEnabled: {
    type: 'boolean',
    isRequired: true,
    isSensitive: true,
    permissions: [...FULL, 'User.EnableDisableAccount.All'],
  },
  businessPhones: { type: 'texts', maxCount: 1, isSensitive: true, permissions: PHONE },
  city: text(128),
  companyName: text(64),
  country: text(128),
  department: text(64),
  displayName: text(256, { isRequired: true }),
  employeeId: text(16),
  employeeType: text(64),
  givenName: text(64),
  jobTitle: text(128),
  mail: text(256),
  mailNickname: text(64, { isRequired: true }),
  mobilePhone: text(64, { isSensitive: true, permissions: PHONE }),
  officeLocation: text(128),
  onPremisesImmutableId: text(64, { isSensitive: true }),
  otherMails: {
    type: 'texts',
    maxCount: 250,
    isSensitive: true,
    permissions: [...FULL, 'User-Mail.ReadWrite.All'],
  },
  passwordProfile: {
    type: 'password',
    isRequired: true,
    isSensitive: true,
    permissions: ['User-PasswordProfile.ReadWrite.All', 'Directory.AccessAsUser.All'],
  },
  postalCode: text(40),
  preferredLanguage: text(64),
  state: text(128),
  streetAddress: text(1_024),
  surname: text(64),
  usageLocation: text(2),
  userPrincipalName: text(113, { isRequired: true, isSensitive: true }),
}

/** Why a value cannot be written; null when it can. */
export function faultOf(name: string, value: unknown): string | null {
  const rule = WRITABLE[name]
  if (rule === undefined) return `Property '${name}' is read-only and cannot be set.`
  return fits(rule, value)
    ? null
    : `Invalid value specified for property '${name}' of resource 'User'.`
}

function fits(rule: Writable, value: unknown): boolean {
  if (value === null) return rule.isRequired !== true && rule.type !== 'texts'
  if (rule.type === 'boolean') return typeof value === 'boolean'
  if (rule.type === 'password') return isPasswordProfile(value)
  if (rule.type === 'texts') return isTextList(value) && value.length <= (rule.maxCount ?? 0)
  return typeof value === 'string' && value !== '' && value.length <= (rule.maxLength ?? 0)
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

const PROFILE: Readonly<Record<string, 'string' | 'boolean'>> = {
  password: 'string',
  forceChangePasswordNextSignIn: 'boolean',
  forceChangePasswordNextSignInWithMfa: 'boolean',
}

function isPasswordProfile(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(([name, one]) => typeof one === PROFILE[name])
}
