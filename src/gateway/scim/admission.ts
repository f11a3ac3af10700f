import { ScimError } from '../../../protocols/scim/index.ts'
import { decide } from '../../access/decide.ts'
import type { TokenVerifier } from '../../credentials/authenticate.ts'
import type { Directory, Freshness } from '../../directory/directory.ts'
import type { Service } from '../../directory/service.ts'
import type { AuthEvent, AuthEventSink } from '../../observe/auth-event.ts'
import type { RateLimit } from '../../rate-limit.ts'

export interface AdmissionParts {
  readonly directory: Directory
  readonly tokens: TokenVerifier
  readonly events: AuthEventSink
  readonly freshness: () => Freshness
  readonly rateLimit: RateLimit
  readonly nowMs: () => number
}

export interface Knock {
  /** The header, as it came. */
  readonly authorization: string | null
  readonly address: string
}

export type Admission =
  | { readonly ok: true; readonly connection: Service }
  | {
      readonly ok: false
      readonly error: ScimError
      readonly headers: Readonly<Record<string, string>>
    }

// RFC 6750 §2.1; the scheme's name is taken in any case.
const bearer = /^bearer +([\w.~+/-]+=*) *$/i

/** RFC 6750 §3: a request without credentials is told the scheme only. */
const CHALLENGE = 'Bearer realm="gatehouse"'

/** A read model that is catching up has done so within seconds. */
const STALE_RETRY_SECONDS = 5

/** Lets a connection in by its bearer token, and no faster than it may come. */
export function admit(parts: AdmissionParts, knock: Knock): Admission {
  // A token that was revoked meanwhile must not be believed.
  if (parts.freshness() === 'too-stale') return refuseStale(parts, knock)
  const token = bearer.exec(knock.authorization ?? '')?.[1]
  if (token === undefined) return unauthenticated(CHALLENGE)
  const found = parts.tokens.verifyToken(token)
  if (found === null) {
    record(parts, knock, { outcome: 'denied', reason: 'unknown-name', service: null })
    return unauthenticated(`${CHALLENGE}, error="invalid_token"`)
  }
  const service = 'role' in found ? null : found.value
  if ('role' in found || !decide(parts.directory, found, { kind: 'scim' }).ok) {
    record(parts, knock, { outcome: 'denied', reason: 'wrong-kind', service })
    return refuse(new ScimError('SCIM_FORBIDDEN', 'this token is not for SCIM'))
  }
  const waitSeconds = parts.rateLimit.take(found.value.id)
  if (waitSeconds !== null) {
    const error = new ScimError('SCIM_TOO_FAST', 'too many requests')
    // Whole seconds: Okta passes over the form with a date.
    return refuse(error, { 'retry-after': String(waitSeconds) })
  }
  record(parts, knock, { outcome: 'success', reason: null, service: found.value })
  return { ok: true, connection: found.value }
}

function refuseStale(parts: AdmissionParts, knock: Knock): Admission {
  record(parts, knock, { outcome: 'unavailable', reason: 'stale', service: null })
  const error = new ScimError('SCIM_UNAVAILABLE', 'the directory is not up to date just now')
  return refuse(error, { 'retry-after': String(STALE_RETRY_SECONDS) })
}

function unauthenticated(challenge: string): Admission {
  const error = new ScimError('SCIM_UNAUTHENTICATED', 'a valid bearer token is needed')
  return refuse(error, { 'www-authenticate': challenge })
}

function refuse(error: ScimError, headers: Readonly<Record<string, string>> = {}): Admission {
  return { ok: false, error, headers }
}

function record(
  parts: AdmissionParts,
  { address }: Knock,
  what: Pick<AuthEvent, 'outcome' | 'reason'> & { readonly service: Service | null },
): void {
  const { outcome, reason, service } = what
  parts.events.record({
    atMs: parts.nowMs(),
    outcome,
    reason,
    resourceKind: 'scim',
    resourceName: service?.name ?? null,
    method: 'bearer',
    principalId: service?.id ?? null,
    name: service?.name ?? '',
    address,
    device: null,
    detail: null,
  })
}
