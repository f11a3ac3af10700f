import type { FastifyRequest } from 'fastify'
import type { Credential } from '../directory/credential.ts'
import type { Directory } from '../directory/directory.ts'
import { canSignIn } from '../directory/hold.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import { COOKIES, formOf, readCookie, SignedOut } from './exchange.ts'
import type { Form } from './form.ts'
import {
  isFormOf,
  openTicket,
  type Sealer,
  type SignInProof,
  type Stage,
  type Ticket,
} from './ticket.ts'

/** Somebody on the account pages, and what she has proven. */
export interface Visitor {
  readonly ticket: Ticket
  readonly person: Person
}

export interface VisitorParts {
  readonly directory: Directory
  readonly sealer: Sealer
  /** Her primary password; null where she has none. */
  readonly primaryOf: (id: PrincipalId) => Credential | null
  readonly nowMs?: () => number
}

/** @throws {SignedOut} for whoever has proven nothing, or may not be let in by now */
export function readVisitor(
  parts: VisitorParts,
  request: FastifyRequest,
  stage: Stage = 'ticket',
): Visitor {
  const nowMs = (parts.nowMs ?? Date.now)()
  const sealed = readCookie(request, COOKIES[stage])
  const ticket = openTicket(sealed, { sealer: parts.sealer, stage, nowMs })
  if (ticket === null) throw new SignedOut()
  const person = parts.directory.entryById(ticket.principalId)?.value
  if (person?.kind !== 'person' || person.lifecycle === 'deleted') throw new SignedOut()
  const isWelcome = ticket.proof.by === 'link' ? person.holds.length === 0 : canSignIn(person)
  if (!isWelcome) throw new SignedOut()
  return { ticket, person }
}

/** Somebody who has signed in with a password that is good for more than to be changed. */
export interface Member extends Visitor {
  readonly proof: SignInProof
}

/** @throws {SignedOut} for whoever came by a link, or whose password has changed since */
export function readMember(parts: VisitorParts, request: FastifyRequest): Member {
  const visitor = readVisitor(parts, request)
  const { proof } = visitor.ticket
  if (proof.by !== 'sign-in') throw new SignedOut()
  const primary = parts.primaryOf(visitor.person.id)
  const nowMs = (parts.nowMs ?? Date.now)()
  if (proof.credentialVersion !== (primary?.version ?? null)) throw new SignedOut()
  if (mustBeChanged(primary, nowMs)) throw new SignedOut()
  return { ...visitor, proof }
}

/** Who sent a form, and what it says. @throws {SignedOut} where it is no form of her page */
export function readMemberForm(
  parts: VisitorParts,
  request: FastifyRequest,
): { readonly member: Member; readonly form: Form } {
  const member = readMember(parts, request)
  const form = formOf(request)
  if (!isFormOf(member.ticket, form.bytes('form'))) throw new SignedOut()
  return { member, form }
}

/** In whose name something is done on her pages, and what entitles her to it. */
export function entitled({ person, proof, ticket }: Member) {
  return { proof, actor: { name: `person:${person.username}`, reason: ticket.how } }
}

/** Whether a password is good for choosing another one only. */
export function mustBeChanged(primary: Credential | null, nowMs: number): boolean {
  if (primary === null) return false
  return primary.isTemporary || (primary.expiresAtMs !== null && primary.expiresAtMs <= nowMs)
}
