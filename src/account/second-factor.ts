import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AuthenticationUnavailable, type Authenticator } from '../credentials/authenticate.ts'
import type { SecondFactors } from '../credentials/second-factors.ts'
import { makeTotpSecret, totpAddress, writeTotpSecret } from '../credentials/totp.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Written } from '../directory/ports/people.ts'
import { checkPassword } from './check-password.ts'
import { keep, redirect, SignedOut, show } from './exchange.ts'
import type { Form } from './form.ts'
import { PATH, recoveryCodesPage, secondFactorPage, setUpPage } from './second-factor-pages.ts'
import { wordsForCode } from './sign-in.ts'
import { entitled, type Member, readMember, readMemberForm, type VisitorParts } from './visitor.ts'

/** To find the phone, and an app for it. */
const KEY_MS = 15 * 60_000
const PURPOSE = 'totp'
const WRONG_CODE =
  'That is not the code for this key. Scan it again, and type what the app shows then; the clock of your phone has to be right.'
const WRONG_PASSWORD = 'That is not your password. Nothing was changed.'

export interface SecondFactorParts extends VisitorParts {
  readonly secondFactors: SecondFactors
  readonly authenticator: Authenticator
  readonly isStale: () => boolean
  /** Resolves once the write shows here. */
  readonly reached: (written: Written) => Promise<void>
}

/** A key on its way through her browser: it is stored once her app has shown a code of it. */
interface SealedKey {
  readonly principalId: PrincipalId
  readonly key: string
  readonly expiresAtMs: number
}

/** Where people set up an authenticator app, and remove it. */
export class SecondFactorPages {
  readonly #parts: SecondFactorParts

  constructor(parts: SecondFactorParts) {
    this.#parts = parts
  }

  serve(app: FastifyInstance): void {
    app.get('/second-factor', (request, reply) =>
      this.#show(reply, readMember(this.#parts, request), null),
    )
    app.get('/second-factor/new', (request, reply) => this.#begin(request, reply))
    app.post('/second-factor/new', (request, reply) => this.#add(request, reply))
    app.post('/second-factor/recovery-codes', (request, reply) => this.#renew(request, reply))
    app.post('/second-factor/remove', (request, reply) => this.#remove(request, reply))
  }

  async #show(
    reply: FastifyReply,
    { person, ticket }: Member,
    message: string | null,
  ): Promise<FastifyReply> {
    const totp = await this.#parts.secondFactors.find(person)
    const { username } = person
    return show(reply, secondFactorPage({ username, totp, formToken: ticket.formToken, message }))
  }

  async #begin(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const member = readMember(this.#parts, request)
    if ((await this.#parts.secondFactors.find(member.person)) !== null) return redirect(reply, PATH)
    return this.#showKey(reply, member, makeTotpSecret(), null)
  }

  async #add(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { member, form } = readMemberForm(this.#parts, request)
    const secret = this.#openKey(member, form.text('key'))
    if (secret === null) return redirect(reply, `${PATH}/new`)
    const code = form.text('code')
    const { secondFactors, sealer } = this.#parts
    const added = await secondFactors.add(member.person, { secret, code }, entitled(member))
    if (added === null) return this.#showKey(reply.code(422), member, secret, WRONG_CODE)
    secret.fill(0)
    if (added === 'stale') throw new SignedOut()
    await this.#parts.reached(added.written)
    // She has proven both by now, and goes on with that.
    const { principalId, proof } = member.ticket
    const proven = { principalId, proof: { ...proof, hasSecondFactor: true } }
    const how = 'password and code'
    keep(reply, { ...proven, how }, { sealer, nowMs: this.#now(), stage: 'ticket' })
    return show(reply, recoveryCodesPage(added.codes))
  }

  async #renew(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { member, form } = readMemberForm(this.#parts, request)
    const fault = await this.#faultOf(member, form, request.ip)
    if (fault !== null) return this.#show(reply.code(403), member, fault)
    const made = await this.#parts.secondFactors.makeRecoveryCodes(member.person, proven(member))
    if (made === null) throw new SignedOut()
    await this.#parts.reached(made.written)
    return show(reply, recoveryCodesPage(made.codes))
  }

  async #remove(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { member, form } = readMemberForm(this.#parts, request)
    const fault = await this.#faultOf(member, form, request.ip)
    if (fault !== null) return this.#show(reply.code(403), member, fault)
    const removed = await this.#parts.secondFactors.remove(member.person, proven(member))
    if (removed === null) throw new SignedOut()
    await this.#parts.reached(removed)
    return redirect(reply, PATH)
  }

  /** Password and code once more, the password first: a code is used up by it. Null for both right. */
  async #faultOf({ person }: Member, form: Form, address: string): Promise<string | null> {
    const typed = { name: person.username, password: form.bytes('password'), address }
    const whose = await checkPassword(this.#parts.authenticator, typed)
    if (whose?.id !== person.id) return WRONG_PASSWORD
    if (this.#parts.isStale()) throw new AuthenticationUnavailable('stale')
    const { secondFactors } = this.#parts
    const checked = await secondFactors.check(person, form.text('code'), { address })
    return checked.ok ? null : wordsForCode(checked.why)
  }

  #showKey(
    reply: FastifyReply,
    { person, ticket }: Member,
    secret: Buffer,
    message: string | null,
  ): FastifyReply {
    const { sealer, directory } = this.#parts
    const issuer = directory.settings.organization ?? 'Gatehouse'
    const address = totpAddress(secret, { issuer, username: person.username })
    const sealed: SealedKey = {
      principalId: person.id,
      key: secret.toString('base64'),
      expiresAtMs: this.#now() + KEY_MS,
    }
    const sealedKey = sealer.seal(JSON.stringify(sealed), PURPOSE)
    const key = writeTotpSecret(secret)
    secret.fill(0)
    const { formToken } = ticket
    return show(reply, setUpPage({ address, key, sealedKey, formToken, message }))
  }

  /** Null for one that is not hers, or too old. */
  #openKey({ person }: Member, text: string): Buffer | null {
    const opened = this.#parts.sealer.open(text, PURPOSE)
    if (opened === null) return null
    const { principalId, key, expiresAtMs } = JSON.parse(opened) as SealedKey
    if (principalId !== person.id || expiresAtMs <= this.#now()) return null
    return Buffer.from(key, 'base64')
  }

  #now(): number {
    return (this.#parts.nowMs ?? Date.now)()
  }
}

/** As {@link entitled}, for whoever has just proven a code as well. */
function proven(member: Member) {
  const by = entitled(member)
  return { ...by, proof: { ...by.proof, hasSecondFactor: true } }
}
