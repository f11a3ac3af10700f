import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthenticationUnavailable } from '../credentials/authenticate.ts'
import { DirectoryError } from '../directory/errors.ts'
import { Form } from './form.ts'
import { makeTicket, type Sealer, type Stage, sealTicket, type Ticket } from './ticket.ts'

export const COOKIES: Readonly<Record<Stage, string>> = {
  ticket: '__Host-gatehouse-account',
  arrival: '__Host-gatehouse-arrival',
}

/** Nothing is loaded but our own style; nobody frames us; forms stay here. */
export const POLICY =
  "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

/** Not signed in, or not any more. */
export class SignedOut extends Error {
  override readonly name = 'SignedOut'
}

/** The link is unknown, used, run out or void; nobody is told which. */
export class Gone extends Error {
  override readonly name = 'Gone'
}

export class BadForm extends Error {
  override readonly name = 'BadForm'
  readonly statusCode = 400

  constructor() {
    super('The form was too long or cut off. Go back and try again.')
  }
}

export class Foreign extends Error {
  override readonly name = 'Foreign'
  readonly statusCode = 403

  constructor() {
    super('The form came from another site, and was not looked at.')
  }
}

export function isUnavailable(error: unknown): boolean {
  return (
    error instanceof AuthenticationUnavailable ||
    (error instanceof DirectoryError && error.code === 'DIRECTORY_UNAVAILABLE')
  )
}

/**
 * Forms of ours come from pages of ours. With `no-referrer` browsers give no origin, and say where a
 * request comes from in Sec-Fetch-Site.
 *
 * @throws {Foreign}
 */
export function refuseForeign(request: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw new Foreign()
  if (origin === undefined || origin === 'null') return
  if (!URL.canParse(origin) || new URL(origin).host !== request.host) throw new Foreign()
}

export function formOf({ body }: FastifyRequest): Form {
  if (body instanceof Form) return body
  throw new BadForm()
}

export function readCookie(request: FastifyRequest, name: string): string | null {
  for (const pair of (request.headers.cookie ?? '').split('; ')) {
    const at = pair.indexOf('=')
    if (pair.slice(0, at) === name) return pair.slice(at + 1)
  }
  return null
}

/** Lax: it has to come along when another site, where she signed in, sends her back here. */
export function cookie(value: string, name: string): string {
  return `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax`
}

/** With the answer its browser lets go of everything somebody has proven. */
export function forget(reply: FastifyReply): FastifyReply {
  for (const name of Object.values(COOKIES)) forgetCookie(reply, name)
  return reply
}

export function forgetCookie(reply: FastifyReply, name: string): void {
  addCookie(reply, `${cookie('', name)}; Max-Age=0`)
}

/** Beside those that go with the same answer; of one name the last counts. */
export function addCookie(reply: FastifyReply, line: string): void {
  const name = `${line.slice(0, line.indexOf('='))}=`
  const before = [reply.getHeader('set-cookie') ?? []].flat().map(String)
  const others = before.filter((other) => !other.startsWith(name))
  reply.removeHeader('set-cookie').header('set-cookie', [...others, line])
}

interface Proving {
  readonly sealer: Sealer
  readonly nowMs: number
}

/** Keeps what she has proven in her browser: from here on she is let in, or asked for a code. */
export function keep(
  reply: FastifyReply,
  proven: Pick<Ticket, 'principalId' | 'proof' | 'how'>,
  { sealer, nowMs, stage }: Proving & { readonly stage: Stage },
): FastifyReply {
  const sealed = sealTicket(makeTicket(proven, { nowMs, stage }), sealer, stage)
  forget(reply)
  addCookie(reply, cookie(sealed, COOKIES[stage]))
  return reply
}

/** From here on she has proven who she is. */
export function welcome(
  reply: FastifyReply,
  proven: Pick<Ticket, 'principalId' | 'proof' | 'how'>,
  { to, ...proving }: Proving & { readonly to: '/account/password' | '/account/home' },
): FastifyReply {
  return redirect(keep(reply, proven, { ...proving, stage: 'ticket' }), to)
}

export function redirect(reply: FastifyReply, to: string): FastifyReply {
  return reply.redirect(to, 303)
}

/** Such a page may load a script of ours, and nothing else may. */
export function showWithScript(reply: FastifyReply, page: string): FastifyReply {
  return show(reply.header('content-security-policy', `${POLICY}; script-src 'self'`), page)
}

export function show(reply: FastifyReply, page: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(page)
}
