import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { type KeyedCertificate, namesOf } from './authority.ts'
import { isIssuedBy, x509 } from './x509.ts'

/** Files that can be no server certificate; the message says why and how to mend it. */
export class ServerCertificateError extends Error {
  override readonly name = 'ServerCertificateError'
}

/** One certificate of a chain; times in milliseconds since 1970. */
export interface ChainLink {
  readonly subject: string
  readonly issuer: string
  readonly startsAtMs: number
  readonly endsAtMs: number
  readonly isSelfSigned: boolean
  /** Such as `RSA 2048`, `EC P-256`, `Ed25519`. */
  readonly key: string
  readonly isKeyWeak: boolean
  /** Signed with SHA-1 or older. */
  readonly isSignatureWeak: boolean
}

/**
 * `root`: the root is in the file. `below-root`: the last one is signed by a root that devices bring
 * along. `open`: by one we do not know, which a company's own root is as well.
 */
export type ChainEnd = 'root' | 'below-root' | 'open'

/** What stands in a server certificate's file, without a word about whether it is good. */
export interface ServerChain {
  /** Leaf first, each signed by the next. */
  readonly links: readonly [ChainLink, ...ChainLink[]]
  readonly end: ChainEnd
  /** Whether the file has them in the order in which TLS sends them. */
  readonly isOrdered: boolean
  /** Subjects of those that belong to no chain above the leaf. */
  readonly strays: readonly string[]
  /** DNS names and addresses the leaf speaks for. */
  readonly names: readonly string[]
  /** Hexadecimal. */
  readonly serial: string
  /** SHA-256 of the leaf, hexadecimal in lower case. */
  readonly fingerprint: string
  /** Object identifiers of the extended key usage; null without the extension. */
  readonly purposes: readonly string[] | null
  /** Of an authority that the public trusts, for which devices have stricter rules. */
  readonly isPublic: boolean
  /** Place in the file of the certificate the key belongs to; -1 for none, 0 as it should be. */
  readonly keyFitsAt: number
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
/** More than any authority has, and few enough to search pair by pair. */
const MAX_CERTIFICATES = 16
/** Baseline requirements of the CA/Browser Forum; its arc names who follows them. */
const PUBLIC_POLICY = '2.23.140.1.'
const MD2_RSA = '1.2.840.113549.1.1.2'
const MD5_RSA = '1.2.840.113549.1.1.4'
const MIN_RSA_BITS = 2_048
const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}

/**
 * Reads a chain and tells whether the key is the leaf's.
 *
 * @throws {ServerCertificateError} where one of the two cannot be read
 */
export function readServerChain(pair: KeyedCertificate): ServerChain {
  const certificates = readAll(pair.certificate)
  const [leaf] = certificates
  if (leaf === undefined)
    throw new ServerCertificateError(
      'there is no certificate in the file: it must be PEM, the server’s own first',
    )
  const key = readKey(pair.privateKey)
  const path = pathFrom(leaf, certificates)
  const end = endOf(path.at(-1) ?? leaf)
  const details = new x509.X509Certificate(leaf.raw)
  return {
    links: [linkOf(leaf), ...path.slice(1).map(linkOf)],
    end,
    isOrdered: path.every((certificate, at) => certificate === certificates[at]),
    strays: certificates.filter((each) => !path.includes(each)).map(subjectOf),
    names: namesOf(details.toString('pem')),
    serial: leaf.serialNumber.toLowerCase(),
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    purposes:
      details.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map((usage) => String(usage)) ??
      null,
    isPublic: end === 'below-root' || hasPublicPolicy(details),
    keyFitsAt: certificates.findIndex((each) => each.publicKey.equals(key)),
  }
}

function readAll(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(PEM_BLOCK) ?? []
  if (blocks.length > MAX_CERTIFICATES)
    throw new ServerCertificateError(
      `there are ${blocks.length} certificates in the file, ${MAX_CERTIFICATES} at most make a chain: leave in the server’s own and those above it`,
    )
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new ServerCertificateError(
        `certificate ${at + 1} of the file cannot be read: copy the file again`,
        { cause: error },
      )
    }
  })
}

/** The public half, which is all that is needed to compare. */
function readKey(pem: string): KeyObject {
  try {
    return createPublicKey(createPrivateKey(pem))
  } catch (error) {
    throw new ServerCertificateError(
      pem.includes('ENCRYPTED')
        ? 'the key has a passphrase: write it without one (openssl pkey -in KEY -out NEW), mode 0600'
        : 'the key cannot be read: it must be a private key in PEM',
      { cause: error },
    )
  }
}

function pathFrom(leaf: X509Certificate, all: readonly X509Certificate[]): X509Certificate[] {
  const path = [leaf]
  for (let last = leaf; !isIssuedBy(last, last); ) {
    const above = all.find((each) => !path.includes(each) && isIssuedBy(last, each))
    if (above === undefined) break
    path.push(above)
    last = above
  }
  return path
}

function endOf(last: X509Certificate): ChainEnd {
  if (isIssuedBy(last, last)) return 'root'
  const isBelow = publicRoots().some((root) => isIssuedBy(last, root))
  return isBelow ? 'below-root' : 'open'
}

let roots: readonly X509Certificate[] | null = null

/** Those Node brings along; read when first asked for, which takes some 10 ms. */
function publicRoots(): readonly X509Certificate[] {
  roots ??= rootCertificates.map((pem) => new X509Certificate(pem))
  return roots
}

function hasPublicPolicy(certificate: x509.X509Certificate): boolean {
  const policies = certificate.getExtension(x509.CertificatePolicyExtension)?.policies ?? []
  return policies.some((policy) => policy.startsWith(PUBLIC_POLICY))
}

function linkOf(certificate: X509Certificate): ChainLink {
  const { publicKey } = certificate
  const { modulusLength = 0, namedCurve = '' } = publicKey.asymmetricKeyDetails ?? {}
  const parsed = new x509.X509Certificate(certificate.raw)
  const kind = publicKey.asymmetricKeyType ?? 'unknown'
  const isRsa = kind.startsWith('rsa')
  return {
    subject: subjectOf(certificate),
    issuer: oneLine(certificate.issuer),
    startsAtMs: parsed.notBefore.getTime(),
    endsAtMs: parsed.notAfter.getTime(),
    isSelfSigned: isIssuedBy(certificate, certificate),
    key: nameKey(kind, modulusLength, namedCurve),
    isKeyWeak: isRsa ? modulusLength < MIN_RSA_BITS : kind === 'ec' && !(namedCurve in CURVES),
    isSignatureWeak: isWeak(parsed.signatureAlgorithm as SignatureAlgorithm),
  }
}

function nameKey(kind: string, bits: number, curve: string): string {
  if (kind.startsWith('rsa')) return `RSA ${bits}`
  if (kind === 'ec') return `EC ${CURVES[curve] ?? curve}`
  return kind === 'ed25519' ? 'Ed25519' : kind
}

interface SignatureAlgorithm {
  readonly name: string
  readonly hash?: { readonly name: string }
}

/** The library knows no name for what is older than SHA-1, and gives the identifier. */
function isWeak({ name, hash }: SignatureAlgorithm): boolean {
  return hash?.name === 'SHA-1' || name === MD5_RSA || name === MD2_RSA
}

function subjectOf(certificate: X509Certificate): string {
  return oneLine(certificate.subject) || '(no subject)'
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ')
}
