import { randomBytes } from 'node:crypto'
import { type Answer, replyPage } from '../http/exchange.ts'
import type { DirectoryRecord } from '../tenant/record.ts'
import { isPassword } from '../tenant/sign-in-facts.ts'
import { current, type Tenant } from '../tenant/tenant.ts'
import type { Forms } from './forms.ts'
import type { LoginError } from './login-error.ts'
import {
  messagePage,
  type Note,
  newPasswordPage,
  passwordPage,
  SECOND_STEP_CODE,
  secondStepPage,
} from './pages.ts'
import { signInError } from './sign-in-errors.ts'
import type { Authentication } from './tokens.ts'

const COOKIE = 'ESTSAUTH'
const MAX_SESSIONS = 1_000
const MIN_PASSWORD = 8

/** Somebody who has signed in, in this browser. */
export interface SignedIn {
  readonly user: DirectoryRecord
  readonly authentication: Authentication
}

/** Why somebody is asked to sign in, and what comes of it. */
export interface Purpose {
  readonly tenant: string
  readonly loginHint: string
  readonly done: (who: SignedIn) => Answer
  readonly cancelled: () => Answer
}

/** The pages on which a person proves who she is, and the cookie that spares her the next time. */
export class SignIn {
  readonly #tenant: Tenant
  readonly #forms: Forms
  readonly #nowMs: () => number
  readonly #sessions = new Map<string, { userId: string; authentication: Authentication }>()

  constructor(parts: { readonly tenant: Tenant; readonly forms: Forms; nowMs: () => number }) {
    this.#tenant = parts.tenant
    this.#forms = parts.forms
    this.#nowMs = parts.nowMs
  }

  /** Whom the browser's cookie stands for; null for nobody, or somebody who may no longer. */
  read(cookies: string | undefined): SignedIn | null {
    const id = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]+)`).exec(cookies ?? '')?.[1] ?? ''
    const session = this.#sessions.get(id)
    const user = session ? this.#tenant.findUser(session.userId) : null
    if (session === undefined || user === null) return null
    const { state, properties } = current(user)
    const validFrom = Date.parse(String(properties['signInSessionsValidFromDateTime'] ?? 0))
    const isRevoked = session.authentication.atMs < validFrom
    if (state !== 'live' || properties['accountEnabled'] === false || isRevoked) return null
    return { user, authentication: session.authentication }
  }

  /** What still stands between a person who is known already and an answer; null for nothing. */
  obstacle({ user, authentication }: SignedIn): LoginError | null {
    const { mfa, denials } = this.#tenant.signInOf(user.id)
    const [denial] = denials
    if (denial !== undefined) return signInError('interaction_required', denial)
    if (mfa === 'none' || authentication.methods.includes('mfa')) return null
    return signInError('interaction_required', mfa === 'required' ? 50076 : 50079)
  }

  /** From the password on. */
  ask(purpose: Purpose, note: Note | null = null): Answer {
    return this.#page(
      purpose,
      (page) => passwordPage(page, { login: purpose.loginHint, note }),
      (form) => this.#takePassword(purpose, form),
    )
  }

  /** From where a person is known; straight to the end when nothing is missing. */
  resume(purpose: Purpose, who: SignedIn): Answer {
    const { mfa, denials, mustChangePassword, passwordExpired } = this.#tenant.signInOf(who.user.id)
    const [denial] = denials
    if (denial !== undefined) return refuse(signInError('access_denied', denial))
    if (mustChangePassword || passwordExpired) return this.#askNewPassword(purpose, who, null)
    if (mfa !== 'none' && !who.authentication.methods.includes('mfa'))
      return this.#askSecondStep(purpose, who, null)
    return purpose.done(who)
  }

  #takePassword(purpose: Purpose, form: URLSearchParams): Answer {
    const login = form.get('login') ?? ''
    const again = (number: number): Answer =>
      this.ask({ ...purpose, loginHint: login }, noteOf(number))
    const user = this.#tenant.findUser(login)
    if (user === null || current(user).state !== 'live') return again(50034)
    const facts = this.#tenant.signInOf(user.id)
    if (!isPassword(facts, form.get('passwd') ?? '')) return again(50126)
    if (current(user).properties['accountEnabled'] === false) return again(50057)
    return this.#proceed(purpose, { user, authentication: this.#authenticated(['pwd']) })
  }

  #askSecondStep(purpose: Purpose, who: SignedIn, note: Note | null): Answer {
    const isNew = this.#tenant.signInOf(who.user.id).mfa === 'unregistered'
    return this.#page(
      purpose,
      (page) => secondStepPage(page, { isNew, note }),
      (form) => {
        if (form.get('otc')?.trim() !== SECOND_STEP_CODE)
          return this.#askSecondStep(purpose, who, { number: 500121, text: 'Try the code again.' })
        if (isNew) this.#tenant.setSignIn(who.user.id, { mfa: 'required' })
        const methods = [...who.authentication.methods, 'mfa']
        return this.#proceed(purpose, { ...who, authentication: this.#authenticated(methods) })
      },
    )
  }

  #askNewPassword(purpose: Purpose, who: SignedIn, note: Note | null): Answer {
    return this.#page(
      purpose,
      (page) => newPasswordPage(page, note),
      (form) => {
        const password = form.get('newpasswd') ?? ''
        const isOld = isPassword(this.#tenant.signInOf(who.user.id), password)
        const isRepeated = form.get('confirmnewpasswd') === password
        if (isOld || !isRepeated || password.length < MIN_PASSWORD)
          return this.#askNewPassword(purpose, who, {
            number: 50126,
            text: `Choose another password of at least ${MIN_PASSWORD} characters, twice the same.`,
          })
        this.#tenant.setSignIn(who.user.id, {
          password,
          mustChangePassword: false,
          passwordExpired: false,
        })
        return this.#proceed(purpose, who)
      },
    )
  }

  /** As {@link resume}, with a cookie for the next time. */
  #proceed(purpose: Purpose, who: SignedIn): Answer {
    const id = randomBytes(24).toString('base64url')
    const { user, authentication } = who
    this.#sessions.set(id, { userId: user.id, authentication })
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size > MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest)
    const answer = this.resume(purpose, who)
    const cookie = `${COOKIE}=${id}; Path=/; HttpOnly; Secure; SameSite=None`
    return { ...answer, headers: { 'set-cookie': cookie, ...answer.headers } }
  }

  #authenticated(methods: readonly string[]): Authentication {
    return { methods, atMs: this.#nowMs() }
  }

  #page(
    purpose: Purpose,
    render: Parameters<Forms['show']>[1],
    handle: (form: URLSearchParams) => Answer,
  ): Answer {
    return this.#forms.show(purpose.tenant, render, (form) =>
      form.get('choice') === 'cancel' ? purpose.cancelled() : handle(form),
    )
  }
}

/** On a page, and not to the application: Entra tells that one nothing. */
export function refuse(error: LoginError): Answer {
  const text = `AADSTS${error.number}: ${error.message}`
  return replyPage(
    messagePage('Sorry, but we’re having trouble signing you in.', { number: error.number, text }),
  )
}

function noteOf(number: number): Note {
  return { number, text: signInError('invalid_grant', number).message }
}
