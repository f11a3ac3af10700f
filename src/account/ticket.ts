import { randomBytes } from 'node:crypto'
import { equalConstantTime } from '../../protocols/wire/index.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Proof } from '../directory/ports/passwords.ts'

/**
 * How far somebody has come: let in, or arrived with a first proof and asked for a code. They are
 * sealed apart, so that neither passes for the other.
 */
export type Stage = 'ticket' | 'arrival'

/** Long enough to think of a password or to look for a phone, and short for a machine left alone. */
const LIFE_MS: Readonly<Record<Stage, number>> = { ticket: 15 * 60_000, arrival: 5 * 60_000 }

/** She signed in, and her password is still the same. */
export type SignInProof = Extract<Proof, { by: 'sign-in' }>

type First = 'activation link' | 'password' | 'Microsoft 365' | 'passkey'

/** What somebody has proven, on the way from page to page; kept sealed in her browser alone. */
export interface Ticket {
  readonly principalId: PrincipalId
  readonly proof: Exclude<Proof, { by: 'admin' }>
  /** How she got here, for the journal. */
  readonly how: First | `${First} and ${'code' | 'recovery code'}`
  /** Comes back with each form. */
  readonly formToken: string
  readonly expiresAtMs: number
}

/** Seals texts for our own eyes, and opens them again; null for what we did not seal. */
export interface Sealer {
  seal(text: string, purpose: string): string
  open(sealed: string, purpose: string): string | null
}

export function makeTicket(
  proven: Pick<Ticket, 'principalId' | 'proof' | 'how'>,
  parts: { readonly nowMs: number; readonly stage: Stage },
): Ticket {
  const formToken = randomBytes(16).toString('base64url')
  return { ...proven, formToken, expiresAtMs: parts.nowMs + LIFE_MS[parts.stage] }
}

export function sealTicket(ticket: Ticket, sealer: Sealer, stage: Stage): string {
  return sealer.seal(JSON.stringify(ticket), stage)
}

export function openTicket(
  sealed: string | null,
  parts: { readonly sealer: Sealer; readonly stage: Stage; readonly nowMs: number },
): Ticket | null {
  const opened = sealed === null ? null : parts.sealer.open(sealed, parts.stage)
  if (opened === null) return null
  const ticket = JSON.parse(opened) as Ticket
  return ticket.expiresAtMs > parts.nowMs ? ticket : null
}

export function isFormOf(ticket: Ticket, formToken: Buffer): boolean {
  return equalConstantTime(formToken, Buffer.from(ticket.formToken))
}
