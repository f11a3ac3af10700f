import type { Tenant } from '../tenant/tenant.ts'
import type { Applications } from './applications.ts'
import type { Forms } from './forms.ts'
import type { Realm } from './realm.ts'
import type { SignIn } from './sign-in.ts'

/** What each page of the login service is made with. */
export interface PageServices {
  readonly realm: Realm
  readonly tenant: Tenant
  readonly applications: Applications
  readonly forms: Forms
  readonly signIn: SignIn
  /** Of the machine. */
  readonly nowMs: () => number
}
