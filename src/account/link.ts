import { createHash, randomBytes } from 'node:crypto'
import type { FactorNews } from '../credentials/second-factors.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import type { NewMail } from '../directory/ports/mail.ts'
import type { Actor } from '../directory/ports/people.ts'

export const LINK_HOURS = 72
/** 192 bits: there is nothing to guess. */
const TOKEN_BYTES = 24
const TOKEN = /^[A-Za-z0-9_-]{32}$/

export interface NewLink {
  readonly principalId: PrincipalId
  readonly digest: Buffer
  readonly livesHours: number
  /** Sent with the same transaction; null when the link is handed over in another way. */
  readonly mail: NewMail | null
}

/**
 * Links that are good once.
 *
 * @throws {DirectoryError} `DIRECTORY_UNAVAILABLE`
 */
export interface LinkStore {
  /**
   * Voids the link before it.
   *
   * @throws {DirectoryError} `DIRECTORY_REFUSED` for somebody suspended or deleted, or who was given
   *   too many in a day
   */
  issue(link: NewLink, actor: Actor): Promise<void>
  /** One that is good now; null for all others, which look alike. */
  find(digest: Buffer): Promise<{ readonly id: string; readonly principalId: PrincipalId } | null>
}

export function makeLinkToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

/** What is kept of a token; null for what cannot be one. */
export function digestLinkToken(token: string): Buffer | null {
  return TOKEN.test(token) ? createHash('sha256').update(token).digest() : null
}

export function activationMail(
  person: Pick<Person, 'id' | 'displayName' | 'username'>,
  parts: {
    readonly recipient: string
    readonly url: string
    readonly organization: string | null
    readonly livesHours: number
  },
): NewMail {
  const { recipient, url, livesHours } = parts
  const organization = parts.organization ?? 'your organization'
  return {
    kind: 'activation',
    principalId: person.id,
    recipient,
    subject: `Choose your password at ${organization}`,
    livesHours,
    link: url,
    text: `Hello ${person.displayName},

your account at ${organization} is ready. Choose its password here:

${url}

Your user name is ${person.username}. The link is good once, for ${livesHours} hours. If it has run out, ask your administrator for another.

If you did not expect this mail, you need not do anything.
`,
  }
}

export function appPasswordNotice(
  person: Told,
  { recipient, name }: { readonly recipient: string; readonly name: string },
): NewMail {
  return madeNotice(person, {
    recipient,
    kind: 'app-password-made',
    what: `app password, "${name}",`,
  })
}

export function networkPasswordNotice(
  person: Told,
  { recipient }: { readonly recipient: string },
): NewMail {
  return madeNotice(person, { recipient, kind: 'network-password-made', what: 'network password' })
}

const NEWS: Readonly<Record<FactorNews, string>> = {
  'totp-added':
    'an authenticator app was set up for your account. From now on its codes are asked for on the account pages',
  'totp-removed':
    'the authenticator app of your account was removed. From now on your password alone opens the account pages',
  'recovery-codes-made':
    'new recovery codes were made for your account. Those from before are no longer good',
  'recovery-code-used':
    'a recovery code was used for your account, in place of a code from your authenticator app. It is no longer good',
  'passkey-added':
    'a passkey was added to your account. It opens the account pages without your password',
  'passkey-removed': 'a passkey of your account was removed. It no longer opens the account pages',
}

export function factorNotice(
  person: Told,
  { recipient, news }: { readonly recipient: string; readonly news: FactorNews },
): NewMail {
  return notice(person, {
    recipient,
    kind: news,
    subject: 'How you sign in was changed',
    what: `${NEWS[news]} (user name ${person.username}).`,
  })
}

type Told = Pick<Person, 'id' | 'displayName' | 'username'>

function madeNotice(
  person: Told,
  { what, ...parts }: { readonly recipient: string; readonly kind: string; readonly what: string },
): NewMail {
  return notice(person, {
    ...parts,
    subject: 'A password was made for a device of yours',
    what: `a new ${what} was made for your account (user name ${person.username}). It signs in without your own password.`,
  })
}

export function changeNotice(
  person: Told,
  parts: { readonly recipient: string; readonly isTemporary: boolean },
): NewMail {
  const what = parts.isTemporary
    ? 'an administrator gave your account a temporary password. Change it before you use it anywhere'
    : 'the password of your account was changed'
  return notice(person, {
    recipient: parts.recipient,
    kind: 'password-changed',
    subject: 'Your password was changed',
    what: `${what} (user name ${person.username}).`,
  })
}

/** Tells her what was done, should it not have been her. */
function notice(
  person: Told,
  parts: Pick<NewMail, 'recipient' | 'kind' | 'subject'> & { readonly what: string },
): NewMail {
  const { what, ...mail } = parts
  return {
    ...mail,
    principalId: person.id,
    livesHours: 24,
    link: null,
    text: `Hello ${person.displayName},

${what}

If this was not you, tell your administrator at once.
`,
  }
}
