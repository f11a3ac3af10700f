import { createHash, X509Certificate } from 'node:crypto'

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/** The certificates of a PEM file, one by one, in their order. */
export function splitPem(pem: string): readonly string[] {
  return pem.match(PEM_BLOCK) ?? []
}

export function derOf(pem: string): Buffer {
  return new X509Certificate(pem).raw
}

/** By which Windows knows a certificate: SHA-1 of it, as pairs of digits. */
export function thumbprintOf(pem: string): string {
  const digest = createHash('sha1').update(derOf(pem)).digest('hex')
  return digest.replace(/(..)(?=.)/g, '$1 ')
}

/** Whom a certificate is about, in one line. */
export function subjectOf(pem: string): string {
  return new X509Certificate(pem).subject.replaceAll('\n', ', ')
}

/**
 * The root at the end of a chain as a server shows it; null when the chain stops before it, as
 * those of public CAs do.
 */
export function rootOf(chain: string): string | null {
  const last = splitPem(chain).at(-1)
  if (last === undefined) return null
  const certificate = new X509Certificate(last)
  const isRoot = certificate.ca && certificate.checkIssued(certificate)
  return isRoot ? last : null
}

/** Whether a chain as a server shows it leads to one of the given authorities. */
export function leadsTo(chain: string, authorities: readonly string[]): boolean {
  const roots = authorities.map((pem) => new X509Certificate(pem))
  let current: X509Certificate | null = null
  for (const pem of splitPem(chain)) {
    const next = new X509Certificate(pem)
    if (current !== null && !isSignedBy(current, next)) return false
    if (roots.some((root) => root.fingerprint256 === next.fingerprint256 || isSignedBy(next, root)))
      return true
    current = next
  }
  return false
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
