import { randomBytes } from 'node:crypto'
import { equalConstantTime } from '../../protocols/wire/index.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Proof } from '../directory/ports/passwords.ts'

/** Long enough to think of a password, and short for a machine left alone. */
const TICKET_MS = 15 * 60_000

/** She signed in, and her password is still the same. */
export type SignInProof = Extract<Proof, { by: 'sign-in' }>

/** What somebody has proven, on the way from page to page; kept sealed in her browser alone. */
export interface Ticket {
  readonly principalId: PrincipalId
  readonly proof: Exclude<Proof, { by: 'admin' }>
  /** How she got here, for the journal. */
  readonly how: 'activation link' | 'password' | 'Microsoft 365'
  /** Comes back with each form. */
  readonly formToken: string
  readonly expiresAtMs: number
}

/** Seals texts for our own eyes, and opens them again; null for what we did not seal. */
export interface Sealer {
  seal(text: string, purpose: string): string
  open(sealed: string, purpose: string): string | null
}

const PURPOSE = 'ticket'

export function makeTicket(
  proven: Pick<Ticket, 'principalId' | 'proof' | 'how'>,
  nowMs: number,
): Ticket {
  const formToken = randomBytes(16).toString('base64url')
  return { ...proven, formToken, expiresAtMs: nowMs + TICKET_MS }
}

export function sealTicket(ticket: Ticket, sealer: Sealer): string {
  return sealer.seal(JSON.stringify(ticket), PURPOSE)
}

export function openTicket(sealed: string | null, sealer: Sealer, nowMs: number): Ticket | null {
  const opened = sealed === null ? null : sealer.open(sealed, PURPOSE)
  if (opened === null) return null
  const ticket = JSON.parse(opened) as Ticket
  return ticket.expiresAtMs > nowMs ? ticket : null
}

export function isFormOf(ticket: Ticket, formToken: Buffer): boolean {
  return equalConstantTime(formToken, Buffer.from(ticket.formToken))
}
