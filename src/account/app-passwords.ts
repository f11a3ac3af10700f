import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AppPasswords } from '../credentials/app-passwords.ts'
import type { AppPasswordUse } from '../directory/credential.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { Written } from '../directory/ports/people.ts'
import { type AppPasswordWishes, appPasswordsPage, madePage } from './app-password-pages.ts'
import { redirect, SignedOut, show } from './exchange.ts'
import type { Form } from './form.ts'
import { entitled, type Member, readMember, readMemberForm, type VisitorParts } from './visitor.ts'

const PATH = '/account/app-passwords'
const DAY_MS = 24 * 60 * 60 * 1_000
const MAX_DAYS = 3_650
const NO_WISHES: AppPasswordWishes = { name: '', uses: [], days: '', fault: null }

export interface AppPasswordParts extends VisitorParts {
  readonly appPasswords: AppPasswords
  /** Resolves once the write shows here. */
  readonly reached: (written: Written) => Promise<void>
}

/** Where people make, see and revoke their app passwords. */
export class AppPasswordPages {
  readonly #parts: AppPasswordParts

  constructor(parts: AppPasswordParts) {
    this.#parts = parts
  }

  serve(app: FastifyInstance): void {
    app.get('/app-passwords', (request, reply) =>
      this.#list(reply, readMember(this.#parts, request), NO_WISHES),
    )
    app.post('/app-passwords', (request, reply) => this.#make(request, reply))
    app.post('/app-passwords/revoke', (request, reply) => this.#revoke(request, reply))
  }

  async #list(
    reply: FastifyReply,
    { person, ticket }: Member,
    wishes: AppPasswordWishes,
  ): Promise<FastifyReply> {
    const { appPasswords } = this.#parts
    const listed = await appPasswords.listFor(person)
    const shown = listed.map((one) => ({ ...one, clientName: appPasswords.clientNameOf(one) }))
    const { formToken } = ticket
    return show(reply, appPasswordsPage({ shown, wishes, formToken }))
  }

  async #make(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { member, form } = readMemberForm(this.#parts, request)
    const wishes = readWishes(form)
    const days = readDays(wishes.days)
    if (days === 'none')
      return this.#list(reply.code(422), member, {
        ...wishes,
        fault: `days are a whole number from 1 to ${MAX_DAYS}; leave them out for no end`,
      })
    const nowMs = (this.#parts.nowMs ?? Date.now)()
    const expiresAtMs = days === null ? null : nowMs + days * DAY_MS
    try {
      const wish = { name: wishes.name, uses: wishes.uses, client: null, expiresAtMs }
      const made = await this.#parts.appPasswords.make(member.person, wish, entitled(member))
      if (made === null) throw new SignedOut()
      await this.#parts.reached(made.written)
      const { username } = member.person
      const { password } = made
      return show(reply, madePage({ username, name: wishes.name, password, uses: wishes.uses }))
    } catch (error) {
      const fault = faultOf(error)
      if (fault === null) throw error
      return this.#list(reply.code(422), member, { ...wishes, fault })
    }
  }

  async #revoke(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { member, form } = readMemberForm(this.#parts, request)
    const by = entitled(member)
    const revoked = await this.#parts.appPasswords.revoke(member.person, form.text('id'), by)
    if (revoked === null) throw new SignedOut()
    await this.#parts.reached(revoked)
    return redirect(reply, PATH)
  }
}

function readWishes(form: Form): AppPasswordWishes {
  const uses: AppPasswordUse[] = []
  for (const use of ['ldap', 'radius'] as const) if (form.text(use) !== '') uses.push(use)
  return { name: form.text('name').trim(), uses, days: form.text('days').trim(), fault: null }
}

/** Null where she gave none. */
function readDays(text: string): number | null | 'none' {
  if (text === '') return null
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return days < 1 || days > MAX_DAYS ? 'none' : days
}

/** What she can mend herself, in words; null for all else. */
function faultOf(error: unknown): string | null {
  if (!(error instanceof DirectoryError)) return null
  return error.code === 'DIRECTORY_REFUSED' || error.code === 'DIRECTORY_CONFLICT'
    ? error.message
    : null
}
