/** Stable; part of the log and admin-API contract. Add codes, never rename them. */
export type DirectoryErrorCode =
  /** The database cannot be asked just now. */
  | 'DIRECTORY_UNAVAILABLE'
  /** The change is stored and holds; this server can't show it yet. Doing it again is of no use. */
  | 'DIRECTORY_STORED_UNSEEN'
  /** Somebody else changed it first, or a unique name is taken. */
  | 'DIRECTORY_CONFLICT'
  /** What was asked for breaks a rule the caller can read in the message. */
  | 'DIRECTORY_REFUSED'
  | 'DIRECTORY_NOT_FOUND'
  /** So many people at once are a decision of its own: whoever says how many has looked. */
  | 'DIRECTORY_APPROVAL_NEEDED'

/**
 * A fault, or a request the directory's rules refuse. A wrong password or a missing user of a
 * search is an outcome, not a fault, and is returned as a value.
 */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError'
  readonly code: DirectoryErrorCode

  constructor(code: DirectoryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
