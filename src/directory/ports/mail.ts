import type { PrincipalId } from '../id.ts'

/** A mail to be sent, once its transaction has committed. */
export interface NewMail {
  /** What it is about, for the log: `activation`, `password-changed`, `test`. */
  readonly kind: string
  readonly principalId: PrincipalId | null
  readonly recipient: string
  readonly subject: string
  /** Plain text; an HTML form is made of it. */
  readonly text: string
  /** The one address in the text that becomes a link; null where there is none. */
  readonly link: string | null
  /** Of no use after that. */
  readonly livesHours: number
}
