import type { Totp } from '../directory/ports/second-factors.ts'
import { field, type Html, html, page, timeOf } from './html.ts'
import { notice } from './pages.ts'
import { qrCode } from './qr.ts'

export const PATH = '/account/second-factor'

/** Asked for after the password. */
export function codePage(formToken: string, message: string | null): string {
  return page(
    'Your code',
    html`${notice(message)}
<form method="post" action="/account/sign-in/code">
<input type="hidden" name="form" value="${formToken}">
${codeField({ hint: 'The six digits your authenticator app shows. Without your phone, one of your recovery codes.', isFirst: true })}
<button type="submit">Continue</button>
</form>
<form method="post" action="/account/sign-out"><button type="submit">Cancel</button></form>`,
  )
}

export function secondFactorPage(parts: {
  readonly username: string
  readonly totp: Totp | null
  readonly formToken: string
  readonly message: string | null
}): string {
  const { totp, message } = parts
  return page(
    'Authenticator app',
    html`${notice(message)}
<p>An app on your phone that shows a code every 30 seconds. Once it is set up, your password alone does not open these pages any more: you are asked for a code as well. Wi-Fi, VPN and programs do not ask for it.</p>
${totp === null ? html`<p>You have not set one up.</p><p><a class="button" href="${PATH}/new">Set it up</a></p>` : setUp(totp, parts)}
<p><a href="/account/home">Back to your account</a></p>`,
  )
}

function setUp(totp: Totp, parts: { readonly username: string; readonly formToken: string }): Html {
  const { createdAtMs, lastUsedAtMs, recoveryCodesLeft } = totp
  return html`<p>Set up ${timeOf(createdAtMs)}. ${lastUsedAtMs === null ? 'Not used since.' : `Last used ${timeOf(lastUsedAtMs)}.`}</p>
<p>Recovery codes left: ${recoveryCodesLeft}</p>
<h2>Change it</h2>
<p>For either of these, prove once more that it is you.</p>
<form method="post" action="${PATH}/recovery-codes">
<input type="hidden" name="form" value="${parts.formToken}">
<input type="hidden" name="username" autocomplete="username" value="${parts.username}">
${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' })}
${codeField({ hint: 'From the app, or one of your recovery codes.' })}
<button type="submit">Make new recovery codes</button>
<button type="submit" formaction="${PATH}/remove">Remove the authenticator app</button>
</form>`
}

/** The key is seen here until the app has it, and nowhere later. */
export function setUpPage(parts: {
  readonly address: string
  readonly key: string
  readonly sealedKey: string
  readonly formToken: string
  readonly message: string | null
}): string {
  const { address, key, sealedKey, formToken, message } = parts
  return page(
    'Set up an authenticator app',
    html`${message === null ? null : notice(message)}
<p>Scan this with an authenticator app on your phone:</p>
${qrCode(address, 'QR code with the key that is written below')}
<p>Or type this key into it (time-based, six digits, 30 seconds):</p>
<p class="secret">${(key.match(/.{1,4}/g) ?? []).join(' ')}</p>
<form method="post" action="${PATH}/new">
<input type="hidden" name="form" value="${formToken}">
<input type="hidden" name="key" value="${sealedKey}">
${codeField({ hint: 'The six digits the app shows then. It counts from there on.', isFirst: true })}
<button type="submit">Turn it on</button>
</form>
<p><a href="${PATH}">Cancel</a></p>`,
  )
}

/** The one time that they are seen. */
export function recoveryCodesPage(codes: readonly string[]): string {
  return page(
    'Your recovery codes',
    html`<p role="status">Each takes the place of a code from the app once, should your phone be lost. They are shown this once: print them, or keep them where you keep passwords, and not on the phone.</p>
<ul class="secret codes">
${codes.map((code) => html`<li>${code}</li>`)}
</ul>
<p><a class="button" href="${PATH}">I have kept them</a></p>`,
  )
}

function codeField({ hint, isFirst = false }: { hint: string; isFirst?: boolean }): Html {
  return field({
    name: 'code',
    label: 'Code',
    type: 'text',
    autocomplete: 'one-time-code',
    hint: html`${hint}`,
    isFirst,
  })
}
