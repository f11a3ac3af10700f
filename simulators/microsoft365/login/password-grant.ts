import { type DirectoryRecord, isLive, SEES_EVERYTHING } from '../tenant/record.ts'
import { isPassword, type SignInFacts } from '../tenant/sign-in-facts.ts'
import { current, type Tenant } from '../tenant/tenant.ts'
import type { Application } from './application.ts'
import type { SmartLockout } from './lockout.ts'
import { LoginError } from './login-error.ts'
import { type Grant, required } from './token-endpoint.ts'
import type { TokenIssuer } from './tokens.ts'

export interface PasswordGrantParts {
  readonly tenant: Tenant
  readonly issuer: TokenIssuer
  readonly lockout: SmartLockout
}

/**
 * `grant_type=password`: name and password in one request, with nobody there to be asked for more.
 * Whatever would take a page (a second step, a new password, consent) is a refusal.
 */
export function passwordGrant({ tenant, issuer, lockout }: PasswordGrantParts): Grant {
  return ({ form, application, proof, nowMs }) => {
    const username = required(form, 'username')
    // Spaces at either end do not arrive: a password that has them can never be right.
    const password = required(form, 'password').trim()
    const scopes = readScopes(form, application)
    const user = findMember(tenant, username)
    if (user === null)
      throw refusal(50034, `The account ${username} does not exist in this directory.`)
    const facts = tenant.signInOf(user.id)
    refuseAccount(user, facts, lockout)
    refuseWrong(user, { facts, password, lockout })
    lockout.recordRight(user.id)
    refuseSignIn(facts)
    const authentication = { methods: ['pwd'], atMs: nowMs }
    return issuer.forUser({ application, user, scopes, authentication, nonce: null }, proof)
  }
}

function readScopes(form: URLSearchParams, application: Application): readonly string[] {
  const scopes = required(form, 'scope').split(/\s+/)
  const missing = scopes.filter((scope) => !application.delegatedScopes.has(scope))
  if (missing.length === 0) return scopes
  throw refusal(
    65001,
    `Neither the user nor an administrator has consented to ${missing.join(' ')} for the application ${application.clientId}.`,
  )
}

/** Guests have their password in a tenant of their own. */
function findMember(tenant: Tenant, username: string): DirectoryRecord | null {
  const user = tenant.findUser(username)
  if (user === null || !isLive(user, SEES_EVERYTHING)) return null
  return current(user).properties['userType'] === 'Guest' ? null : user
}

/** What is said of an account whatever the password. */
function refuseAccount(user: DirectoryRecord, facts: SignInFacts, lockout: SmartLockout): void {
  if (lockout.isLocked(user.id))
    throw refusal(50053, 'The account is locked: too many sign-ins with a wrong password.')
  if (current(user).properties['accountEnabled'] === false)
    throw refusal(50057, 'The account is disabled.')
  if (facts.passwordHash === null)
    throw refusal(50056, 'There is no password for this account in the directory.')
}

function refuseWrong(
  user: DirectoryRecord,
  parts: { facts: SignInFacts; password: string; lockout: SmartLockout },
): void {
  const { facts, password, lockout } = parts
  // Of a federated person this service knows no password: the right one is wrong as well.
  if (isPassword(facts, password) && !facts.denials.includes(50126)) return
  lockout.recordWrong(user.id, password)
  throw refusal(50126, 'Name and password do not belong together.')
}

/** With the right password. */
function refuseSignIn(facts: SignInFacts): void {
  const [denial] = facts.denials
  if (denial !== undefined) throw refusal(denial, 'The sign-in is refused by a rule of the tenant.')
  if (facts.passwordExpired || facts.mustChangePassword)
    throw refusal(50055, 'The password has expired and has to be changed.')
  if (facts.mfa === 'required') throw refusal(50076, 'A second step is required.', 'basic_action')
  if (facts.mfa === 'unregistered')
    throw refusal(50079, 'A second step is required and has to be registered.', 'basic_action')
}

const TRANSIENT = [90033, 90055, 50033, 50087]
const SERVICE_UNAVAILABLE = 503
const TOO_MANY = 90055

/** With the status and OAuth's word that go with a number. */
export function refusal(number: number, message: string, suberror?: string): LoginError {
  if (TRANSIENT.includes(number)) {
    const status = number === TOO_MANY ? 429 : SERVICE_UNAVAILABLE
    return new LoginError(status, 'temporarily_unavailable', number, message)
  }
  if (String(number).startsWith('70002'))
    return new LoginError(401, 'invalid_client', number, message)
  if (String(number).startsWith('7000'))
    return new LoginError(400, 'unauthorized_client', number, message)
  return new LoginError(400, 'invalid_grant', number, message, suberror)
}
