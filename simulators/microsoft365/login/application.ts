import { createHash, type KeyObject, X509Certificate } from 'node:crypto'

export interface ClientSecret {
  readonly value: string
  readonly expiresAtMs: number
}

/** The app registration and its service principal in this tenant; tests change it at will. */
export class Application {
  readonly clientId: string
  readonly servicePrincipalId: string
  readonly displayName: string
  readonly secrets: ClientSecret[] = []
  /** Public keys by the certificate's SHA-256 thumbprint, base64url, as in a JWT's `x5t#S256`. */
  readonly certificates = new Map<
    string,
    { readonly key: KeyObject; readonly expiresAtMs: number }
  >()
  /** Application permissions an administrator has granted; they appear in new tokens only. */
  readonly permissions: Set<string>
  /** Roles of the directory assigned to its service principal; they hold at once. */
  readonly directoryRoles = new Set<string>()
  /** Disabled and removed: no new tokens, and those under way are refused. */
  state: 'enabled' | 'disabled' | 'removed' = 'enabled'
  /** Tokens issued before this moment are refused. */
  tokensValidFromMs = 0

  constructor(parts: {
    clientId: string
    servicePrincipalId: string
    displayName: string
    permissions: readonly string[]
  }) {
    this.clientId = parts.clientId
    this.servicePrincipalId = parts.servicePrincipalId
    this.displayName = parts.displayName
    this.permissions = new Set(parts.permissions)
  }

  /** @throws when `pem` is no certificate */
  addCertificate(pem: string): string {
    const certificate = new X509Certificate(pem)
    const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url')
    this.certificates.set(thumbprint, {
      key: certificate.publicKey,
      expiresAtMs: Date.parse(certificate.validTo),
    })
    return thumbprint
  }
}
