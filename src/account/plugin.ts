import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { AppPasswords } from '../credentials/app-passwords.ts'
import type { Authenticator } from '../credentials/authenticate.ts'
import type { NetworkPasswords } from '../credentials/network-passwords.ts'
import type { Passkeys } from '../credentials/passkeys.ts'
import type { PasswordSet, PasswordSetter } from '../credentials/password-setter.ts'
import type { SecondFactors } from '../credentials/second-factors.ts'
import type { Credential } from '../directory/credential.ts'
import type { Directory } from '../directory/directory.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import type { Written } from '../directory/ports/people.ts'
import { AppPasswordPages } from './app-passwords.ts'
import {
  BadForm,
  forget,
  formOf,
  Gone,
  isUnavailable,
  POLICY,
  redirect,
  refuseForeign,
  SignedOut,
  show,
} from './exchange.ts'
import { Form, readForm } from './form.ts'
import type { LinkStore } from './link.ts'
import { MicrosoftPages, type MicrosoftParts } from './microsoft.ts'
import { NetworkPasswordPages } from './network-password.ts'
import { donePage, errorPage, homePage, type Link, passwordPage, startPage } from './pages.ts'
import { PasskeyPages } from './passkeys.ts'
import { SecondFactorPages } from './second-factor.ts'
import { SignInPages } from './sign-in.ts'
import { STYLE } from './style.ts'
import { isFormOf, type Sealer, type Ticket } from './ticket.ts'
import { readMember, readVisitor } from './visitor.ts'

const TIMEOUT_MS = 60_000
const NO_LINK =
  'This link is not good, or not any more: it works once and for a limited time, and a newer one takes its place. Ask your administrator for another.'
const BUSY =
  'Your password is being set at this moment, perhaps from another window. Try again in a minute.'
const PASSKEY: Link = { href: '/account/passkey', label: 'Sign in with a passkey' }
const SIGN_IN_AGAIN = 'You were not signed in for long enough. Sign in again.'

/** No address of ours goes to others, and nothing of it is kept. */
const HEADERS = {
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
} as const

export interface AccountParts {
  readonly directory: Directory
  readonly authenticator: Authenticator
  readonly setter: Pick<PasswordSetter, 'set' | 'policy'>
  readonly links: LinkStore
  readonly sealer: Sealer
  readonly appPasswords: AppPasswords
  readonly networkPasswords: NetworkPasswords
  readonly secondFactors: SecondFactors
  readonly passkeys: Passkeys
  /** Her primary password; null where she has none. */
  readonly primaryOf: (id: PrincipalId) => Credential | null
  /** Signing in elsewhere, where a source allows it. */
  readonly microsoft: Pick<MicrosoftParts, 'signIns' | 'origin' | 'events' | 'isStale'>
  /** Where her password goes beside here, in words; null for nowhere. */
  readonly pushedTo: (person: Person) => Promise<string | null>
  /** Resolves once the write shows here. */
  readonly reached: (written: Written) => Promise<void>
  readonly onFault: (id: string, error: unknown) => void
  readonly nowMs?: () => number
}

/** The pages on which people see to their own account, under /account. Plain HTML; passkeys alone need a script. */
export function accountPlugin(parts: AccountParts): FastifyPluginAsync {
  return async (app) => {
    await app.register(
      async (scope) => {
        new AccountPages(parts).serve(scope)
      },
      { prefix: '/account' },
    )
  }
}

class AccountPages {
  readonly #parts: AccountParts
  readonly #microsoft: MicrosoftPages

  constructor(parts: AccountParts) {
    this.#parts = parts
    this.#microsoft = new MicrosoftPages({ ...parts, ...parts.microsoft })
  }

