import { setTimeout as sleep } from 'node:timers/promises'
import { DirectoryError } from '../directory/errors.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { Service } from '../lifecycle.ts'
import type { Attempt, AttemptStore } from './attempt-store.ts'
import type { Sources } from './control.ts'
import { printable } from './foreign-text.ts'
import { AppSetup } from './microsoft365/app-setup.ts'
import { makeClientCertificate } from './microsoft365/client-certificate.ts'
import { hostsOf } from './microsoft365/clouds.ts'
import {
  BorrowedToken,
  type DeviceClient,
  type DeviceCode,
  pollForToken,
  requestDeviceCode,
} from './microsoft365/device-code.ts'
import { makeHttpsFetch } from './microsoft365/https.ts'
import { DIRECTORY_ROLES } from './microsoft365/permissions.ts'
import type { NewMicrosoft365Source } from './microsoft365/registration.ts'
import { type Extra, refuseExtras, type Tier } from './microsoft365/settings.ts'
import { permissionsOf, SIGN_IN_SCOPES } from './microsoft365/steps.ts'
import { SourceError } from './source.ts'

/** Microsoft Graph Command Line Tools: a public client of Microsoft's own, known in every tenant. */
export const GRAPH_TOOLS_CLIENT = '14d82eec-204b-4c2f-b7e8-296a70dab67e'
const SCOPES = ['Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All', 'User.Read']
const ROLE_SCOPE = 'RoleManagement.ReadWrite.Directory'
/** A step, with all its patience. */
const WORK_MS = 3 * 60_000
/** An administrator's token is good for an hour or so. */
const TURN_MS = 10 * 60_000
/** New permissions reach the login service's tokens within minutes at most. */
const PATIENCE_MS = 2 * 60_000
const PAUSE_MS = 2_000

/** How a tenant is to be connected by an application that is made for it. */
export interface DeviceRequest
  extends Omit<
    NewMicrosoft365Source,
    'tenantId' | 'clientId' | 'clientSecret' | 'certificate' | 'privateKey' | 'federatedToken'
  > {
  /** Id of the only tenant that will do; null takes that of whoever signs in. */
  readonly tenant: string | null
  readonly tier: Tier
  /** Done beside it, from `write-back` on. */
  readonly extras: readonly Extra[]
  /** Where a browser comes back to from people's own sign-in; null when none could. */
  readonly signInReturn: string | null
  /** Public client that shows the code; {@link GRAPH_TOOLS_CLIENT} unless said otherwise. */
  readonly publicClientId: string
}

export interface BegunDevice {
  readonly attempt: Attempt
  readonly code: DeviceCode
  /** What the administrator is asked to agree to, for this once. */
  readonly scopes: readonly string[]
}

export interface DeviceParts {
  readonly attempts: AttemptStore
  readonly sources: Pick<Sources, 'connectMicrosoft365' | 'findTenant'>
  /** Tells this installation's application from others in a tenant. */
  readonly tag: string
  readonly onFault: (error: unknown) => void
}

/**
 * Connecting by a code: an administrator signs in elsewhere, and with her token, kept in memory only
 * and dropped when it has served, the application is made that this installation signs in with.
 */
export class DeviceConnects implements Service {
  readonly name = 'device-connects'
  readonly #parts: DeviceParts
  readonly #stopping = new AbortController()
  readonly #running = new Set<Promise<void>>()

