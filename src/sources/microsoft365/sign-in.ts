import { X509Certificate } from 'node:crypto'
import {
  AuthError,
  ConfidentialClientApplication,
  type Configuration,
  type INetworkModule,
  type NetworkRequestOptions,
  type NetworkResponse,
} from '@azure/msal-node'
import { SourceError } from '../source.ts'
import { FEDERATION_FORBIDDEN, FEDERATION_MISMATCHES } from './federation-codes.ts'
import type { HttpsFetch } from './https.ts'
import type { GraphMeter } from './meter.ts'
import type { Microsoft365Config, Microsoft365Secret } from './settings.ts'
import { describeClaims, readTokenFile, type TokenClaims } from './token-file.ts'

/** A token is renewed this long before it ends, so that none dies on the way. */
const RENEW_BEFORE_MS = 5 * 60_000

const FEDERATION_OFF =
  'a policy of the tenant forbids federated credentials, or those of this issuer: have it allowed ' +
  'there (app management policies), or sign in with a certificate'

/** What to do about Entra's own error codes; all others are named as they are. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  '7000215':
    "the client secret is wrong: enter the secret's value, not its id (for a connected source " +
    'with `gatehouse source set-secret`)',
  '7000222':
    'the client secret has expired: make a new one in the app registration, and give it to ' +
    '`gatehouse source set-secret`',
  '700016': 'the tenant has no such application: check the client id and the tenant id',
  '700027':
    'the certificate is not known to the app registration: upload it there, or give another to ' +
    '`gatehouse source set-secret`',
  '90002': 'there is no such tenant: check the tenant id',
  '7000112': 'the application is disabled in the tenant: enable it under Enterprise applications',
  '53003': 'a Conditional Access policy blocks the application',
}

/** Gives access tokens for the application itself; nobody's password is involved. */
export interface TokenProvider {
  /** @throws {SourceError} `SOURCE_REFUSED`, `SOURCE_UNAVAILABLE` */
  token(): Promise<string>
  /** Forgets the token: permissions granted since are only in a new one. */
  forget(): void
}

/** App-only sign-in with a certificate or a secret, through MSAL. */
export class AppSignIn implements TokenProvider {
  readonly #secret: Microsoft365Secret
  readonly #configuration: Configuration
  readonly #network: MsalNetwork
  readonly #scope: string
  readonly #nowMs: () => number
  readonly #meter: GraphMeter | null
  #known: { readonly token: string; readonly untilMs: number } | null = null
  #pending: Promise<string> | null = null

  constructor(parts: {
    readonly config: Microsoft365Config
    readonly secret: Microsoft365Secret
    readonly fetch: HttpsFetch
    readonly nowMs?: () => number
    readonly meter?: GraphMeter | null
  }) {
    const { config, secret } = parts
    this.#secret = secret
    this.#nowMs = parts.nowMs ?? Date.now
    this.#meter = parts.meter ?? null
    this.#scope = `${new URL(config.graphUrl).origin}/.default`
    this.#network = new MsalNetwork(parts.fetch)
    this.#configuration = {
      auth: {
        clientId: config.clientId,
        authority: `${new URL(config.loginUrl).origin}/${config.tenantId}`,
        // Without it MSAL asks Microsoft's public cloud which authorities there are.
        knownAuthorities: [new URL(config.loginUrl).host],
        ...credential(config, secret),
      },
      system: { networkClient: this.#network },
    }
  }

