import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AuthenticationUnavailable, type Authenticator } from '../credentials/authenticate.ts'
import type { Checked, SecondFactors } from '../credentials/second-factors.ts'
import type { Person } from '../directory/person.ts'
import { checkPassword } from './check-password.ts'
import { formOf, Gone, keep, redirect, SignedOut, show, welcome } from './exchange.ts'
import { digestLinkToken, type LinkStore } from './link.ts'
import { activatePage, type Link, signInPage } from './pages.ts'
import { codePage } from './second-factor-pages.ts'
import { isFormOf, type Ticket } from './ticket.ts'
import { mustBeChanged, readVisitor, type VisitorParts } from './visitor.ts'

const NO_SIGN_IN =
  'User name and password do not belong together, or the account may not be used now.'

export interface SignInParts extends VisitorParts {
  readonly authenticator: Authenticator
  readonly links: LinkStore
  readonly secondFactors: SecondFactors
  /** Where else she can sign in. */
  readonly otherWays: () => Promise<readonly Link[]>
  /** What is known here is too old to say yes. */
  readonly isStale: () => boolean
}

/** The ways in that begin here, by a link or a password, and the code that may be asked for after. */
export class SignInPages {
  readonly #parts: SignInParts

  constructor(parts: SignInParts) {
    this.#parts = parts
  }

  serve(app: FastifyInstance): void {
    app.get('/activate', (request, reply) => this.#askToActivate(request, reply))
    app.post('/activate', (request, reply) => this.#activate(request, reply))
    app.get('/sign-in', (_request, reply) => this.#askToSignIn(reply, '', null))
    app.post('/sign-in', (request, reply) => this.#signIn(request, reply))
    app.get('/sign-in/code', (request, reply) => this.#askForCode(request, reply))
    app.post('/sign-in/code', (request, reply) => this.#takeCode(request, reply))
  }

  #askToActivate(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { token } = request.query as { readonly token?: unknown }
    if (typeof token !== 'string' || digestLinkToken(token) === null) throw new Gone()
    return show(reply, activatePage(token))
  }

  async #activate(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const digest = digestLinkToken(formOf(request).text('token'))
    const link = digest === null ? null : await this.#parts.links.find(digest)
    const person = link === null ? null : this.#parts.directory.entryById(link.principalId)?.value
    if (link === null || person?.kind !== 'person') throw new Gone()
    const proof = { by: 'link', linkId: link.id, hasSecondFactor: false } as const
    return this.#arrive(reply, person, { proof, how: 'activation link' })
  }

  async #askToSignIn(
    reply: FastifyReply,
    username: string,
    message: string | null,
  ): Promise<FastifyReply> {
    const links = await this.#parts.otherWays()
    return show(reply, signInPage({ username, message, links }))
  }

  async #signIn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = formOf(request)
    const name = form.text('username').trim()
    const typed = { name, password: form.bytes('password'), address: request.ip }
    const who = await checkPassword(this.#parts.authenticator, typed)
    if (who === null) return this.#askToSignIn(reply.code(403), name, NO_SIGN_IN)
    const credentialVersion = this.#parts.primaryOf(who.id)?.version ?? null
    const proof = { by: 'sign-in', credentialVersion, hasSecondFactor: false } as const
    return this.#arrive(reply, who, { proof, how: 'password' })
  }

  /** Whoever has a second factor is asked for it; a link replaces a password, and nothing more. */
  async #arrive(
    reply: FastifyReply,
    person: Person,
    first: Pick<Ticket, 'proof' | 'how'>,
  ): Promise<FastifyReply> {
    const proven = { ...first, principalId: person.id }
    if ((await this.#parts.secondFactors.find(person)) === null) return this.#admit(reply, proven)
    const kept = keep(reply, proven, { ...this.#proving(), stage: 'arrival' })
    return redirect(kept, '/account/sign-in/code')
  }

  #askForCode(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { ticket } = readVisitor(this.#parts, request, 'arrival')
    return show(reply, codePage(ticket.formToken, null))
  }

  async #takeCode(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { ticket, person } = readVisitor(this.#parts, request, 'arrival')
    const form = formOf(request)
    if (!isFormOf(ticket, form.bytes('form'))) throw new SignedOut()
    if (this.#parts.isStale()) throw new AuthenticationUnavailable('stale')
    const from = { address: request.ip }
    const checked = await this.#parts.secondFactors.check(person, form.text('code'), from)
    if (!checked.ok) {
      const message = wordsForCode(checked.why)
      return show(reply.code(403), codePage(ticket.formToken, message))
    }
    const { principalId, proof } = ticket
    const how = `${firstOf(ticket)} and ${checked.by}` as const
    return this.#admit(reply, { principalId, proof: { ...proof, hasSecondFactor: true }, how })
  }

  #admit(reply: FastifyReply, proven: Pick<Ticket, 'principalId' | 'proof' | 'how'>): FastifyReply {
    const { nowMs, sealer } = this.#proving()
    const isToChange =
      proven.proof.by === 'link' || mustBeChanged(this.#parts.primaryOf(proven.principalId), nowMs)
    const to = isToChange ? '/account/password' : '/account/home'
    return welcome(reply, proven, { to, sealer, nowMs })
  }

  #proving() {
    return { sealer: this.#parts.sealer, nowMs: (this.#parts.nowMs ?? Date.now)() }
  }
}

function firstOf({ proof }: Ticket): 'activation link' | 'password' {
  return proof.by === 'link' ? 'activation link' : 'password'
}

/** @throws {SignedOut} for whose second factor is gone by now: she begins again without */
export function wordsForCode(why: Extract<Checked, { ok: false }>['why']): string {
  switch (why) {
    case 'code-missing':
      return 'Type the code that the app shows now.'
    case 'wrong-code':
      return 'That is not the code. Type the one the app shows now; if none is right, see to it that the clock of your phone is.'
    case 'spent-code':
      return 'That code was used already. Wait until the app shows the next one.'
    case 'backing-off':
      return 'There were several wrong codes. Wait a minute, and try again.'
    case 'locked-out':
      return 'There were too many wrong codes. Try again in half an hour, or ask your administrator.'
    case 'no-factor':
      throw new SignedOut()
  }
}