  constructor(parts: DeviceParts) {
    this.#parts = parts
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running)
  }

  /**
   * @throws {SourceError} when the login service gives no code
   * @throws {DirectoryError} `DIRECTORY_REFUSED` for extras that the tier does not carry
   */
  async begin(request: DeviceRequest, actor: Actor, signal: AbortSignal): Promise<BegunDevice> {
    refuseExtras(request.tier, request.extras)
    const { loginUrl, graphUrl } = hostsOf(request.cloud, request)
    const client: DeviceClient = {
      fetch: makeHttpsFetch(request.ca),
      authority: `${new URL(loginUrl).origin}/${request.tenant ?? 'organizations'}`,
      clientId: request.publicClientId,
    }
    const scopes = scopesOf(request.tier)
    const code = await requestDeviceCode(
      client,
      scopes.map((scope) => `${graphUrl}/${scope}`),
      signal,
    )
    const attempt = await this.#parts.attempts.begin(
      { way: 'device', stateHash: null, request, secret: null, lifeMs: code.lifeMs },
      actor,
    )
    const run = this.#run({ attempt, code, client, request }).finally(() => {
      this.#running.delete(run)
    })
    this.#running.add(run)
    return { attempt, code, scopes }
  }

  /** Never rejects: what came of it stands in the attempt. */
  async #run(job: Job): Promise<void> {
    const { attempts, onFault } = this.#parts
    const { id } = job.attempt
    try {
      const outcome = await this.#work(job).then(
        (sourceId) => ({ sourceId }),
        (error: unknown) => ({ refusal: this.#wordsFor(error) }),
      )
      await attempts.end(id, outcome)
    } catch (error) {
      onFault(error)
    }
  }

  #wordsFor(error: unknown): string {
    if (this.#stopping.signal.aborted)
      return 'the daemon was stopped: begin again, what was made is found and gone on with'
    if (error instanceof SourceError || error instanceof DirectoryError)
      return printable(error.message)
    this.#parts.onFault(error)
    return 'a fault of ours; it is in the log'
  }

  async #work(job: Job): Promise<string> {
    const { signal } = this.#stopping
    const tokens = new BorrowedToken(await pollForToken(job.client, job.code, signal))
    await this.#report(job.attempt.id, 'signed in')
    return await this.#make(job, tokens)
  }

  async #make({ attempt, client, request }: Job, tokens: BorrowedToken): Promise<string> {
    const { signal } = this.#stopping
    try {
      const setup = new AppSetup({
        graphUrl: hostsOf(request.cloud, request).graphUrl,
        tokens,
        fetch: client.fetch,
        signal,
        onStep: (step) => this.#report(attempt.id, step),
      })
      await this.#report(attempt.id, 'signed in; looking at the tenant')
      const tenantId = await setup.readTenantId()
      await this.#takeTurn(attempt.id, tenantId)
      await this.#refuseOther(tenantId, request)
      const keyed = await makeClientCertificate(Date.now())
      const made = await setup.make({
        displayName: 'Gatehouse',
        tag: this.#parts.tag,
        certificate: keyed.certificate,
        permissions: permissionsOf(request.tier, request.extras),
        scopes: SIGN_IN_SCOPES,
        redirectUri: request.signInReturn,
        role: DIRECTORY_ROLES[request.tier] ?? null,
      })
      tokens.forget()
      await this.#report(attempt.id, 'signing in as the application')
      const source = { ...request, ...keyed, ...made, tenantId, clientSecret: null }
      return await this.#prove(source, attempt, request)
    } finally {
      tokens.forget()
    }
  }

  /**
   * A tenant's application is made by one attempt at a time, whichever daemon works on it: each looks
   * at what the one before has connected, and none replaces a key that another has just made.
   */
  async #takeTurn(id: string, tenantId: string): Promise<void> {
    const untilMs = performance.now() + TURN_MS
    while (!(await this.#parts.attempts.takeTurn(id, tenantId))) {
      if (performance.now() > untilMs)
        throw new SourceError(
          'SOURCE_REFUSED',
          'another attempt has been connecting this tenant for minutes: look what becomes of it, and begin again',
        )
      await this.#report(id, 'waiting: another attempt is connecting this tenant')
      await sleep(PAUSE_MS, undefined, { signal: this.#stopping.signal })
    }
  }

  async #refuseOther(tenantId: string, { tenant }: DeviceRequest): Promise<void> {
    if (tenant !== null && tenant.toLowerCase() !== tenantId.toLowerCase())
      throw new SourceError(
        'SOURCE_REFUSED',
        `the administrator is one of another tenant, ${tenantId}`,
      )
    const known = await this.#parts.sources.findTenant(tenantId)
    if (known === null) return
    throw new DirectoryError(
      'DIRECTORY_REFUSED',
      `the tenant is connected already, as ${known}; nothing was made`,
    )
  }

  /** Until the tenant has heard of its new application, key and permissions, all of it is refused. */
  async #prove(
    source: NewMicrosoft365Source,
    { id, actor }: Attempt,
    { tier, extras }: DeviceRequest,
  ): Promise<string> {
    const { signal } = this.#stopping
    const untilMs = performance.now() + PATIENCE_MS
    for (;;) {
      try {
        const options = { actor, signal, tier, extras }
        return (await this.#parts.sources.connectMicrosoft365(source, options)).id
      } catch (error) {
        const isRefused = error instanceof SourceError && error.code === 'SOURCE_REFUSED'
        if (!isRefused || performance.now() > untilMs) throw error
        await this.#report(
          id,
          `signing in as the application; not yet: ${printable(error.message)}`,
        )
        await sleep(PAUSE_MS, undefined, { signal })
      }
    }
  }

  async #report(id: string, step: string): Promise<void> {
    if (await this.#parts.attempts.report(id, step, WORK_MS)) return
    throw new SourceError('SOURCE_REFUSED', 'it took too long: begin again')
  }
}

interface Job {
  readonly attempt: Attempt
  readonly code: DeviceCode
  readonly client: DeviceClient
  readonly request: DeviceRequest
}

function scopesOf(tier: Tier): readonly string[] {
  return DIRECTORY_ROLES[tier] === undefined ? SCOPES : [...SCOPES, ROLE_SCOPE]
}
