import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { equalConstantTime } from '../../protocols/wire/index.ts'
import { decide } from '../access/decide.ts'
import { AuthenticationUnavailable } from '../credentials/authenticate.ts'
import type { Credential } from '../directory/credential.ts'
import type { Directory } from '../directory/directory.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { AuthEventSink } from '../observe/auth-event.ts'
import { cookie, forgetCookie, readCookie, redirect, show, welcome } from './exchange.ts'
import { MICROSOFT, SIGN_IN_AGAIN, wordsFor } from './microsoft-words.ts'
import { Pace } from './pace.ts'
import { errorPage } from './pages.ts'
import type { Sealer } from './ticket.ts'

/** Time for a password, a second step, and a consent. */
const LIFE_MS = 10 * 60_000
const TIMEOUT_MS = 20_000
/** Exchanges with login services at a time, whoever asks. */
const MAX_AT_ONCE = 32
/** An office behind one address at nine o'clock; nobody signs in so often by herself. */
const MAX_PER_MINUTE = 60
/** A code of Entra's is some 1 to 2 KiB. */
const MAX_TEXT = 4_096
const MAX_NAME = 256
/** To be registered as it stands: Entra compares character for character. */
export const SIGN_IN_RETURN = '/account/microsoft/callback'
const PURPOSE = 'sign-in'
const SIGN_IN_COOKIE = '__Host-gatehouse-sign-in'

/** An attempt under way as its browser keeps it; what is more is the source's own. */
interface Begun {
  readonly state: string
  readonly startedAtMs: number
}

interface Named {
  readonly source: string
  readonly name: string
}

/** Signing in at the page of a source; what it keeps of an attempt is `B`. */
export interface MicrosoftSignIns<B extends Begun = Begun> {
  list(): Promise<readonly { readonly id: string; readonly name: string }[]>
  /** Null where people do not sign in there. */
  begin(
    sourceId: string,
    redirectUri: string,
  ): Promise<{ readonly begun: B; readonly url: string } | null>
  finish(
    begun: B,
    returned: { readonly code: string } | { readonly error: string; readonly description: string },
    signal: AbortSignal,
  ): Promise<
    | (Named & { readonly kind: 'known'; readonly principalId: PrincipalId })
    | (Named & {
        readonly kind: 'refused'
        readonly reason: string
        readonly principalId: PrincipalId | null
        readonly code: number | null
      })
    | { readonly kind: 'unavailable'; readonly source: string }
  >
}

export interface MicrosoftParts {
  readonly signIns: MicrosoftSignIns
  /** Where browsers come back to, without a path; null when nothing listens. */
  readonly origin: () => string | null
  readonly directory: Directory
  readonly sealer: Sealer
  readonly events: AuthEventSink
  /** What is known here is too old to say yes. */
  readonly isStale: () => boolean
  /** Her primary password; null where she has none. */
  readonly primaryOf: (id: PrincipalId) => Credential | null
  readonly nowMs?: () => number
}

/**
 * Signing in at Microsoft. State, nonce and verifier travel sealed in a cookie of the browser that
 * began, so that a stranger's request writes nothing here; it ends with the first way back, and the
 * code it belongs to is good once at Microsoft.
 */
export class MicrosoftPages {
  readonly #parts: MicrosoftParts
  readonly #nowMs: () => number
  readonly #pace = new Pace({ max: MAX_PER_MINUTE, windowMs: 60_000 })
  #underWay = 0

  constructor(parts: MicrosoftParts) {
    this.#parts = parts
    this.#nowMs = parts.nowMs ?? Date.now
  }

