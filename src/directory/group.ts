import type { GroupId } from './id.ts'

/** A group of people and of groups. Only direct membership is stored; nesting is closed in memory. */
export interface Group {
  readonly kind: 'group'
  readonly id: GroupId
  readonly no: number
  readonly version: number
  /** The sticky, unique name (LDAP's cn); a changed display name does not move it. */
  readonly name: string
  readonly displayName: string
  readonly description: string | null
  readonly mail: string | null
  readonly origin: 'static' | 'mirrored' | 'rule'
  readonly gidNumber: number
  /** Grows with each change of the direct members. */
  readonly membersVersion: number
  readonly lifecycle: 'active' | 'deleted'
  readonly createdAtMs: number
}
