import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'

/** How a RadSec peer shows who it is (RFC 6614 §2.3): both must hold. */
export interface PeerIdentity {
  /** DNS names or IP addresses, one of which its certificate speaks for; no wildcards. */
  readonly names: readonly string[]
  /** SHA-256 of the certificate, 64 hexadecimal digits in lower case. */
  readonly fingerprints: readonly string[]
  /** Certificates that may have issued it. */
  readonly authorities: readonly X509Certificate[]
}

/** Longer chains are no peer's. */
const MAX_CHAIN = 8

/** What a finished handshake showed of the other end. */
export interface ShownCertificate {
  readonly leaf: X509Certificate
  /** Raw certificates from the leaf to the trust anchor, each issued by the next. */
  readonly chain: readonly X509Certificate[]
}

/** Null when nothing was shown or it does not verify against any authority that was offered. */
export function readShownCertificate(socket: TLSSocket): ShownCertificate | null {
  if (!socket.authorized) return null
  // Not `getPeerX509Certificate`, after which a client is told of no chain any more.
  const chain: X509Certificate[] = []
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  while (next?.raw !== undefined && chain.length < MAX_CHAIN) {
    const link = new X509Certificate(next.raw)
    // Node goes by names alone, and by what the other end sent: another's authority may be among it.
    const last = chain.at(-1)
    if (last !== undefined && !isSignedBy(last, link)) break
    chain.push(link)
    if (next.issuerCertificate === next) break
    next = next.issuerCertificate
  }
  const [leaf] = chain
  return leaf === undefined ? null : { leaf, chain }
}

/**
 * Whether a certificate is this peer's: issued by an authority trusted *for it*, so that one peer's
 * CA cannot vouch for another, and with a name or a fingerprint it is known by.
 */
export function isPeer({ leaf, chain }: ShownCertificate, peer: PeerIdentity): boolean {
  return hasIdentity(leaf, peer) && chain.some((link) => isIssuedBy(link, peer.authorities))
}

function isIssuedBy(link: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some(
    (authority) => link.raw.equals(authority.raw) || isSignedBy(link, authority),
  )
}

function isSignedBy(link: X509Certificate, issuer: X509Certificate): boolean {
  return link.checkIssued(issuer) && link.verify(issuer.publicKey)
}

function hasIdentity(leaf: X509Certificate, { names, fingerprints }: PeerIdentity): boolean {
  const digest = leaf.fingerprint256.replaceAll(':', '').toLowerCase()
  return fingerprints.includes(digest) || names.some((name) => speaksFor(leaf, name))
}

/** Only the alternative names count, never the subject, and a wildcard stands for nobody. */
function speaksFor(leaf: X509Certificate, name: string): boolean {
  const options = { subject: 'never', wildcards: false } as const
  const spoken = isIP(name) === 0 ? leaf.checkHost(name, options) : leaf.checkIP(name)
  return spoken !== undefined
}