  serve(app: FastifyInstance): void {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/x-www-form-urlencoded', (_request, body, done) => {
      readForm(body).then(
        (form) => (form === null ? done(new BadForm()) : done(null, form)),
        (error: unknown) => done(error as Error),
      )
    })
    app.addHook('onSend', async (_request, reply) => {
      reply.headers(HEADERS)
      if (!reply.hasHeader('content-security-policy'))
        reply.header('content-security-policy', POLICY)
    })
    app.addHook('preHandler', async (request) => {
      if (request.method === 'POST') refuseForeign(request)
    })
    app.addHook('onResponse', async ({ body }) => {
      if (body instanceof Form) body.wipe()
    })
    app.setErrorHandler((error, request, reply) => this.#showError(error, request, reply))
    app.setNotFoundHandler((_request, reply) =>
      show(
        reply.code(404),
        errorPage({ title: 'No such page', message: 'There is nothing here.' }),
      ),
    )
    app.get('/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE))
    app.get('/', async (_request, reply) => show(reply, startPage(await this.#otherWays())))
    new SignInPages({
      ...this.#parts,
      isStale: this.#parts.microsoft.isStale,
      otherWays: () => this.#otherWays(),
    }).serve(app)
    app.get('/home', (request, reply) => this.#showHome(request, reply))
    this.#microsoft.serve(app)
    app.get('/password', (request, reply) => this.#askForPassword(request, reply))
    app.post('/password', (request, reply) => this.#setPassword(request, reply))
    new AppPasswordPages(this.#parts).serve(app)
    new NetworkPasswordPages(this.#parts).serve(app)
    const { isStale, events } = this.#parts.microsoft
    new PasskeyPages({ ...this.#parts, isStale, events }).serve(app)
    new SecondFactorPages({ ...this.#parts, isStale }).serve(app)
    app.get('/done', (_request, reply) => show(reply, donePage()))
    app.post('/sign-out', (_request, reply) => redirect(forget(reply), '/account'))
  }

  /** A passkey first: for whoever has one nothing is quicker, or safer. */
  async #otherWays(): Promise<readonly Link[]> {
    const links = await this.#microsoft.links()
    return this.#parts.passkeys.areAvailable ? [PASSKEY, ...links] : links
  }

  #showHome(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { person } = readMember(this.#parts, request)
    return show(
      reply,
      homePage(person.username, {
        hasNetworkPasswords: this.#parts.networkPasswords.areAllowed,
        hasPasskeys: this.#parts.passkeys.areAvailable,
      }),
    )
  }

  async #askForPassword(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { ticket, person } = readVisitor(this.#parts, request)
    return this.#showForm(reply, { ticket, person })
  }

  async #setPassword(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { ticket, person } = readVisitor(this.#parts, request)
    const form = formOf(request)
    if (!isFormOf(ticket, form.bytes('form'))) throw new SignedOut()
    if (!form.bytes('new').equals(form.bytes('again')))
      return this.#showForm(reply.code(422), { ticket, person, isDifferent: true })
    const set = await this.#parts.setter.set(
      {
        person,
        password: form.bytes('new'),
        isTemporary: false,
        proof: ticket.proof,
        key: `account|${request.ip}`,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
      { name: `person:${person.username}`, reason: ticket.how },
    )
    return this.#conclude(reply, { ticket, person, set })
  }

  async #conclude(
    reply: FastifyReply,
    { ticket, person, set }: { ticket: Ticket; person: Person; set: PasswordSet },
  ): Promise<FastifyReply> {
    switch (set.kind) {
      case 'set':
        await this.#parts.reached(set.written)
        return redirect(forget(reply), '/account/done')
      case 'refused': {
        const faults = set.faults.map(({ message }) => message)
        return this.#showForm(reply.code(422), { ticket, person, faults })
      }
      case 'not-pushed':
        return this.#showForm(reply.code(422), { ticket, person, message: set.message })
      case 'unknown':
        // Told without a look at the database, which may be what was missing.
        return this.#showForm(reply.code(502), {
          ticket,
          person,
          message: set.message,
          pushedTo: null,
        })
      case 'busy':
        return this.#showForm(reply.code(409), { ticket, person, message: BUSY })
      case 'stale':
        forget(reply)
        throw ticket.proof.by === 'link' ? new Gone() : new SignedOut()
    }
  }

  async #showForm(
    reply: FastifyReply,
    parts: {
      readonly ticket: Ticket
      readonly person: Person
      readonly message?: string
      readonly faults?: readonly string[]
      readonly isDifferent?: boolean
      readonly pushedTo?: string | null
    },
  ): Promise<FastifyReply> {
    const { ticket, person, message = null, faults = [], isDifferent = false } = parts
    const pushedTo =
      parts.pushedTo === undefined ? await this.#parts.pushedTo(person) : parts.pushedTo
    const { formToken } = ticket
    const { username } = person
    const { policy } = this.#parts.setter
    return show(
      reply,
      passwordPage({ username, formToken, policy, pushedTo, message, faults, isDifferent }),
    )
  }

  #showError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (error instanceof SignedOut) {
      return request.method === 'GET'
        ? redirect(forget(reply), '/account')
        : show(
            forget(reply).code(403),
            errorPage({ title: 'Sign in again', message: SIGN_IN_AGAIN }),
          )
    }
    if (error instanceof Gone)
      return show(reply.code(410), errorPage({ title: 'The link is not good', message: NO_LINK }))
    if (isUnavailable(error)) {
      const message = 'This cannot be done just now. Nothing was changed. Try again in a minute.'
      return show(
        reply.code(503).header('retry-after', 60),
        errorPage({ title: 'Not just now', message }),
      )
    }
    const { statusCode: status = 500, message } = error as { statusCode?: number; message: string }
    if (status < 500)
      return show(reply.code(status), errorPage({ title: 'That did not work', message }))
    this.#parts.onFault(request.id, error)
    return show(
      reply.code(500),
      errorPage({
        title: 'That did not work',
        message: 'The fault is ours. Try again, and tell your administrator if it comes again.',
        id: request.id,
      }),
    )
  }
}
