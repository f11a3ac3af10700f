import type { Application } from './application.ts'
import { type Jwt, verifyJwt } from './jwt.ts'
import { LoginError } from './login-error.ts'

/** Clocks of issuer and login service may differ by as much. */
const SKEW_MS = 300_000

/**
 * Checks a token of another issuer, shown as client_assertion: issuer, subject and audience are
 * compared letter by letter, and the first that no credential has is named.
 *
 * @throws {LoginError} with Entra's number for what is wrong
 */
export function proveFederated(jwt: Jwt, application: Application, nowMs: number): void {
  const { clientId, displayName } = application
  const { iss: issuer, sub: subject, aud } = jwt.claims
  const all = [...application.federatedCredentials]
  if (all.length === 0)
    throw refused(
      70025,
      `The client '${clientId}'(${displayName}) has no configured federated identity credentials.`,
    )
  const ofIssuer = all.filter((credential) => credential.issuer === issuer)
  if (ofIssuer.length === 0) throw mismatch(700211, 'issuer', issuer)
  const ofSubject = ofIssuer.filter((credential) => credential.subject === subject)
  if (ofSubject.length === 0) throw mismatch(700213, 'subject', subject)
  const audiences = [aud].flat()
  const found = ofSubject.find((credential) =>
    credential.audiences.some((each) => audiences.includes(each)),
  )
  if (found === undefined) throw mismatch(700212, 'audience', audiences.join(','))
  if (!verifyJwt(jwt, found.issuerKey))
    throw refused(50013, 'Assertion failed signature validation.')
  const expiresAtMs = Number(jwt.claims['exp']) * 1000
  const startsAtMs = Number(jwt.claims['nbf'] ?? 0) * 1000
  if (!(expiresAtMs > nowMs - SKEW_MS) || startsAtMs > nowMs + SKEW_MS)
    throw refused(700024, 'Client assertion is not within its valid time range.')
}

function mismatch(number: number, what: string, said: unknown): LoginError {
  return refused(
    number,
    `No matching federated identity record found for presented assertion ${what} '${String(said)}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.`,
  )
}

function refused(number: number, message: string): LoginError {
  return new LoginError(401, 'invalid_client', number, message)
}
