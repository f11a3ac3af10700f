import { X509Certificate } from 'node:crypto'
import type { CredentialId } from '../../directory/id.ts'
import type { ClientTrustIndex, TrustedAuthority } from './client-trust.ts'
import { plainSerial } from './crl.ts'
import { foreignCredentialId } from './foreign-id.ts'
import { isIssuedBy, x509 } from './x509.ts'

/** What a certificate of a company's own authority says, once its chain has been followed. */
export interface ForeignCertificate {
  /** The lowest on its chain. */
  readonly authority: TrustedAuthority
  readonly serial: string
  /** What sessions call it; null where an authority issued it whose list would never come here. */
  readonly credentialId: CredentialId | null
  /** The certificates of its chain from itself up to one that an authority of ours signed, and beyond. */
  readonly links: readonly ChainLink[]
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly mayAuthenticate: boolean
  readonly subject: string
  readonly names: {
    readonly ids: readonly string[]
    readonly mails: readonly string[]
    readonly upns: readonly string[]
  }
}

/** One certificate of a chain; only its issuer's CRL may name it. */
export interface ChainLink {
  readonly serial: string
  /** Null for an intermediate authority that only the chain itself brought. */
  readonly issuer: TrustedAuthority | null
}

/** Longer ones are nobody's. */
const MAX_CHAIN = 5
const MAX_CERTIFICATE_BYTES = 16 * 1024
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const ANY_USAGE = '2.5.29.37.0'
const URN = /^urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i
/** Parsing and verifying cost a millisecond; some 1 KB each. */
const MAX_KNOWN = 10_000

/** Certificates of companies' own authorities that came in lately, by fingerprint. */
export class KnownChains {
  readonly #trust: ClientTrustIndex
  readonly #known = new Map<string, ForeignCertificate>()
  #stamp = -1

  constructor(trust: ClientTrustIndex) {
    this.#trust = trust
  }

  /** Null when no authority of ours is above it. */
  find(fingerprint: string, chain: readonly Buffer[]): ForeignCertificate | null {
    if (this.#stamp !== this.#trust.authorityStamp) {
      this.#known.clear()
      this.#stamp = this.#trust.authorityStamp
    }
    const known = this.#known.get(fingerprint)
    if (known !== undefined) return known
    const learnt = learn(chain, this.#trust.authorities())
    if (learnt === null) return null
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(fingerprint, learnt)
    return learnt
  }
}

function learn(
  chain: readonly Buffer[],
  authorities: readonly TrustedAuthority[],
): ForeignCertificate | null {
  const links = read(chain.slice(0, MAX_CHAIN))
  const [leaf] = links ?? []
  if (links === null || leaf === undefined) return null
  for (const [at, link] of links.entries()) {
    const authority = authorities.find(({ certificate }) => isIssuedBy(link, certificate))
    if (authority !== undefined) {
      const between = links.slice(0, at).map((one) => linkOf(one, null))
      const above = linksAbove(authority, authorities)
      return describe(leaf, {
        authority,
        links: [...between, linkOf(link, authority), ...above],
      })
    }
    const next = links[at + 1]
    // TLS has looked at this as well; here it says which authority it was.
    if (next === undefined || !next.ca || !isIssuedBy(link, next)) return null
  }
  return null
}

function read(chain: readonly Buffer[]): readonly X509Certificate[] | null {
  if (chain.some(({ length }) => length > MAX_CERTIFICATE_BYTES)) return null
  try {
    return chain.map((bytes) => new X509Certificate(bytes))
  } catch {
    return null
  }
}

/** An authority that another of ours issued is itself named by that one's CRL. */
function linksAbove(
  authority: TrustedAuthority,
  authorities: readonly TrustedAuthority[],
): readonly ChainLink[] {
  const links: ChainLink[] = []
  let below = authority
  while (links.length < MAX_CHAIN) {
    const { certificate } = below
    const issuer = authorities.find(
      (one) => one.value.id !== below.value.id && isIssuedBy(certificate, one.certificate),
    )
    if (issuer === undefined) break
    links.push(linkOf(certificate, issuer))
    below = issuer
  }
  return links
}

function linkOf(certificate: X509Certificate, issuer: TrustedAuthority | null): ChainLink {
  return { serial: plainSerial(certificate.serialNumber), issuer }
}

function describe(
  leaf: X509Certificate,
  { authority, links }: Pick<ForeignCertificate, 'authority' | 'links'>,
): ForeignCertificate {
  const [own] = links
  const issuer = own?.issuer ?? null
  const usages: readonly string[] | undefined = leaf.keyUsage
  return {
    authority,
    serial: plainSerial(leaf.serialNumber),
    credentialId:
      own === undefined || issuer === null
        ? null
        : foreignCredentialId(issuer.value.id, own.serial),
    links,
    notBeforeMs: Date.parse(leaf.validFrom),
    notAfterMs: Date.parse(leaf.validTo),
    // Without the extension it may be used for anything (RFC 5280 §4.2.1.12).
    mayAuthenticate:
      !leaf.ca &&
      (usages === undefined || usages.includes(CLIENT_AUTH) || usages.includes(ANY_USAGE)),
    subject: leaf.subject?.replaceAll('\n', ', ').slice(0, 256) ?? '',
    names: namesOf(leaf),
  }
}

function namesOf(leaf: X509Certificate): ForeignCertificate['names'] {
  const names = { ids: new Set<string>(), mails: new Set<string>(), upns: new Set<string>() }
  const parsed = new x509.X509Certificate(leaf.raw)
  const extension = parsed.getExtension(x509.SubjectAlternativeNameExtension)
  for (const { type, value } of extension?.names.items ?? []) {
    if (type === 'email') names.mails.add(value)
    else if (type === 'upn') names.upns.add(value)
    else if (type === 'url') {
      const id = URN.exec(value)?.[1]
      if (id !== undefined) names.ids.add(id.toLowerCase())
    }
  }
  return { ids: [...names.ids], mails: [...names.mails], upns: [...names.upns] }
}
