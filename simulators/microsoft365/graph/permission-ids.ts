import { createHash } from 'node:crypto'
import { PERMISSIONS } from '../contract/permissions.ts'
import { SIGN_IN_SCOPES } from '../login/application.ts'

/** Application permissions of Graph that this simulator knows. */
export const APP_ROLES: ReadonlyMap<string, string> = new Map(
  [
    ...new Set(Object.values(PERMISSIONS).flat()),
    'Member.Read.Hidden',
    'Application.ReadWrite.OwnedBy',
  ].map((value) => [idOf(value), value]),
)

/** Delegated permissions of Graph that every registration may ask for. */
export const SCOPE_IDS: ReadonlyMap<string, string> = new Map(
  SIGN_IN_SCOPES.map((value) => [idOf(`scope ${value}`), value]),
)

/** Always the same one for the same thing. */
export function idOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
