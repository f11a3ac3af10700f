import { createHash, type KeyObject, randomUUID, X509Certificate } from 'node:crypto'

export interface ClientSecret {
  readonly value: string
  readonly expiresAtMs: number
}

/** Whose tokens stand in for the application's own key (federatedIdentityCredential). */
export interface FederatedCredential {
  readonly id: string
  readonly name: string
  readonly issuer: string
  readonly subject: string
  /** Entra takes one, although it is a list. */
  readonly audiences: readonly string[]
  /** What Entra would fetch from the issuer's published keys. */
  readonly issuerKey: KeyObject
}

/** What every registration of Entra may ask of a person without an administrator's word. */
export const SIGN_IN_SCOPES: readonly string[] = [
  'openid',
  'profile',
  'email',
  'offline_access',
  'User.Read',
]

export interface ApplicationParts {
  readonly clientId: string
  readonly servicePrincipalId: string
  readonly displayName: string
  readonly permissions: readonly string[]
  readonly delegatedScopes?: readonly string[]
  readonly redirectUris?: readonly string[]
  readonly isPublic?: boolean
  readonly tags?: readonly string[]
  /** Login and Graph know it from then on. */
  readonly knownFromMs?: number
  /** Registered elsewhere, and not consented to here yet. */
  readonly isForeign?: boolean
  /** Has a service principal here; one that is not foreign has it unless said otherwise. */
  readonly isInstalled?: boolean
  readonly requiredPermissions?: readonly string[]
}

/** An app registration and its service principal in this tenant; tests change it at will. */
export class Application {
  readonly clientId: string
  readonly servicePrincipalId: string
  readonly displayName: string
  /** Whether it has a service principal in this tenant: without one it does not exist here. */
  isInstalled: boolean
  /** Registered in another organization. */
  readonly isForeign: boolean
  /** Application permissions that the registration asks an administrator for. */
  readonly requiredPermissions: Set<string>
  /** Of the registration itself, as Graph addresses it. */
  readonly objectId: string
  readonly tags: readonly string[]
  knownFromMs: number
  /** Has no secret to prove itself with: a program on somebody's desk. */
  isPublic: boolean
  readonly redirectUris: Set<string>
  /** Delegated permissions granted for everybody in the tenant. */
  readonly delegatedScopes: Set<string>
  /** Scopes that single people have agreed to, by their ids. */
  readonly consents = new Map<string, Set<string>>()
  /** Claims beyond those of every ID token: `auth_time` and the like. */
  readonly optionalClaims = new Set<string>()
  readonly secrets: ClientSecret[] = []
  /** Public keys by the certificate's SHA-256 thumbprint, base64url, as in a JWT's `x5t#S256`. */
  readonly certificates = new Map<
    string,
    {
      readonly key: KeyObject
      readonly expiresAtMs: number
      /** The login service has not heard of it before. */
      readonly knownFromMs: number
    }
  >()
  /** Tokens of other issuers that stand in for a key of its own. */
  readonly federatedCredentials: FederatedCredential[] = []
  /** Ids of people, and of applications, that may change the registration. */
  readonly owners = new Set<string>()
  /** The same of its service principal. */
  readonly principalOwners = new Set<string>()
  /** Of its service principal: they prove it as well as its own do, and no registration shows them. */
  readonly principalSecrets: ClientSecret[] = []
  /** Application permissions an administrator has granted; they appear in new tokens only. */
  readonly permissions: Set<string>
  /** Roles of the directory assigned to its service principal; they hold at once. */
  readonly directoryRoles = new Set<string>()
  /** Disabled and removed: no new tokens, and those under way are refused. */
  state: 'enabled' | 'disabled' | 'removed' = 'enabled'
  /** Tokens issued before this moment are refused. */
  tokensValidFromMs = 0

  constructor(parts: ApplicationParts) {
    this.clientId = parts.clientId
    this.servicePrincipalId = parts.servicePrincipalId
    this.displayName = parts.displayName
    this.permissions = new Set(parts.permissions)
    this.requiredPermissions = new Set(parts.requiredPermissions ?? parts.permissions)
    this.isForeign = parts.isForeign ?? false
    this.isInstalled = parts.isInstalled ?? !this.isForeign
    this.delegatedScopes = new Set(parts.delegatedScopes ?? SIGN_IN_SCOPES)
    this.redirectUris = new Set(parts.redirectUris)
    this.isPublic = parts.isPublic ?? false
    this.objectId = randomUUID()
    this.tags = parts.tags ?? []
    this.knownFromMs = parts.knownFromMs ?? 0
  }

  /** An administrator's word for the whole tenant. */
  consent(to: { scopes: readonly string[]; permissions: readonly string[] }): void {
    this.isInstalled = true
    if (this.state === 'removed') this.state = 'enabled'
    for (const scope of to.scopes) this.delegatedScopes.add(scope)
    for (const permission of to.permissions) this.permissions.add(permission)
  }

  /** Exact, but for the port of a program that listens on `http://localhost` while it waits. */
  allowsRedirect(uri: string): boolean {
    return this.redirectUris.has(uri) || this.redirectUris.has(withoutLocalPort(uri))
  }

  /** @throws when `pem` is no certificate */
  addCertificate(pem: string, knownFromMs = 0): string {
    const certificate = new X509Certificate(pem)
    const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url')
    this.certificates.set(thumbprint, {
      key: certificate.publicKey,
      expiresAtMs: Date.parse(certificate.validTo),
      knownFromMs,
    })
    return thumbprint
  }
}

function withoutLocalPort(uri: string): string {
  return uri.replace(/^(http:\/\/localhost):\d+(?=\/|$)/, '$1')
}
