import type { DirectoryRole } from './app-setup.ts'
import type { Tier } from './settings.ts'
import { permissionsOf } from './steps.ts'

/** Roles of the directory that the application's service principal needs, by tier; most need none. */
export const DIRECTORY_ROLES: Readonly<Partial<Record<Tier, DirectoryRole>>> = {}

/** Permissions that include others a tier asks for, by what they include. */
const WIDER: readonly { readonly name: string; readonly includes: RegExp }[] = [
  { name: 'Directory.ReadWrite.All', includes: /^(User|GroupMember)\./ },
  { name: 'Directory.Read.All', includes: /\.Read\.All$/ },
  { name: 'User.ReadWrite.All', includes: /^User\./ },
  { name: 'Group.Read.All', includes: /^GroupMember\.Read\.All$/ },
]

/** What a tier, with those before it, still lacks: permissions are granted one by one. */
export function missingPermissions(tier: Tier, granted: readonly string[]): readonly string[] {
  return permissionsOf(tier).filter((name) => !isGranted(name, granted))
}

function isGranted(name: string, granted: readonly string[]): boolean {
  if (granted.includes(name)) return true
  return WIDER.some((wider) => granted.includes(wider.name) && wider.includes.test(name))
}
