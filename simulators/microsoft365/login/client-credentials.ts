import { createHash, timingSafeEqual } from 'node:crypto'
import type { Application } from './application.ts'
import { proveFederated } from './federated-assertion.ts'
import { type Jwt, parseJwt, verifyJwt } from './jwt.ts'
import { LoginError } from './login-error.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** Clocks of client and login service may differ by as much. */
const SKEW_MS = 300_000

/** How a client proved itself: 0 not at all, 1 by secret, 2 by certificate; the token's `azpacr`. */
export type Proof = '0' | '1' | '2'

export interface ProofParts {
  readonly form: URLSearchParams
  readonly application: Application
  readonly nowMs: number
  /** What an assertion's `aud` may be: the token endpoint or the issuer. */
  readonly audiences: readonly string[]
  /** Assertions seen, by jti, when replays are refused; null when they are let pass as Entra does. */
  readonly seenAssertions: Set<string> | null
}

/**
 * Checks client_secret or client_assertion.
 *
 * @throws {LoginError} with Entra's number for what is wrong
 */
export function proveClient(parts: ProofParts): Proof {
  const secret = parts.form.get('client_secret')
  const assertion = parts.form.get('client_assertion')
  if (assertion !== null) {
    if (parts.form.get('client_assertion_type') !== ASSERTION_TYPE)
      throw new LoginError(
        400,
        'invalid_request',
        900144,
        "The request body must contain the following parameter: 'client_assertion_type'.",
      )
    proveAssertion(assertion, parts)
    return '2'
  }
  if (secret === null)
    throw new LoginError(
      401,
      'invalid_client',
      7000216,
      "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    )
  proveSecret(secret, parts)
  return '1'
}

function proveSecret(secret: string, parts: ProofParts): void {
  const { application, nowMs } = parts
  const all = [...application.secrets, ...application.principalSecrets]
  const known = all.find(({ value }) => isEqual(value, secret))
  if (known === undefined)
    throw new LoginError(
      401,
      'invalid_client',
      7000215,
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${application.clientId}'.`,
    )
  if (known.expiresAtMs <= nowMs)
    throw new LoginError(
      401,
      'invalid_client',
      7000222,
      `The provided client secret keys for app '${application.clientId}' are expired. Visit the Azure portal to create new keys for your app, or consider using certificate credentials for added security.`,
    )
}

function proveAssertion(assertion: string, parts: ProofParts): void {
  const { application, nowMs } = parts
  const jwt = parseJwt(assertion)
  if (jwt === null)
    throw new LoginError(401, 'invalid_client', 50027, 'JWT token is invalid or malformed.')
  // A key of its own is named by its certificate; whatever is not, another issuer has signed.
  const isOwn = jwt.header['x5t#S256'] !== undefined || jwt.claims['iss'] === application.clientId
  if (isOwn) proveOwn(jwt, parts)
  else proveFederated(jwt, application, nowMs)
}

function proveOwn(jwt: Jwt, parts: ProofParts): void {
  const { application, nowMs } = parts
  const certificate = application.certificates.get(String(jwt.header['x5t#S256']))
  const isKnown = certificate !== undefined && certificate.knownFromMs <= nowMs
  if (!isKnown || !verifyJwt(jwt, certificate.key))
    throw new LoginError(
      401,
      'invalid_client',
      700027,
      `The certificate with identifier used to sign the client assertion is not registered on application or its signature failed validation. [Reason - ${!isKnown ? 'The key was not found.' : 'The signature is invalid.'}]`,
    )
  if (certificate.expiresAtMs <= nowMs)
    throw new LoginError(
      401,
      'invalid_client',
      700027,
      'The certificate used to sign the client assertion is expired. [Reason - The key used is expired.]',
    )
  checkClaims(jwt, parts)
}

function checkClaims(jwt: Jwt, parts: ProofParts): void {
  const { iss, sub, aud, jti } = jwt.claims
  const { application, nowMs, audiences, seenAssertions } = parts
  if (iss !== application.clientId || sub !== application.clientId)
    throw new LoginError(
      401,
      'invalid_client',
      700021,
      "Client assertion application identifier doesn't match 'client_id' parameter.",
    )
  if (typeof aud !== 'string' || !audiences.includes(aud))
    throw new LoginError(
      401,
      'invalid_client',
      700023,
      'Client assertion audience claim does not match Realm issuer.',
    )
  const expiresAtMs = Number(jwt.claims['exp']) * 1000
  const startsAtMs = Number(jwt.claims['nbf'] ?? 0) * 1000
  // NaN, from an exp that is missing or no number, fails the comparison too.
  if (!(expiresAtMs > nowMs - SKEW_MS) || startsAtMs > nowMs + SKEW_MS)
    throw new LoginError(
      401,
      'invalid_client',
      700024,
      'Client assertion is not within its valid time range.',
    )
  if (seenAssertions === null) return
  if (typeof jti !== 'string' || seenAssertions.has(jti))
    throw new LoginError(
      401,
      'invalid_client',
      50027,
      'JWT token is invalid: its jti is missing or was presented before.',
    )
  seenAssertions.add(jti)
}

function isEqual(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(left), digest(right))
}
