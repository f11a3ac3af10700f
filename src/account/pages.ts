import type { PasswordPolicy } from '../directory/password-policy.ts'
import { field, type Html, html, page } from './html.ts'

/** What is wrong with what was typed, told at the top and read out. */
export function notice(message: string | null): Html | null {
  return message === null ? null : html`<p class="notice" role="alert">${message}</p>`
}

/** A page elsewhere on which she can prove who she is. */
export interface Link {
  readonly href: string
  readonly label: string
}

function buttons(links: readonly Link[]): readonly Html[] {
  return links.map(
    ({ href, label }) => html`<p><a class="button" href="${href}">${label}</a></p>
`,
  )
}

export function startPage(links: readonly Link[]): string {
  return page(
    'Your account',
    html`<p>Here you see to the passwords for the services of your organization.</p>
${buttons(links)}<p><a class="button" href="/account/sign-in">Sign in with your password</a></p>
<p>If you have no password yet, use the link in the mail you were sent, or ask your administrator for one.</p>`,
  )
}

/** Where whoever has signed in chooses what to do. */
export function homePage(
  username: string,
  {
    hasNetworkPasswords,
    hasPasskeys,
  }: Readonly<Record<'hasNetworkPasswords' | 'hasPasskeys', boolean>>,
): string {
  return page(
    'Your account',
    html`<p>Signed in as ${username}</p>
<nav><ul>
<li><a href="/account/password">Change your password</a></li>
<li><a href="/account/second-factor">Authenticator app</a>: a code beside your password</li>
${hasPasskeys ? html`<li><a href="/account/passkeys">Passkeys</a>: to sign in here by finger, face or PIN</li>` : null}
<li><a href="/account/app-passwords">App passwords</a>: for a device or a program that keeps one</li>
${hasNetworkPasswords ? html`<li><a href="/account/network-password">Network password</a>: for Wi-Fi and VPN</li>` : null}
</ul></nav>
<form method="post" action="/account/sign-out"><button type="submit">Sign out</button></form>`,
  )
}

/** Changes nothing: programs that look into links in mail only see this. */
export function activatePage(token: string): string {
  return page(
    'Activate your account',
    html`<p>Go on to choose your password. The link is good once.</p>
<form method="post" action="/account/activate">
<input type="hidden" name="token" value="${token}">
<button type="submit" autofocus>Continue</button>
</form>`,
  )
}

export function signInPage(parts: {
  readonly username: string
  readonly message: string | null
  readonly links: readonly Link[]
}): string {
  const { username, message, links } = parts
  return page(
    'Sign in',
    html`${notice(message)}
<form method="post" action="/account/sign-in">
${field({ name: 'username', label: 'User name or mail address', type: 'text', autocomplete: 'username', value: username, isFirst: true })}
${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' })}
<button type="submit">Sign in</button>
</form>
${links.length === 0 ? null : html`<p>Or in another way:</p>`}
${buttons(links)}`,
  )
}

export function passwordPage(parts: {
  readonly username: string
  readonly formToken: string
  readonly policy: PasswordPolicy
  /** Where else it becomes her password; null where it stays here. */
  readonly pushedTo: string | null
  readonly message: string | null
  readonly faults: readonly string[]
  readonly isDifferent: boolean
}): string {
  const { username, policy, faults, isDifferent, pushedTo } = parts
  const hint = html`<ul>
<li>${policy.minLength} characters or more; three or four words make a good one.</li>
<li>Nothing that is easy to guess, such as your name.</li>
<li>None that you have used here before.</li>
</ul>
${pushedTo === null ? null : html`<p>It becomes your password at ${pushedTo} as well.</p>`}`
  return page(
    'Choose a password',
    html`${notice(parts.message)}
<p>For ${username}</p>
<form method="post" action="/account/password">
<input type="hidden" name="form" value="${parts.formToken}">
<input type="hidden" name="username" autocomplete="username" value="${username}">
${field({ name: 'new', label: 'New password', type: 'password', autocomplete: 'new-password', hint, error: faults.length === 0 ? null : faults.join(' '), isFirst: true })}
${field({ name: 'again', label: 'New password once more', type: 'password', autocomplete: 'new-password', error: isDifferent ? 'The two are not the same. Type the same password twice.' : null })}
<button type="submit">Set password</button>
</form>
<form method="post" action="/account/sign-out"><button type="submit">Cancel</button></form>`,
  )
}

export function donePage(): string {
  return page(
    'Your password is set',
    html`<p role="status">From now on use the new password. Change it on your devices too, such as for the Wi-Fi.</p>
<p>You can close this page.</p>`,
  )
}

export function errorPage(parts: {
  readonly title: string
  readonly message: string
  readonly id?: string
}): string {
  return page(
    parts.title,
    html`<p class="notice" role="alert">${parts.message}</p>
${parts.id === undefined ? null : html`<p>If you ask for help, name this number: ${parts.id}</p>`}
<p><a class="button" href="/account">Back to the start</a></p>`,
  )
}
