import type { Directory } from '../directory/directory.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { Person } from '../directory/person.ts'
import type { Actor } from '../directory/ports/people.ts'
import { isMailAddress } from '../mail/settings.ts'
import { activationMail, digestLinkToken, type LinkStore, makeLinkToken } from './link.ts'

export interface IssuedLink {
  readonly url: string
  readonly expiresAtMs: number
  /** Whom it was mailed to; null when it is to be handed over in another way. */
  readonly mailedTo: string | null
}

export interface ActivationParts {
  readonly links: LinkStore
  readonly directory: Directory
  /** Where people reach the account pages; null until somebody said. */
  readonly publicUrl: string | null
  /** Where this machine reaches them, as in a trial; null when nothing listens. */
  readonly ownUrl: () => string | null
  readonly canMail: () => Promise<boolean>
  /** A mail was put out. */
  readonly onMail: () => void
  readonly nowMs: () => number
}

const HOUR_MS = 60 * 60 * 1_000

/** Gives people links with which they choose their password, and with it become active. */
export class Activation {
  readonly #parts: ActivationParts

  constructor(parts: ActivationParts) {
    this.#parts = parts
  }

  /**
   * @throws {DirectoryError} `DIRECTORY_REFUSED` where it cannot be, with what to do about it
   */
  async issue(
    person: Person,
    options: { readonly isMailed: boolean; readonly livesHours: number },
    actor: Actor,
  ): Promise<IssuedLink> {
    const { links, directory, onMail, nowMs } = this.#parts
    const { isMailed, livesHours } = options
    const { publicUrl, ownUrl } = this.#parts
    if (isMailed && publicUrl === null)
      throw refused(
        "the link in a mail would lead to the reader's own machine: set public_url first",
      )
    const base = publicUrl ?? ownUrl()
    if (base === null)
      throw refused(
        'people cannot reach the account pages: open an HTTPS listener, or set public_url',
      )
    const recipient = isMailed ? await this.#recipientOf(person) : null
    const token = makeLinkToken()
    const digest = digestLinkToken(token)
    if (digest === null) throw new Error('a token of ours does not look like one')
    const url = `${base.replace(/\/$/, '')}/account/activate?token=${token}`
    const { organization } = directory.settings
    const mail =
      recipient === null
        ? null
        : activationMail(person, { recipient, url, organization, livesHours })
    await links.issue({ principalId: person.id, digest, livesHours, mail }, actor)
    if (mail !== null) onMail()
    return { url, expiresAtMs: nowMs() + livesHours * HOUR_MS, mailedTo: recipient }
  }

  async #recipientOf(person: Person): Promise<string> {
    if (!(await this.#parts.canMail()))
      throw refused('no mail is sent yet: say how with `gatehouse mail set`')
    if (person.mail !== null && isMailAddress(person.mail)) return person.mail
    const what = person.mail === null ? 'has no mail address' : 'has a mail address that is none'
    throw refused(`${person.username} ${what}: hand the link over in another way`)
  }
}

function refused(why: string): DirectoryError {
  return new DirectoryError('DIRECTORY_REFUSED', why)
}