  serve(app: FastifyInstance): void {
    app.get('/microsoft/:source', (request, reply) => this.#begin(request, reply))
    app.get('/microsoft/callback', (request, reply) => this.#finish(request, reply))
  }

  /** Addresses are whole: the cookie has to come back to the host that gave it. */
  async links(): Promise<readonly { readonly href: string; readonly label: string }[]> {
    const origin = this.#parts.origin()
    if (origin === null) return []
    const sources = await this.#parts.signIns.list()
    return sources.map(({ id, name }) => ({
      href: `${origin}/account/microsoft/${id}`,
      label: sources.length === 1 ? MICROSOFT : `${MICROSOFT} (${name})`,
    }))
  }

  async #begin(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { source = '' } = request.params as { readonly source?: string }
    const origin = this.#parts.origin()
    const redirectUri = `${origin}${SIGN_IN_RETURN}`
    const begun = origin === null ? null : await this.#parts.signIns.begin(source, redirectUri)
    if (begun === null) return refuse(reply.code(404), 'sign-in-off', null)
    const sealed = this.#parts.sealer.seal(JSON.stringify(begun.begun), PURPOSE)
    const age = `Max-Age=${LIFE_MS / 1000}`
    reply.header('set-cookie', `${cookie(sealed, SIGN_IN_COOKIE)}; ${age}`)
    return redirect(reply, begun.url)
  }

  async #finish(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { state, code, error, error_description: description } = readQuery(request)
    const begun = this.#open(request, state)
    if (begun === null) return show(reply.code(400), errorPage(SIGN_IN_AGAIN))
    // Nothing was tried: the same way back is good a minute later.
    if (this.#underWay >= MAX_AT_ONCE || !this.#pace.take(request.ip, this.#nowMs()))
      return refuse(reply.code(429).header('retry-after', 60), 'too-many', null)
    // Whatever comes of it, it is over.
    forgetCookie(reply, SIGN_IN_COOKIE)
    if (this.#parts.isStale()) throw new AuthenticationUnavailable('stale')
    if (code === '' && error === '') return refuse(reply.code(400), 'sign-in-spent', null)
    const returned = error === '' ? { code } : { error, description }
    this.#underWay += 1
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const outcome = await this.#parts.signIns.finish(begun, returned, signal)
      return this.#conclude(request, reply, outcome)
    } finally {
      this.#underWay -= 1
    }
  }

  #conclude(
    request: FastifyRequest,
    reply: FastifyReply,
    outcome: Awaited<ReturnType<MicrosoftSignIns['finish']>>,
  ): FastifyReply {
    if (outcome.kind === 'unavailable') {
      this.#record(request, { ...outcome, reason: 'source-unavailable', name: '' })
      return refuse(reply.code(503).header('retry-after', 60), 'source-unavailable', null)
    }
    const { principalId } = outcome
    const reason = outcome.kind === 'refused' ? outcome.reason : this.#whyNot(outcome.principalId)
    this.#record(request, { ...outcome, reason })
    if (reason !== null || principalId === null) {
      const code = outcome.kind === 'refused' ? outcome.code : null
      return refuse(reply.code(403), reason ?? '', code)
    }
    const credentialVersion = this.#parts.primaryOf(principalId)?.version ?? null
    // Whether one more thing was asked for there is the tenant's to decide.
    const proof = { by: 'sign-in', credentialVersion, hasSecondFactor: true } as const
    const proven = { principalId, proof, how: 'Microsoft 365' } as const
    const { sealer } = this.#parts
    return welcome(reply, proven, { to: '/account/password', sealer, nowMs: this.#nowMs() })
  }

  /** Decided when she comes back: much may have become of her since she left. */
  #whyNot(principalId: PrincipalId): string | null {
    const entry = this.#parts.directory.entryById(principalId)
    if (entry?.value.kind !== 'person') return 'not-linked'
    const decision = decide(this.#parts.directory, entry, { kind: 'account' })
    return decision.ok ? null : decision.denial
  }

  /** Null for a state that is nobody's, another browser's, or too old. */
  #open(request: FastifyRequest, state: string): Begun | null {
    const sealed = readCookie(request, SIGN_IN_COOKIE)
    const opened = sealed === null ? null : this.#parts.sealer.open(sealed, PURPOSE)
    if (opened === null) return null
    const begun = JSON.parse(opened) as Begun
    const isOurs = equalConstantTime(Buffer.from(state), Buffer.from(begun.state))
    return isOurs && begun.startedAtMs + LIFE_MS > this.#nowMs() ? begun : null
  }

  #record(
    request: FastifyRequest,
    ended: {
      readonly kind: 'known' | 'refused' | 'unavailable'
      readonly reason: string | null
      readonly name: string
      readonly source: string
      readonly principalId?: PrincipalId | null
      readonly code?: number | null
    },
  ): void {
    const { reason, name, source, principalId = null, code = null } = ended
    const failed = ended.kind === 'unavailable' ? 'unavailable' : 'denied'
    this.#parts.events.record({
      atMs: this.#nowMs(),
      outcome: reason === null ? 'success' : failed,
      reason,
      resourceKind: 'account',
      resourceName: null,
      method: 'microsoft',
      principalId,
      name: name.slice(0, MAX_NAME),
      address: request.ip,
      device: null,
      detail: { source, ...(code === null ? {} : { code: `AADSTS${code}` }) },
    })
  }
}

function refuse(reply: FastifyReply, reason: string, code: number | null): FastifyReply {
  return show(reply, errorPage(wordsFor(reason, code)))
}

/** Of a name given twice, or with too long a value, nothing is taken. */
function readQuery({ query }: FastifyRequest) {
  const text = (name: string): string => {
    const value = (query as Readonly<Record<string, unknown>>)[name]
    return typeof value === 'string' && value.length <= MAX_TEXT ? value : ''
  }
  return {
    state: text('state'),
    code: text('code'),
    error: text('error'),
    error_description: text('error_description'),
  }
}
