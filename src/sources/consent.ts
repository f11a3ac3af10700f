import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { Attempt, AttemptOutcome, AttemptStore } from './attempt-store.ts'
import type { Sources } from './control.ts'
import { printable } from './foreign-text.ts'
import { hostsOf } from './microsoft365/clouds.ts'
import type { NewMicrosoft365Source } from './microsoft365/registration.ts'
import { type Extra, refuseExtras, type Tier } from './microsoft365/settings.ts'
import { isNotYetKnown } from './microsoft365/sign-in.ts'
import { SourceError } from './source.ts'

/** Long enough to send the link to whoever administers the tenant. */
const LIFE_MS = 60 * 60_000
const WORK_MS = 2 * 60_000
/** A tenant's login service may hear of the consent a little later than the page that took it. */
const PATIENCE_MS = 20_000
const PAUSE_MS = 1_000
const STATE_BYTES = 32
const STATE = /^[A-Za-z0-9_-]{43}$/
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** An application of several tenants, and how what it is let into is to be connected. */
export interface ConsentRequest extends Omit<NewMicrosoft365Source, 'tenantId'> {
  /** Id of the only tenant that will do; null takes the one whose administrator says yes. */
  readonly tenant: string | null
  readonly tier: Tier
  /** Done beside it, from `write-back` on. */
  readonly extras: readonly Extra[]
}

type Secret = Pick<ConsentRequest, 'clientSecret' | 'privateKey'>

/** What the administrator's browser brought back. None of it proves anything. */
export interface ConsentReturn {
  readonly state: string
  readonly tenant: string | null
  /** `AADSTS…` text of a refusal. */
  readonly error: string | null
}

export interface ConsentParts {
  readonly attempts: AttemptStore
  readonly sources: Pick<Sources, 'connectMicrosoft365' | 'checkSecret'>
  readonly patienceMs?: number
}

/**
 * Connecting by an administrator's click: a link leads to Microsoft's consent page and back. What
 * comes back names a tenant; only a token for that tenant, fetched with our own key, and what Graph
 * says of its organization make it one.
 */
export class Consents {
  readonly #parts: ConsentParts

  constructor(parts: ConsentParts) {
    this.#parts = parts
  }

  /**
   * @returns the attempt, and the link to open; its state is known to nobody else, not even to us
   * @throws {DirectoryError} `DIRECTORY_REFUSED` when it is not said how the application signs in
   */
  async begin(
    request: ConsentRequest,
    parts: { readonly redirectUri: string; readonly actor: Actor },
  ): Promise<{ readonly attempt: Attempt; readonly url: string }> {
    const { clientSecret, privateKey, ...rest } = request
    this.#parts.sources.checkSecret(request)
    refuseExtras(request.tier, request.extras)
    const state = randomBytes(STATE_BYTES).toString('base64url')
    const secret = Buffer.from(JSON.stringify({ clientSecret, privateKey }))
    const attempt = await this.#parts.attempts.begin(
      { way: 'consent', stateHash: digest(state), request: rest, secret, lifeMs: LIFE_MS },
      parts.actor,
    )
    secret.fill(0)
    const { loginUrl, graphUrl } = hostsOf(request.cloud, request)
    const tenant = request.tenant ?? 'organizations'
    const url = new URL(`/${encodeURIComponent(tenant)}/v2.0/adminconsent`, loginUrl)
    url.search = new URLSearchParams({
      client_id: request.clientId,
      scope: `${graphUrl}/.default`,
      redirect_uri: parts.redirectUri,
      state,
    }).toString()
    return { attempt, url: url.href }
  }

  /** @returns the attempt as it ended; null for a state that is nobody's, used, or too old */
  async finish(returned: ConsentReturn, signal: AbortSignal): Promise<Attempt | null> {
    if (!STATE.test(returned.state)) return null
    const { attempts } = this.#parts
    const claimed = await attempts.claim(digest(returned.state), WORK_MS)
    if (claimed === null) return null
    const { attempt, secret } = claimed
    try {
      await attempts.end(attempt.id, await this.#conclude(claimed, returned, signal))
    } finally {
      secret.fill(0)
    }
    return attempts.find(attempt.id)
  }

  /** An expected no is the attempt's end; a fault of ours is thrown, and the attempt runs out. */
  async #conclude(
    { attempt, secret }: { readonly attempt: Attempt; readonly secret: Buffer },
    returned: ConsentReturn,
    signal: AbortSignal,
  ): Promise<AttemptOutcome> {
    const request = {
      ...(attempt.request as Omit<ConsentRequest, keyof Secret>),
      ...(JSON.parse(secret.toString('utf8')) as Secret),
    }
    const refusal = refusalOf(returned, request.tenant)
    if (refusal !== null) return { refusal }
    const tenantId = returned.tenant ?? ''
    try {
      // Whoever comes back names the tenant: unless it was said before, somebody has to look first.
      const isNamed = request.tenant !== null && GUID.test(request.tenant)
      const paused = request.paused || !isNamed
      const source = await this.#connect({ ...request, tenantId, paused }, attempt.actor, signal)
      return { sourceId: source.id, note: isNamed ? null : stepFor(source) }
    } catch (error) {
      const isNo =
        error instanceof SourceError ||
        (error instanceof DirectoryError && error.code !== 'DIRECTORY_UNAVAILABLE')
      if (!isNo) throw error
      return { refusal: printable(error.message) }
    }
  }

  async #connect(
    request: ConsentRequest & NewMicrosoft365Source,
    actor: string,
    signal: AbortSignal,
  ): Promise<Connected> {
    const { sources, patienceMs = PATIENCE_MS } = this.#parts
    const { tier, extras } = request
    const untilMs = Date.now() + patienceMs
    for (;;) {
      try {
        return await sources.connectMicrosoft365(request, { actor, signal, tier, extras })
      } catch (error) {
        if (!isNotYetKnown(error) || Date.now() > untilMs) throw error
        await sleep(PAUSE_MS, undefined, { signal })
      }
    }
  }
}

type Connected = Awaited<ReturnType<Sources['connectMicrosoft365']>>

function stepFor({ name, domain }: Connected): string {
  return (
    `it is the tenant of ${printable(domain)}, and paused: if that is the one you meant, ` +
    `\`gatehouse source resume ${name}\` starts it`
  )
}

function refusalOf({ tenant, error }: ConsentReturn, expected: string | null): string | null {
  if (error !== null && /AADSTS65004/.test(error))
    return 'the administrator declined; nothing was granted'
  if (error !== null) return `Microsoft refused: ${printable(error.slice(0, 300))}`
  if (tenant === null || !GUID.test(tenant)) return 'Microsoft’s answer names no tenant'
  const isOther = expected !== null && GUID.test(expected) && !isSame(expected, tenant)
  return isOther ? `the administrator is one of another tenant, ${tenant}` : null
}

function isSame(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase()
}

function digest(state: string): Buffer {
  return createHash('sha256').update(state).digest()
}
