import { randomBytes } from 'node:crypto'
import { type Answer, type Request, reply, replyPage } from '../http/exchange.ts'
import type { Application } from './application.ts'
import { LoginError } from './login-error.ts'
import type { PageServices } from './page-services.ts'
import { codePage, consentPage, messagePage, type Note } from './pages.ts'
import { canConsent, expandScopes, missingConsent, readScopes } from './scopes.ts'
import { refuse, type SignedIn } from './sign-in.ts'
import { signInError } from './sign-in-errors.ts'
import { type Grant, required, unknownApplication } from './token-endpoint.ts'
import type { TokenIssuer } from './tokens.ts'

const LIFE_S = 900
const INTERVAL_S = 5
const MAX_OPEN = 1_000
/** Without letters and digits that look alike. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const USER_CODE_LENGTH = 9

interface Device {
  readonly userCode: string
  readonly application: Application
  readonly scopes: readonly string[]
  readonly expiresAtMs: number
  askedAtMs: number
  who: SignedIn | null
  isDeclined: boolean
  isRedeemed: boolean
}

/** RFC 8628 as Entra speaks it: a program shows a code, and somebody enters it elsewhere. */
export class DeviceCodes {
  readonly #services: PageServices
  /** Whether a program that asks again too soon is told so. */
  readonly #minimumMs: () => number
  readonly #devices = new Map<string, Device>()

  constructor(services: PageServices, minimumMs: () => number) {
    this.#services = services
    this.#minimumMs = minimumMs
  }

  /** POST /{tenant}/oauth2/v2.0/devicecode */
  begin(tenant: string, request: Request): Answer {
    const { realm, applications, nowMs } = this.#services
    if (!realm.isShared(tenant)) realm.checkTenant(tenant)
    const form = new URLSearchParams(request.body)
    const clientId = required(form, 'client_id')
    const application = applications.findHere(clientId)
    if (application === null) throw unknownApplication(clientId)
    if (!application.isPublic)
      throw new LoginError(
        401,
        'invalid_client',
        7000218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
      )
    const scopes = expandScopes(readScopes(required(form, 'scope'), realm.graphUrl), application)
    const deviceCode = randomBytes(48).toString('base64url')
    const userCode = makeUserCode()
    this.#devices.set(deviceCode, {
      userCode,
      application,
      scopes,
      expiresAtMs: nowMs() + LIFE_S * 1000,
      askedAtMs: Number.NEGATIVE_INFINITY,
      who: null,
      isDeclined: false,
      isRedeemed: false,
    })
    const [oldest] = this.#devices.keys()
    if (this.#devices.size > MAX_OPEN && oldest !== undefined) this.#devices.delete(oldest)
    const verificationUri = `${realm.loginUrl}/device`
    return reply({
      user_code: userCode,
      device_code: deviceCode,
      verification_uri: verificationUri,
      expires_in: LIFE_S,
      interval: INTERVAL_S,
      message: `To sign in, use a web browser to open the page ${verificationUri} and enter the code ${userCode} to authenticate.`,
    })
  }

  /** GET /device */
  page(note: Note | null = null): Answer {
    const { forms, realm } = this.#services
    return forms.show(
      realm.tenantId,
      (page) => codePage(page, note),
      (form) => {
        const code = (form.get('otc') ?? '').trim().toUpperCase()
        const device = [...this.#devices.values()].find(({ userCode }) => userCode === code)
        const isOpen = device && device.who === null && !device.isDeclined
        if (!isOpen || device.expiresAtMs <= this.#services.nowMs())
          return this.page({ number: 70002, text: 'That code didn’t work. Check it.' })
        return this.#signIn(device)
      },
    )
  }

  /** Always anew: the device is another one than the browser. */
  #signIn(device: Device): Answer {
    return this.#services.signIn.ask({
      tenant: this.#services.realm.tenantId,
      loginHint: '',
      done: (who) => this.#ask(device, who),
      cancelled: () => decline(device),
    })
  }

  #ask(device: Device, who: SignedIn): Answer {
    const { application, scopes } = device
    const missing = missingConsent(application, who.user.id, scopes)
    if (!canConsent(missing, this.#services.tenant.rolesOf(who.user.id)))
      return refuse(signInError('access_denied', 90094))
    return this.#services.forms.show(
      this.#services.realm.tenantId,
      (page) =>
        consentPage(page, {
          application: application.displayName,
          permissions: scopes,
          isForEverybody: false,
        }),
      (form) => {
        if (form.get('choice') !== 'accept') return decline(device)
        device.who = who
        const text = `You have signed in to the ${application.displayName} application on your device. You may now close this window.`
        return replyPage(messagePage('Signed in', null, text))
      },
    )
  }

  /** `grant_type=urn:ietf:params:oauth:grant-type:device_code` */
  redeem(issuer: TokenIssuer): Grant {
    return ({ form, application, proof, nowMs }) => {
      const device = this.#devices.get(required(form, 'device_code'))
      if (device === undefined || device.application !== application || device.isRedeemed)
        throw refusal('bad_verification_code', 70001, 'The device code is not known.')
      if (device.isDeclined)
        throw refusal('authorization_declined', 70017, 'The end user denied the request.')
      if (device.expiresAtMs <= nowMs)
        throw refusal('expired_token', 70020, 'The provided device code has expired.')
      const isHasty = nowMs - device.askedAtMs < this.#minimumMs()
      device.askedAtMs = nowMs
      if (isHasty) throw refusal('slow_down', 70016, 'The client polls too often.')
      if (device.who === null)
        throw refusal(
          'authorization_pending',
          70016,
          'OAuth 2.0 device flow error. Authorization is pending. Continue polling.',
        )
      device.isRedeemed = true
      const { user, authentication } = device.who
      const { scopes } = device
      return issuer.forUser({ application, user, scopes, authentication, nonce: null }, proof)
    }
  }
}

function decline(device: Device): Answer {
  device.isDeclined = true
  return replyPage(messagePage('Sign-in cancelled', null, 'You have cancelled the sign-in.'))
}

function refusal(error: string, number: number, message: string): LoginError {
  return new LoginError(400, error, number, message)
}

function makeUserCode(): string {
  const bytes = randomBytes(USER_CODE_LENGTH)
  return [...bytes].map((byte) => ALPHABET[byte % ALPHABET.length]).join('')
}
