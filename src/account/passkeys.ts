import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { decide } from '../access/decide.ts'
import { AuthenticationUnavailable } from '../credentials/authenticate.ts'
import type { Challenge, Passkeys } from '../credentials/passkeys.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Written } from '../directory/ports/people.ts'
import type { AuthEventSink } from '../observe/auth-event.ts'
import {
  addCookie,
  cookie,
  forgetCookie,
  formOf,
  readCookie,
  redirect,
  SignedOut,
  show,
  showWithScript,
  welcome,
} from './exchange.ts'
import { Pace } from './pace.ts'
import { errorPage } from './pages.ts'
import { PASSKEYS, passkeySignInPage, passkeysPage } from './passkey-pages.ts'
import { PASSKEY_SCRIPT } from './passkey-script.ts'
import {
  entitled,
  type Member,
  mustBeChanged,
  readMember,
  readMemberForm,
  type VisitorParts,
} from './visitor.ts'

/** To find the security key; a page left open longer is asked for anew. */
const CHALLENGE_MS = 5 * 60_000
const MAX_PER_MINUTE = 60
const PURPOSE = 'passkey'
const COOKIE = '__Host-gatehouse-passkey'
const NOT_TAKEN =
  'That passkey did not sign you in. It may not be registered here, or the page was open for too long. Try again, or sign in in another way.'
const NOT_REGISTERED = 'the browser gave no answer to this page; open it anew and try again'

/** A challenge on its way through the browser that was asked; for a sign-in it names nobody. */
interface Asked extends Challenge {
  readonly principalId: PrincipalId | null
}

export interface PasskeyParts extends VisitorParts {
  readonly passkeys: Passkeys
  readonly events: AuthEventSink
  readonly isStale: () => boolean
  /** Resolves once the write shows here. */
  readonly reached: (written: Written) => Promise<void>
}

/** Signing in with a passkey, and where people add and remove theirs. */
export class PasskeyPages {
  readonly #parts: PasskeyParts
  readonly #pace = new Pace({ max: MAX_PER_MINUTE, windowMs: 60_000 })

  constructor(parts: PasskeyParts) {
    this.#parts = parts
  }

