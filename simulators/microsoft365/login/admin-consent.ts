import type { Answer, Request } from '../http/exchange.ts'
import type { Application } from './application.ts'
import { LoginError } from './login-error.ts'
import type { PageServices } from './page-services.ts'
import { consentPage } from './pages.ts'
import { errorFields, readRedirect, sendBack } from './redirect.ts'
import { readScopes } from './scopes.ts'
import { refuse, type SignedIn } from './sign-in.ts'
import { signInError } from './sign-in-errors.ts'
import { disabledApplication, required, unknownApplication } from './token-endpoint.ts'

/** Who may grant application permissions of Microsoft Graph for a whole tenant. */
const GRANTING_ROLES: readonly string[] = ['Global Administrator', 'Privileged Role Administrator']

interface Asked {
  readonly tenant: string
  readonly application: Application
  readonly scopes: readonly string[]
  readonly back: {
    readonly redirectUri: string
    readonly mode: 'query'
    readonly state: string | null
  }
}

/**
 * GET /{tenant}/v2.0/adminconsent: an administrator says yes for everybody, and an application
 * registered elsewhere comes into being here. Application permissions are granted with `.default`.
 */
export class AdminConsent {
  readonly #parts: PageServices

  constructor(parts: PageServices) {
    this.#parts = parts
  }

  answer(tenant: string, request: Request): Answer {
    let asked: Asked
    try {
      asked = this.#read(tenant, request.query)
    } catch (error) {
      if (!(error instanceof LoginError)) throw error
      return { ...refuse(error), status: 400 }
    }
    const { signIn } = this.#parts
    const purpose = {
      tenant,
      loginHint: '',
      done: (who: SignedIn) => this.#ask(asked, who),
      cancelled: () => this.#decline(asked),
    }
    const who = signIn.read(request.headers['cookie'])
    return who === null ? signIn.ask(purpose) : signIn.resume(purpose, who)
  }

  #read(tenant: string, query: URLSearchParams): Asked {
    const { realm, applications } = this.#parts
    if (tenant.toLowerCase() === 'common')
      throw new LoginError(
        400,
        'invalid_request',
        90009,
        'Admin consent is asked of a tenant, or of organizations.',
      )
    if (!realm.isShared(tenant)) realm.checkTenant(tenant)
    const clientId = required(query, 'client_id')
    const application = applications.find(clientId)
    if (application === null) throw unknownApplication(clientId)
    if (application.state === 'disabled') throw disabledApplication(application)
    const redirectUri = readRedirect(query, application)
    const scopes = readScopes(required(query, 'scope'), realm.graphUrl)
    const state = query.get('state')
    return { tenant, application, scopes, back: { redirectUri, mode: 'query', state } }
  }

  #ask(asked: Asked, who: SignedIn): Answer {
    const { application, scopes } = asked
    const roles = this.#parts.tenant.rolesOf(who.user.id)
    if (!roles.some((role) => GRANTING_ROLES.includes(role)))
      return refuse(signInError('access_denied', 90094))
    const isForAll = scopes.includes('.default')
    const delegated = scopes.filter((scope) => scope !== '.default')
    const permissions = isForAll ? [...application.requiredPermissions] : []
    return this.#parts.forms.show(
      asked.tenant,
      (page) =>
        consentPage(page, {
          application: application.displayName,
          permissions: [...permissions, ...delegated],
          isForEverybody: true,
        }),
      (form) => {
        if (form.get('choice') !== 'accept') return this.#decline(asked)
        application.consent({ scopes: delegated, permissions })
        return sendBack(asked.back, {
          admin_consent: 'True',
          tenant: this.#parts.realm.tenantId,
          scope: scopes.map((scope) => `https://graph.microsoft.com/${scope}`).join(' '),
        })
      },
    )
  }

  #decline({ back }: Asked): Answer {
    const error = new LoginError(
      400,
      'consent_required',
      65004,
      'The resource owner or authorization server denied the request.',
    )
    return sendBack(back, { admin_consent: 'True', ...errorFields(error, this.#parts.nowMs()) })
  }
}
