import type { NewMail } from '../directory/ports/mail.ts'
import type { Actor } from '../directory/ports/people.ts'
import type { MailSettings } from './settings.ts'

export interface MailAccount {
  readonly settings: MailSettings
  /** Null where there is no user. */
  readonly password: string | null
}

/** A mail taken to be sent, for a while and by one daemon alone. */
export interface ClaimedMail {
  readonly id: string
  readonly claim: string
  readonly kind: string
  readonly recipient: string
  readonly subject: string
  readonly text: string
  /** The one address in the text that is a link; null where there is none. */
  readonly link: string | null
  /** Tries before this one. */
  readonly attempts: number
}

export type MailSettled =
  | { readonly kind: 'sent' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'later'; readonly reason: string; readonly afterMs: number }

/** A mail as an admin sees it: never what it says. */
export interface ListedMail {
  readonly id: string
  readonly kind: string
  readonly recipient: string
  readonly status: 'waiting' | 'sent' | 'failed'
  readonly reason: string | null
  readonly attempts: number
  readonly createdAtMs: number
}

/**
 * Mail that is to be sent, and how.
 *
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE` from every method
 */
export interface MailStore {
  readAccount(): Promise<MailAccount | null>
  /**
   * @param password undefined keeps the one there is
   * @throws {DirectoryError} `DIRECTORY_REFUSED` where it would be kept for another server or user
   */
  configure(
    settings: MailSettings,
    password: string | null | undefined,
    actor: Actor,
  ): Promise<void>
  add(mail: NewMail): Promise<void>
  /** Those that are due; what is of no more use by now is given up. */
  claim(limit: number): Promise<readonly ClaimedMail[]>
  /** Passed over when the claim has gone to another. What was sent, or given up, is erased. */
  settle(mail: Pick<ClaimedMail, 'id' | 'claim'>, settled: MailSettled): Promise<void>
  list(limit: number): Promise<readonly ListedMail[]>
}
