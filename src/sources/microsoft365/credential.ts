import { X509Certificate } from 'node:crypto'
import type { Microsoft365Config } from './settings.ts'

const DAY_MS = 86_400_000
/** Time to plan, to act, and to drop everything else. */
const NOTICE_DAYS = 30
const WARNING_DAYS = 7

/** What a source signs in with, and until when it is good. */
export interface Credential {
  readonly kind: 'certificate' | 'secret' | 'federated'
  /** Null for a secret whose end nobody has told us, and for what has none here. */
  readonly expiresAtMs: number | null
  /** By name, the file of the token that another issuer renews; null for what is kept here. */
  readonly tokenFile: string | null
}

export function credentialOf(config: Microsoft365Config): Credential {
  const { certificate, secretExpiresAt, federatedToken: tokenFile } = config
  if (tokenFile !== null) return { kind: 'federated', expiresAtMs: null, tokenFile }
  if (certificate !== null)
    return {
      kind: 'certificate',
      tokenFile,
      expiresAtMs: Date.parse(new X509Certificate(certificate).validTo),
    }
  const expiresAtMs = secretExpiresAt === null ? null : Date.parse(secretExpiresAt)
  return { kind: 'secret', expiresAtMs, tokenFile }
}

/** What to do about a credential that ends soon: from 30 days on, and louder from 7; null before. */
export function expiryStep(
  name: string,
  credential: Pick<Credential, 'kind' | 'expiresAtMs'>,
  nowMs: number,
): string | null {
  const { kind, expiresAtMs } = credential
  if (expiresAtMs === null) return null
  const days = Math.floor((expiresAtMs - nowMs) / DAY_MS)
  if (days > NOTICE_DAYS) return null
  const act =
    kind === 'certificate'
      ? `\`gatehouse source rotate ${name}\` gives it another; or add one to the app registration yourself, then \`gatehouse source set-secret ${name} --certificate <file> --private-key <file>\``
      : `add another secret to the app registration, then \`gatehouse source set-secret ${name} --secret-file <file>\``
  if (expiresAtMs <= nowMs) return `the ${kind} has expired: ${act}`
  const when = days < 1 ? 'within a day' : days === 1 ? 'in 1 day' : `in ${days} days`
  const now = days < WARNING_DAYS ? ', and nothing is read after that' : ''
  return `the ${kind} expires ${when}${now}: ${act}`
}

/** Whether its certificate ends so soon that another is to take its place, or one is on its way. */
export function isDueForRotation(config: Microsoft365Config, nowMs: number): boolean {
  const { kind, expiresAtMs } = credentialOf(config)
  if (kind !== 'certificate' || expiresAtMs === null) return false
  return config.nextCertificate !== null || expiresAtMs - nowMs <= NOTICE_DAYS * DAY_MS
}
