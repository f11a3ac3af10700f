import type { ClientAuthorityId, ClientCertificateId, PrincipalId } from './id.ts'

/** Names in a certificate (RFC 5280 §4.2.1.6) that may lead to a person, by our own words. */
export const certificateNameKinds = ['id', 'mail', 'upn'] as const

/** `id` is a URI `urn:uuid:` with our own id of her. */
export type CertificateNameKind = (typeof certificateNameKinds)[number]

/** How a certificate of an authority leads to a person. */
export interface CertificateMatching {
  readonly names: readonly CertificateNameKind[]
  /** In lower case; only people with a mail address or UPN in these. Null for every domain. */
  readonly domains: readonly string[] | null
}

/** An authority whose certificates people and their devices log in with. */
export interface ClientAuthority {
  readonly kind: 'client-authority'
  readonly id: ClientAuthorityId
  readonly version: number
  readonly name: string
  /** PEM. */
  readonly certificate: string
  /** SHA-256 of its DER, hexadecimal. */
  readonly fingerprint: string
  /** PKCS#8 in PEM; null for a company's own, whose key is elsewhere. */
  readonly privateKey: string | null
  readonly matching: CertificateMatching
  /** DER of the latest that was taken; null while none ever was. */
  readonly crl: Buffer | null
  /** Where the leader gets it; null when somebody brings it. */
  readonly crlUrl: string | null
  readonly crlTakenAtMs: number | null
  /** Why the last try to get one failed; null when it did not. */
  readonly crlError: string | null
}

/** The reasons of RFC 5280 §5.3.1 that somebody may give here, with their numbers. */
export const revocationReasons = {
  unspecified: 0,
  'key-compromise': 1,
  'affiliation-changed': 3,
  superseded: 4,
  'cessation-of-operation': 5,
} as const

export type RevocationReason = keyof typeof revocationReasons

/** A certificate of our own authority; revoked ones stay until they would have ended. */
export interface ClientCertificate {
  readonly kind: 'client-certificate'
  readonly id: ClientCertificateId
  readonly version: number
  readonly principalId: PrincipalId
  /** What she calls the device it is on. */
  readonly label: string
  readonly authorityId: ClientAuthorityId
  /** Hexadecimal in lower case, whole octets, as the certificate has it. */
  readonly serial: string
  /** SHA-256 of its DER, hexadecimal. */
  readonly fingerprint: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly createdAtMs: number
  readonly revokedAtMs: number | null
  readonly reason: RevocationReason | null
}

export type CertificateEntity = ClientAuthority | ClientCertificate

export interface CertificateChange {
  readonly kind: CertificateEntity['kind']
  readonly id: string
  readonly value: CertificateEntity | null
  readonly usn: number
  readonly atMs: number
}
