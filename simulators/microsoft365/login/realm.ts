import { LoginError } from './login-error.ts'

const SHARED_TENANTS = ['common', 'organizations']

/** Where the login service answers, and for which tenant. */
export class Realm {
  readonly #parts: RealmParts

  constructor(parts: RealmParts) {
    this.#parts = parts
  }

  get tenantId(): string {
    return this.#parts.tenantId
  }

  get loginUrl(): string {
    return this.#parts.loginUrl()
  }

  get graphUrl(): string {
    return this.#parts.graphUrl()
  }

  get issuer(): string {
    return `${this.loginUrl}/${this.tenantId}/v2.0`
  }

  /** Whether the name stands for whatever tenant a person belongs to. */
  isShared(tenant: string): boolean {
    return SHARED_TENANTS.includes(tenant.toLowerCase())
  }

  /** @throws {LoginError} 90002 when it is neither this tenant's id nor one of its domains */
  checkTenant(tenant: string): void {
    const name = decodeURIComponent(tenant).toLowerCase()
    if (name !== this.tenantId && !this.#parts.domains.includes(name))
      throw new LoginError(
        400,
        'invalid_tenant',
        90002,
        `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
      )
  }
}

export interface RealmParts {
  /** Known once the port is. */
  readonly loginUrl: () => string
  readonly graphUrl: () => string
  readonly tenantId: string
  /** Names that stand for the tenant in a URL besides its id. */
  readonly domains: readonly string[]
}