  token(): Promise<string> {
    if (this.#known && this.#known.untilMs > this.#nowMs())
      return Promise.resolve(this.#known.token)
    this.#pending ??= this.#acquire().finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  forget(): void {
    this.#known = null
  }

  /** A client of its own each time: one that was throttled once refuses on its own afterwards. */
  async #acquire(): Promise<string> {
    const { tokenFile = null } = this.#secret
    const foreign = tokenFile === null ? null : await readTokenFile(tokenFile, this.#nowMs())
    const { auth, ...rest } = this.#configuration
    const proof = foreign === null ? {} : { clientAssertion: foreign.token }
    try {
      const client = new ConfidentialClientApplication({ ...rest, auth: { ...auth, ...proof } })
      const scopes = [this.#scope]
      const result = await client.acquireTokenByClientCredential({ scopes, skipCache: true })
      if (!result?.accessToken) throw new SourceError('SOURCE_NONSENSE', 'the login gave no token')
      const endsMs = result.expiresOn?.getTime() ?? this.#nowMs()
      this.#meter?.signedIn({ issuedAtMs: this.#nowMs(), expiresAtMs: endsMs })
      this.#known = { token: result.accessToken, untilMs: endsMs - RENEW_BEFORE_MS }
      return result.accessToken
    } catch (error) {
      const { refusal: said, fault } = this.#network
      throw toSourceError(error, { said, fault, claims: foreign?.claims ?? null })
    }
  }
}

function credential(config: Microsoft365Config, secret: Microsoft365Secret) {
  if (config.certificate !== null && secret.privateKey !== null) {
    const { fingerprint256 } = new X509Certificate(config.certificate)
    const thumbprintSha256 = fingerprint256.replaceAll(':', '').toLowerCase()
    return { clientCertificate: { thumbprintSha256, privateKey: secret.privateKey } }
  }
  return secret.clientSecret === null ? {} : { clientSecret: secret.clientSecret }
}

interface Beside {
  /** What the login service answered, which MSAL does not always pass on. */
  readonly said: string
  /** Why it did not answer, which MSAL makes a word of its own of; empty when it did. */
  readonly fault: string
  /** Of the token that was shown; null for a key or a secret of our own. */
  readonly claims: TokenClaims | null
}

function toSourceError(error: unknown, { said, fault, claims }: Beside): SourceError {
  if (error instanceof SourceError) return error
  if (!(error instanceof AuthError)) {
    const why = error instanceof Error ? error.message : String(error)
    return new SourceError('SOURCE_UNAVAILABLE', `the login service did not answer: ${why}`)
  }
  const code = /AADSTS(\d+)/.exec(`${error.errorMessage} ${said}`)?.[1]
  const isTransient = code === undefined && !/invalid_|unauthorized/.test(error.errorCode)
  if (isTransient || code === '90033' || code === '90055') {
    const what = fault || error.errorCode
    return new SourceError('SOURCE_UNAVAILABLE', `the login service did not answer: ${what}`)
  }
  const advice = adviceFor(Number(code), claims)
  const name = code === undefined ? error.errorCode : `AADSTS${code}`
  return new SourceError('SOURCE_REFUSED', `sign-in was refused (${name}): ${advice}`)
}

function adviceFor(code: number, claims: TokenClaims | null): string {
  const known = FEDERATION_FORBIDDEN.includes(code) ? FEDERATION_OFF : NEXT_STEPS[String(code)]
  const advice = known ?? 'see the sign-in log of the tenant'
  if (claims === null) return advice
  const token = `the file’s token says ${describeClaims(claims)}`
  if (FEDERATION_MISMATCHES.includes(code))
    return `${token}; the app registration needs a federated credential that says the same, letter by letter (\`gatehouse source steps --federated <name>\` shows how)`
  return `${advice}; ${token}`
}

/** Whether a tenant may merely not have heard yet of an application that it was just given. */
export function isNotYetKnown(error: unknown): boolean {
  if (!(error instanceof SourceError) || error.code !== 'SOURCE_REFUSED') return false
  return /AADSTS(?:700016|7000229)|Authorization_IdentityNotFound/.test(error.message)
}

/** Whether the application is known, and the key it signs with is not, or not yet. */
export function isKeyUnknown(error: unknown): error is SourceError {
  return error instanceof SourceError && /AADSTS700027/.test(error.message)
}

/** MSAL's port to the network, on our own TLS. */
class MsalNetwork implements INetworkModule {
  readonly #fetch: HttpsFetch
  #refusal = ''
  #fault = ''

  constructor(fetch: HttpsFetch) {
    this.#fetch = fetch
  }

  /** What the last answer said of an error; empty when it was none. */
  get refusal(): string {
    return this.#refusal
  }

  /** Why there was no last answer; empty when there was one. */
  get fault(): string {
    return this.#fault
  }

  sendGetRequestAsync<T>(
    url: string,
    options?: NetworkRequestOptions,
  ): Promise<NetworkResponse<T>> {
    return this.#send<T>(url, 'GET', options)
  }

  sendPostRequestAsync<T>(
    url: string,
    options?: NetworkRequestOptions,
  ): Promise<NetworkResponse<T>> {
    return this.#send<T>(url, 'POST', options)
  }

  async #send<T>(
    url: string,
    method: string,
    options: NetworkRequestOptions = {},
  ): Promise<NetworkResponse<T>> {
    const { headers = {}, body } = options
    this.#fault = ''
    const request = { method, headers, ...(body ? { body } : {}) }
    const response = await this.#fetch(url, request).catch((error: unknown) => {
      this.#fault = error instanceof Error ? error.message : String(error)
      throw error
    })
    const text = await response.text()
    this.#refusal = response.ok ? '' : text
    return {
      headers: Object.fromEntries(response.headers),
      body: parseBody(text) as T,
      status: response.status,
    }
  }
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SourceError('SOURCE_NONSENSE', 'the login service answered with something else')
  }
}
