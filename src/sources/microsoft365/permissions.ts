import type { DirectoryRole } from './app-setup.ts'
import { EXTRA_PERMISSIONS, EXTRAS, type Extra, PERMISSIONS, TIERS, type Tier } from './settings.ts'
import { permissionsOf } from './steps.ts'

/** Roles of the directory that the application's service principal needs, by tier; most need none. */
export const DIRECTORY_ROLES: Readonly<Partial<Record<Tier, DirectoryRole>>> = {
  password: { id: 'fe930be7-5e62-47db-91af-98c3a49a38b1', name: 'User Administrator' },
}

/** Permissions that include others a tier asks for, by what they include. */
const WIDER: readonly { readonly name: string; readonly includes: RegExp }[] = [
  { name: 'Directory.ReadWrite.All', includes: /^(User|GroupMember)\./ },
  { name: 'Directory.Read.All', includes: /\.Read\.All$/ },
  { name: 'User.ReadWrite.All', includes: /^User\./ },
  { name: 'Group.Read.All', includes: /^GroupMember\.Read\.All$/ },
]

/** What does not happen without a permission, in an admin's words. */
const COSTS: Readonly<Record<string, string>> = {
  'User.Read.All': 'nobody is imported, and nothing of the tenant can be read',
  'GroupMember.Read.All': 'no group and no membership is imported',
  'User.EnableDisableAccount.All': 'whoever is suspended here can still sign in to Microsoft 365',
  'User.RevokeSessions.All':
    'whoever is suspended stays signed in until her tokens end, an hour or so',
  'User-PasswordProfile.ReadWrite.All': 'a password that is set here is not set there',
  'User.ReadWrite.All': 'what is edited here is not written there',
  'LicenseAssignment.Read.All': 'licences can be neither shown nor assigned',
  'GroupMember.ReadWrite.All': 'groups that are decided on here do not change there',
}

/** One tier, and what it lacks just now. */
export interface TierState {
  readonly tier: Tier | Extra
  /** Chosen, this one or one above it. */
  readonly isOn: boolean
  readonly granted: readonly string[]
  readonly missing: readonly { readonly permission: string; readonly cost: string }[]
}

/** The tier, or the extra, that writes an attribute. */
export function tierOf(attribute: string): Tier | Extra {
  if (attribute.startsWith('member:')) return 'groups'
  if (attribute.startsWith('licence:')) return 'licences'
  if (attribute === 'enabled' || attribute === 'sessions-ended') return 'disable'
  return attribute === 'password' ? 'password' : 'write-back'
}

/** Each tier by its own permissions: one that was taken back costs its tier, and no other. */
export function tierStates(
  chosen: { readonly tier: Tier; readonly extras: readonly Extra[] },
  granted: readonly string[],
): readonly TierState[] {
  const tiers = TIERS.map((tier) => {
    const isOn = TIERS.indexOf(tier) <= TIERS.indexOf(chosen.tier)
    return { tier, isOn, ...compare(PERMISSIONS[tier], granted) }
  })
  const extras = EXTRAS.map((extra) => {
    const isOn = chosen.extras.includes(extra)
    return { tier: extra, isOn, ...compare(EXTRA_PERMISSIONS[extra], granted) }
  })
  return [...tiers, ...extras]
}

function compare(wanted: readonly string[], granted: readonly string[]) {
  const lacking = wanted.filter((name) => !isGranted(name, granted))
  return {
    granted: wanted.filter((name) => !lacking.includes(name)),
    missing: lacking.map((permission) => ({
      permission,
      cost: COSTS[permission] ?? 'its part is not done',
    })),
  }
}

/** What a tier, with those before it, still lacks: permissions are granted one by one. */
export function missingPermissions(
  tier: Tier,
  granted: readonly string[],
  extras: readonly Extra[] = [],
): readonly string[] {
  return permissionsOf(tier, extras).filter((name) => !isGranted(name, granted))
}

function isGranted(name: string, granted: readonly string[]): boolean {
  if (granted.includes(name)) return true
  return WIDER.some((wider) => granted.includes(wider.name) && wider.includes.test(name))
}
