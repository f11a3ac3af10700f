import type { FastifyRequest } from 'fastify'
import type { Directory } from '../directory/directory.ts'
import { canSignIn } from '../directory/hold.ts'
import type { Person } from '../directory/person.ts'
import { readCookie, SignedOut } from './exchange.ts'
import { openTicket, type Sealer, type Ticket } from './ticket.ts'

/** Somebody on the account pages, and what she has proven. */
export interface Visitor {
  readonly ticket: Ticket
  readonly person: Person
}

/** @throws {SignedOut} for whoever has proven nothing, or may not be let in by now */
export function readVisitor(
  parts: {
    readonly directory: Directory
    readonly sealer: Sealer
    readonly nowMs?: () => number
  },
  request: FastifyRequest,
): Visitor {
  const nowMs = (parts.nowMs ?? Date.now)()
  const ticket = openTicket(readCookie(request), parts.sealer, nowMs)
  if (ticket === null) throw new SignedOut()
  const person = parts.directory.entryById(ticket.principalId)?.value
  if (person?.kind !== 'person' || person.lifecycle === 'deleted') throw new SignedOut()
  const isWelcome = ticket.proof.by === 'link' ? person.holds.length === 0 : canSignIn(person)
  if (!isWelcome) throw new SignedOut()
  return { ticket, person }
}
