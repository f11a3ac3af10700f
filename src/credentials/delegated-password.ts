import type { PrincipalId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import type { Entry } from '../directory/query.ts'

/** Where a person's password is checked when it is not here. The same object while nothing changes. */
export interface Delegation {
  readonly sourceId: string
  readonly sourceName: string
  /** How long a password found right there may be used while the source is away; 0 is never. */
  readonly rememberMs: number
}

/** For the record of an attempt; never a secret. */
export type Note = Readonly<Record<string, string | number | boolean>>

/** Why the source, or our care for the account there, says no. */
export type DelegatedDenial =
  | 'source-mfa-required'
  | 'source-policy'
  | 'source-locked'
  | 'source-loop'
  | 'source-password-expired'
  | 'source-password-reset'
  | 'source-no-password'
  | 'source-disabled'
  | 'source-unknown'
  | 'source-not-assigned'
  /** A code nobody has taught us. */
  | 'source-refused'
  /** It said yes, but to somebody else. */
  | 'source-foreign-token'
  /** Nothing the source could check: a password or an account of a kind it takes from nobody. */
  | 'source-unsupported'
  /** So many wrong passwords were sent that more could lock the account there. */
  | 'source-tries-spent'

export type DelegatedUnavailable =
  /** No answer, or one that says "later". */
  | 'source-unavailable'
  /** It does not let our application ask at all. */
  | 'source-misconfigured'
  /** Our own database cannot say who she is there. */
  | 'stale'

export type DelegatedAnswer =
  | { readonly kind: 'right'; readonly note: Note }
  | { readonly kind: 'wrong'; readonly note: Note }
  /** A value the source takes from nobody, and so was not told. */
  | { readonly kind: 'impossible'; readonly note: Note }
  | {
      readonly kind: 'refused'
      readonly denial: DelegatedDenial
      readonly note: Note
      /** For so long this person's passwords are not sent again; 0 when they may be at once. */
      readonly coolDownMs: number
      /** What was remembered of her is no longer good for an outage. */
      readonly forgets: boolean
    }
  | {
      readonly kind: 'unavailable'
      readonly reason: DelegatedUnavailable
      readonly note: Note
      readonly coolDownMs: number
    }
  /** The source does not know her: her password is checked here. */
  | { readonly kind: 'not-theirs' }

/** Checks passwords where people come from. */
export interface DelegatedPasswords {
  /** From memory, for each log-in; null for all whose password is checked here. */
  find(person: Entry<Person>): Delegation | null
  /**
   * One attempt, which no other attempt can spoil; never throws what could be an answer.
   *
   * @param signal aborts when it is too late for an answer
   * @throws `signal`'s reason
   */
  check(
    asked: {
      readonly delegation: Delegation
      readonly principalId: PrincipalId
      readonly password: Buffer
    },
    signal: AbortSignal,
  ): Promise<DelegatedAnswer>
}

/** Nobody's password is checked elsewhere. */
export const noDelegation: DelegatedPasswords = {
  find: () => null,
  check: () => Promise.resolve({ kind: 'not-theirs' }),
}
