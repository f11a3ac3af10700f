import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { NetworkPasswords } from '../credentials/network-passwords.ts'
import type { NetworkPassword } from '../directory/ports/network-passwords.ts'
import type { Written } from '../directory/ports/people.ts'
import { redirect, SignedOut, show } from './exchange.ts'
import { type Html, html, page, timeOf } from './html.ts'
import { entitled, readMember, readMemberForm, type VisitorParts } from './visitor.ts'

const PATH = '/account/network-password'

export interface NetworkPasswordParts extends VisitorParts {
  readonly networkPasswords: NetworkPasswords
  /** Resolves once the write shows here. */
  readonly reached: (written: Written) => Promise<void>
}

/** Where people make and revoke their network password, if it is allowed at all. */
export class NetworkPasswordPages {
  readonly #parts: NetworkPasswordParts

  constructor(parts: NetworkPasswordParts) {
    this.#parts = parts
  }

  serve(app: FastifyInstance): void {
    app.get('/network-password', (request, reply) => this.#show(request, reply))
    app.post('/network-password', (request, reply) => this.#make(request, reply))
    app.post('/network-password/revoke', (request, reply) => this.#revoke(request, reply))
  }

  async #show(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { person, ticket } = readMember(this.#parts, request)
    const { networkPasswords } = this.#parts
    if (!networkPasswords.areAllowed) return redirect(reply, '/account/home')
    const found = await networkPasswords.find(person)
    return show(reply, networkPasswordPage(found, ticket.formToken))
  }

  async #make(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { member } = readMemberForm(this.#parts, request)
    if (!this.#parts.networkPasswords.areAllowed) return redirect(reply, '/account/home')
    const made = await this.#parts.networkPasswords.make(member.person, entitled(member))
    if (made === null) throw new SignedOut()
    await this.#parts.reached(made.written)
    return show(reply, madePage(member.person.username, made.password))
  }

  async #revoke(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { member } = readMemberForm(this.#parts, request)
    const revoked = await this.#parts.networkPasswords.revoke(member.person, entitled(member))
    if (revoked === null) throw new SignedOut()
    await this.#parts.reached(revoked)
    return redirect(reply, PATH)
  }
}

function networkPasswordPage(found: NetworkPassword | null, formToken: string): string {
  return page(
    'Network password',
    html`<p>For Wi-Fi and VPN on devices that cannot use your own password. It is good for nothing else.</p>
${found === null ? html`<p>You have none.</p>` : shown(found)}
<form method="post" action="${PATH}">
<input type="hidden" name="form" value="${formToken}">
<button type="submit">${found === null ? 'Make a network password' : 'Make another in its place'}</button>
</form>
${found === null ? null : revokeForm(formToken)}
<p><a href="/account/home">Back to your account</a></p>`,
  )
}

function shown({ createdAtMs, lastUse }: NetworkPassword): Html {
  return html`<p>Yours was made ${timeOf(createdAtMs)}. ${lastUse === null ? 'It has not been used yet.' : `Last used ${timeOf(lastUse.atMs)} from ${lastUse.address}.`}</p>`
}

function revokeForm(formToken: string): Html {
  return html`<form method="post" action="${PATH}/revoke">
<input type="hidden" name="form" value="${formToken}">
<button type="submit">Revoke it</button>
</form>`
}

/** The one time that it is seen. */
function madePage(username: string, password: string): string {
  return page(
    'Your network password',
    html`<p role="status">Type it into your device now, with your user name ${username}. It is shown this once; the one before it is no longer good.</p>
<p class="secret" aria-label="Network password">${password}</p>
<p><a class="button" href="${PATH}">Done</a></p>`,
  )
}
