import type { Contract } from '../contract/contract.ts'
import type { Shaping } from '../faults/shaping.ts'
import type { Application } from '../login/application.ts'
import type { Applications } from '../login/applications.ts'
import type { Subscriptions } from '../subscriptions/subscriptions.ts'
import type { View } from '../tenant/record.ts'
import type { Tenant } from '../tenant/tenant.ts'
import type { DeltaTokens } from './delta-token.ts'
import type { ReplicaPosition } from './replica.ts'
import type { TokenSealer } from './sealed-token.ts'

/** Faults that change what a Graph answer says, not how it travels. */
export type AnswerFault = 'gone' | 'empty' | 'next-link-loop'

/** Everything one Graph call needs to answer. */
export interface GraphContext {
  readonly tenant: Tenant
  readonly contract: Contract
  readonly graphUrl: string
  readonly shaping: Shaping
  readonly deltaTokens: DeltaTokens
  readonly sealer: TokenSealer
  readonly nowMs: () => number
  /** What the replica this call landed on shows. */
  readonly view: View
  /** A replica for a new delta round, and a salt of its own. */
  readonly readPosition: () => ReplicaPosition & { readonly salt: number }
  readonly canSeeHidden: boolean
  /** The permission that let the call through. */
  readonly permission: string
  /** All permissions in the caller's token. */
  readonly permissions: ReadonlySet<string>
  /** Roles of the directory that the calling application itself holds. */
  readonly directoryRoles: ReadonlySet<string>
  /** Roles of the directory that whoever calls holds: the person, or the application. */
  readonly callerRoles: ReadonlySet<string>
  /** Whoever has signed in; null for an application by itself. */
  readonly callerId: string | null
  /** Whoever calls. */
  readonly application: Application
  readonly applications: Applications
  readonly subscriptions: Subscriptions
  readonly newApplicationLagMs: number
  readonly realMs: () => number
  readonly deltaFault: AnswerFault | null
}