  serve(app: FastifyInstance): void {
    app.get('/passkey.js', (_request, reply) =>
      reply.type('text/javascript; charset=utf-8').send(PASSKEY_SCRIPT),
    )
    app.get('/passkey', (_request, reply) => this.#ask(reply, null))
    app.post('/passkey', (request, reply) => this.#signIn(request, reply))
    app.get('/passkeys', (request, reply) =>
      this.#list(reply, readMember(this.#parts, request), { name: '', fault: null }),
    )
    app.post('/passkeys', (request, reply) => this.#add(request, reply))
    app.post('/passkeys/remove', (request, reply) => this.#remove(request, reply))
  }

  async #ask(reply: FastifyReply, message: string | null): Promise<FastifyReply> {
    const options = await this.#parts.passkeys.beginSignIn()
    if (options === null) return redirect(reply, '/account')
    this.#remember(reply, options.challenge, null)
    return showWithScript(reply, passkeySignInPage(JSON.stringify(options), message))
  }

  async #signIn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = formOf(request)
    if (!this.#pace.take(request.ip, this.#now())) return tooMany(reply)
    if (this.#parts.isStale()) throw new AuthenticationUnavailable('stale')
    const asked = this.#recall(request, null)
    if (asked === null) return this.#ask(reply.code(403), NOT_TAKEN)
    const answer = await this.#parts.passkeys.signIn(form.text('response'), asked)
    const why = answer.ok ? this.#whyNot(answer.principalId) : answer.why
    this.#record(request, answer.principalId, why)
    if (!answer.ok || why !== null) return this.#ask(reply.code(403), NOT_TAKEN)
    const { principalId, passkeyId } = answer
    const primary = this.#parts.primaryOf(principalId)
    const credentialVersion = primary?.version ?? null
    const proof = { by: 'sign-in', credentialVersion, hasSecondFactor: true, passkeyId } as const
    const nowMs = this.#now()
    const to = mustBeChanged(primary, nowMs) ? '/account/password' : '/account/home'
    forgetCookie(reply, COOKIE)
    const { sealer } = this.#parts
    return welcome(reply, { principalId, proof, how: 'passkey' }, { to, sealer, nowMs })
  }

  async #list(
    reply: FastifyReply,
    { person, ticket }: Member,
    typed: { readonly name: string; readonly fault: string | null },
  ): Promise<FastifyReply> {
    const { passkeys, directory } = this.#parts
    const organization = directory.settings.organization ?? 'Gatehouse'
    const options = await passkeys.beginRegistration(person, organization)
    if (options === null) return redirect(reply, '/account/home')
    this.#remember(reply, options.challenge, person.id)
    const shown = {
      ...typed,
      passkeys: await passkeys.listFor(person),
      options: JSON.stringify(options),
      formToken: ticket.formToken,
    }
    return showWithScript(reply, passkeysPage(shown))
  }

  async #add(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { member, form } = readMemberForm(this.#parts, request)
    const name = form.text('name')
    const refuse = (fault: string) => this.#list(reply.code(422), member, { name, fault })
    const asked = this.#recall(request, member.person.id)
    if (asked === null) return refuse(NOT_REGISTERED)
    const answer = { name, response: form.text('response'), asked }
    try {
      const { passkeys, reached } = this.#parts
      const added = await passkeys.register(member.person, answer, entitled(member))
      if (added === null) return refuse(NOT_REGISTERED)
      if (added === 'stale') throw new SignedOut()
      await reached(added)
      return redirect(reply, PASSKEYS)
    } catch (error) {
      const isHers =
        error instanceof DirectoryError &&
        (error.code === 'DIRECTORY_REFUSED' || error.code === 'DIRECTORY_CONFLICT')
      if (isHers) return refuse(error.message)
      throw error
    }
  }

  async #remove(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { member, form } = readMemberForm(this.#parts, request)
    const id = form.text('id')
    const removed = await this.#parts.passkeys.remove(member.person, id, entitled(member))
    if (removed === null) throw new SignedOut()
    await this.#parts.reached(removed)
    return redirect(reply, PASSKEYS)
  }

  /** A passkey proves who she is, not that she may still come in. */
  #whyNot(principalId: PrincipalId): string | null {
    const entry = this.#parts.directory.entryById(principalId)
    if (entry?.value.kind !== 'person') return 'deleted'
    const decision = decide(this.#parts.directory, entry, { kind: 'account' })
    return decision.ok ? null : decision.denial
  }

  #remember(reply: FastifyReply, challenge: string, principalId: PrincipalId | null): void {
    const asked: Asked = { challenge, principalId, expiresAtMs: this.#now() + CHALLENGE_MS }
    const sealed = this.#parts.sealer.seal(JSON.stringify(asked), PURPOSE)
    addCookie(reply, `${cookie(sealed, COOKIE)}; Max-Age=${CHALLENGE_MS / 1000}`)
  }

  /** Null for one that was asked of another, or too long ago. */
  #recall(request: FastifyRequest, principalId: PrincipalId | null): Challenge | null {
    const sealed = readCookie(request, COOKIE)
    const opened = sealed === null ? null : this.#parts.sealer.open(sealed, PURPOSE)
    if (opened === null) return null
    const asked = JSON.parse(opened) as Asked
    return asked.principalId === principalId && asked.expiresAtMs > this.#now() ? asked : null
  }

  #record(request: FastifyRequest, principalId: PrincipalId | null, why: string | null): void {
    const value = principalId === null ? null : this.#parts.directory.entryById(principalId)?.value
    this.#parts.events.record({
      atMs: this.#now(),
      outcome: why === null ? 'success' : 'denied',
      reason: why,
      resourceKind: 'account',
      resourceName: null,
      method: 'passkey',
      principalId,
      name: value?.kind === 'person' ? value.username : '',
      address: request.ip,
      device: null,
      detail: null,
    })
  }

  #now(): number {
    return (this.#parts.nowMs ?? Date.now)()
  }
}

function tooMany(reply: FastifyReply): FastifyReply {
  const message = 'Somebody tries without end from where you are. Try again in a minute.'
  return show(
    reply.code(429).header('retry-after', 60),
    errorPage({ title: 'Too many at once', message }),
  )
}
