import type { Answer, Request } from '../http/exchange.ts'
import type { Application } from './application.ts'
import type { Applications } from './applications.ts'
import type { Challenge, Codes } from './codes.ts'
import { LoginError } from './login-error.ts'
import type { PageServices } from './page-services.ts'
import { consentPage } from './pages.ts'
import { errorFields, type Return, readRedirect, sendBack } from './redirect.ts'
import { canConsent, expandScopes, missingConsent, readScopes } from './scopes.ts'
import { type Purpose, refuse, type SignedIn } from './sign-in.ts'
import { signInError } from './sign-in-errors.ts'
import { disabledApplication, required, unknownApplication } from './token-endpoint.ts'

/** RFC 7636 §4.2: a base64url text of 43 to 128 characters. */
const CHALLENGE = /^[A-Za-z0-9._~-]{43,128}$/

interface AuthorizeParts extends PageServices {
  readonly codes: Codes
}

interface Asked extends Return {
  readonly application: Application
  readonly scopes: readonly string[]
  readonly nonce: string | null
  readonly challenge: Challenge | null
  readonly prompt: string
}

/** GET and POST /{tenant}/oauth2/v2.0/authorize: the authorization code flow with PKCE. */
export class Authorize {
  readonly #parts: AuthorizeParts

  constructor(parts: AuthorizeParts) {
    this.#parts = parts
  }

  /** What is wrong with the client or its address is shown to the person; the rest is sent back. */
  answer(tenant: string, query: URLSearchParams, request: Request): Answer {
    let asked: Asked
    let back: Return | null = null
    try {
      if (!this.#parts.realm.isShared(tenant)) this.#parts.realm.checkTenant(tenant)
      const application = findClient(query, this.#parts.applications)
      back = readReturn(query, application)
      asked = { ...back, ...this.#read(query, application) }
    } catch (error) {
      if (!(error instanceof LoginError)) throw error
      return back === null ? { ...refuse(error), status: 400 } : this.#sendError(back, error)
    }
    return this.#begin(tenant, query, {
      asked,
      who: this.#parts.signIn.read(request.headers['cookie']),
    })
  }

  #read(query: URLSearchParams, application: Application): Omit<Asked, keyof Return> {
    const responseType = required(query, 'response_type')
    if (responseType !== 'code')
      throw new LoginError(
        400,
        'unsupported_response_type',
        700054,
        `response_type '${responseType}' is not enabled for the application.`,
      )
    return {
      application,
      scopes: expandScopes(
        readScopes(required(query, 'scope'), this.#parts.realm.graphUrl),
        application,
      ),
      nonce: query.get('nonce'),
      challenge: readChallenge(query),
      prompt: query.get('prompt') ?? '',
    }
  }

  #begin(
    tenant: string,
    query: URLSearchParams,
    { asked, who }: { asked: Asked; who: SignedIn | null },
  ): Answer {
    const { signIn } = this.#parts
    const purpose: Purpose = {
      tenant,
      loginHint: query.get('login_hint') ?? '',
      done: (signedIn) => this.#afterSignIn(tenant, asked, signedIn),
      cancelled: () => sendBack(asked, { error: 'access_denied', error_subcode: 'cancel' }),
    }
    if (asked.prompt === 'none') return this.#silently(asked, who)
    if (who === null || ['login', 'select_account'].includes(asked.prompt))
      return signIn.ask(purpose)
    return signIn.resume(purpose, who)
  }

  #silently(asked: Asked, who: SignedIn | null): Answer {
    if (who === null) return this.#sendError(asked, signInError('login_required', 50058))
    const obstacle = this.#parts.signIn.obstacle(who)
    if (obstacle !== null) return this.#sendError(asked, obstacle)
    const missing = missingConsent(asked.application, who.user.id, asked.scopes)
    if (missing.length > 0) return this.#sendError(asked, signInError('consent_required', 65001))
    return this.#sendCode(asked, who)
  }

  #afterSignIn(tenant: string, asked: Asked, who: SignedIn): Answer {
    const { application, scopes, prompt } = asked
    const missing = missingConsent(application, who.user.id, scopes)
    if (missing.length === 0 && prompt !== 'consent') return this.#sendCode(asked, who)
    if (!canConsent(missing, this.#parts.tenant.rolesOf(who.user.id)))
      return refuse(signInError('access_denied', 90094))
    return this.#parts.forms.show(
      tenant,
      (page) =>
        consentPage(page, {
          application: application.displayName,
          permissions: scopes,
          isForEverybody: false,
        }),
      (form) => {
        if (form.get('choice') !== 'accept')
          return this.#sendError(asked, signInError('access_denied', 65004))
        const consents = application.consents.get(who.user.id) ?? new Set()
        application.consents.set(who.user.id, new Set([...consents, ...scopes]))
        return this.#sendCode(asked, who)
      },
    )
  }

  #sendCode(asked: Asked, { user, authentication }: SignedIn): Answer {
    const { application, scopes, nonce } = asked
    const grant = { application, user, scopes, authentication, nonce }
    return sendBack(asked, { code: this.#parts.codes.issue(grant, asked) })
  }

  #sendError(back: Return, error: LoginError): Answer {
    return sendBack(back, errorFields(error, this.#parts.nowMs()))
  }
}

/** @throws {LoginError} when there is no such application, or it is disabled */
function findClient(query: URLSearchParams, applications: Applications): Application {
  const clientId = required(query, 'client_id')
  const application = applications.findHere(clientId)
  if (application === null) throw unknownApplication(clientId)
  if (application.state === 'disabled') throw disabledApplication(application)
  return application
}

function readReturn(query: URLSearchParams, application: Application): Return {
  const mode = query.get('response_mode') ?? 'query'
  if (!['query', 'fragment', 'form_post'].includes(mode))
    throw new LoginError(
      400,
      'invalid_request',
      900144,
      `The provided value for the input parameter 'response_mode' is not allowed.`,
    )
  return { redirectUri: readRedirect(query, application), mode, state: query.get('state') }
}

function readChallenge(query: URLSearchParams): Challenge | null {
  const value = query.get('code_challenge')
  const method = query.get('code_challenge_method')
  if (value === null && method === null) return null
  const isKnown = method === null || method === 'S256' || method === 'plain'
  if (value !== null && CHALLENGE.test(value) && isKnown)
    return { value, method: method ?? 'plain' }
  throw new LoginError(400, 'invalid_request', 501491, 'Invalid size of Code_Challenge parameter.')
}
