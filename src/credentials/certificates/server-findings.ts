import { DAY_MS } from './authority.ts'
import type { ChainLink, ServerChain } from './server-chain.ts'

/** Something about a server certificate that devices mind, or will. */
export interface CertificateFinding {
  readonly code: string
  /** `bad`: devices refuse it, or soon will. `advice`: some do, or it is worth knowing. */
  readonly verdict: 'bad' | 'advice'
  /** What was found and how to mend it, for people. */
  readonly said: string
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const WARN_MS = 30 * DAY_MS
const LATE_MS = 14 * DAY_MS
/** Apple's limits, in days: for any server certificate, and for one of a public authority. */
const MAX_DAYS = 825
const MAX_PUBLIC_DAYS = 398

/** How near the end is; `late` is when an operator should have acted. */
export type ExpiryState = 'good' | 'soon' | 'late' | 'over'

/** The link that ends first; a root's end is no matter, since devices have their own copy of it. */
export function firstToEnd({ links }: ServerChain): ChainLink {
  const [leaf, ...above] = links
  return above
    .filter(({ isSelfSigned }) => !isSelfSigned)
    .reduce((first, link) => (link.endsAtMs < first.endsAtMs ? link : first), leaf)
}

/**
 * Warned of 30 days before the end and late 14 days before it. Those that live less than three months
 * are renewed later in their life, and are warned of in its last third and late in its last sixth.
 */
export function expiryState(chain: ServerChain, nowMs: number): ExpiryState {
  const { startsAtMs, endsAtMs } = firstToEnd(chain)
  const leftMs = endsAtMs - nowMs
  const lifeMs = endsAtMs - startsAtMs
  if (leftMs <= 0) return 'over'
  if (leftMs < Math.min(LATE_MS, lifeMs / 6)) return 'late'
  return leftMs < Math.min(WARN_MS, lifeMs / 3) ? 'soon' : 'good'
}

/** All that is to be said of a chain now; empty when there is nothing. */
export function judgeServerChain(chain: ServerChain, nowMs: number): readonly CertificateFinding[] {
  return [
    ...judgeKey(chain),
    ...judgeTime(chain, nowMs),
    ...judgeLeaf(chain),
    ...judgeStrength(chain),
    ...judgePath(chain),
  ]
}

/** Whether the key is the leaf's; TLS cannot be spoken where it is not. */
export function judgeKey({ keyFitsAt }: ServerChain): readonly CertificateFinding[] {
  if (keyFitsAt === 0) return []
  const mend =
    keyFitsAt > 0
      ? `it belongs to certificate ${keyFitsAt + 1} of the file: put that one first`
      : 'put the key in place that the certificate was asked for with'
  return [bad('key-mismatch', `the key does not belong to the certificate: ${mend}`)]
}

function judgeTime(chain: ServerChain, nowMs: number): readonly CertificateFinding[] {
  const [leaf] = chain.links
  const first = firstToEnd(chain)
  const what = first === leaf ? 'the certificate' : `“${first.subject}” above the certificate`
  const until = dayOf(first.endsAtMs)
  const findings: CertificateFinding[] = []
  if (leaf.startsAtMs > nowMs)
    findings.push(
      bad('not-yet-valid', `it begins on ${dayOf(leaf.startsAtMs)}: wait, or mend the clock`),
    )
  const state = expiryState(chain, nowMs)
  if (state === 'over')
    findings.push(
      bad('expired', `${what} expired on ${until}: replace it, devices refuse it since`),
    )
  else if (state === 'late')
    findings.push(bad('ends-soon', `${what} ends on ${until}: replace it now`))
  else if (state === 'soon')
    findings.push(advice('ends-soon', `${what} ends on ${until}: replace it before`))
  return findings
}

function judgeLeaf({ links, names, purposes, isPublic }: ServerChain): CertificateFinding[] {
  const [leaf] = links
  const findings: CertificateFinding[] = []
  if (purposes?.includes(SERVER_AUTH) !== true)
    findings.push(
      bad(
        'no-server-auth',
        'it is not for servers (extended key usage serverAuth), so Windows and Apple devices refuse it: ask for one that is',
      ),
    )
  if (names.length === 0)
    findings.push(
      bad(
        'no-names',
        'it has no subject alternative name, and the common name counts nowhere any more: ask for one with the server’s DNS name',
      ),
    )
  if (names.some((name) => name.startsWith('*')))
    findings.push(
      advice(
        'wildcard',
        'it speaks for a wildcard name, which Windows and some others do not take for Wi-Fi (EAP): ask for one with the full name',
      ),
    )
  const days = Math.floor((leaf.endsAtMs - leaf.startsAtMs) / DAY_MS)
  const limit = isPublic ? MAX_PUBLIC_DAYS : MAX_DAYS
  if (days > limit)
    findings.push(
      bad(
        'too-long',
        `it is good for ${days} days, and Apple devices refuse more than ${limit}: ask for a shorter one`,
      ),
    )
  return findings
}

/** A root's own signature is looked at by nobody; its key is. */
function judgeStrength({ links }: ServerChain): readonly CertificateFinding[] {
  return links.flatMap((link) => {
    const findings: CertificateFinding[] = []
    if (link.isKeyWeak)
      findings.push(
        bad('weak-key', `“${link.subject}” has a ${link.key} key: take RSA 2048 or EC P-256`),
      )
    if (link.isSignatureWeak && !link.isSelfSigned)
      findings.push(
        bad(
          'weak-signature',
          `“${link.subject}” is signed with SHA-1 or older, which devices refuse: have it signed with SHA-256`,
        ),
      )
    return findings
  })
}

function judgePath(chain: ServerChain): readonly CertificateFinding[] {
  const { links, end, isOrdered, strays, isPublic } = chain
  const findings: CertificateFinding[] = []
  const last = links.at(-1) ?? links[0]
  if (links[0].isSelfSigned)
    findings.push(
      advice(
        'self-signed',
        'it is signed by itself, so every device must be given it again at each renewal: take one of an authority',
      ),
    )
  if (end === 'open') findings.push(judgeOpenEnd(last, isPublic))
  if (!isOrdered)
    findings.push(
      bad(
        'chain-order',
        'the certificates are not in order: the server’s own first, then each that signed the one before',
      ),
    )
  if (strays.length > 0)
    findings.push(
      advice(
        'chain-stray',
        `not of its chain: ${strays.map((subject) => `“${subject}”`).join(', ')}; take it out of the file, since every device is sent it`,
      ),
    )
  return findings
}

/** What a public authority signs is never signed by its root, so that one above is missing. */
function judgeOpenEnd({ issuer }: ChainLink, isPublic: boolean): CertificateFinding {
  if (isPublic)
    return bad(
      'chain-incomplete',
      `“${issuer}”, which signed the last certificate of the file, is missing: append it (certbot’s fullchain.pem has it), since devices do not fetch it`,
    )
  return advice(
    'chain-open',
    `the chain ends below “${issuer}”: devices must have that one; where they have only the root above it, append it to the file`,
  )
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

function bad(code: string, said: string): CertificateFinding {
  return { code, verdict: 'bad', said }
}

function advice(code: string, said: string): CertificateFinding {
  return { code, verdict: 'advice', said }
}
