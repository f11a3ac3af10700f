import type { Passkey } from '../directory/ports/passkeys.ts'
import { field, type Html, html, page, timeOf } from './html.ts'
import { notice } from './pages.ts'

export const PASSKEYS = '/account/passkeys'

/** What the script reads, and where it says what went wrong. */
const NEEDS = html`<p class="notice" role="alert" id="problem" hidden></p>
<noscript><p class="notice">Passkeys need scripts, which are off in this browser. The other ways to sign in do not.</p></noscript>`

export function passkeySignInPage(options: string, message: string | null): string {
  return page(
    'Sign in with a passkey',
    html`${notice(message)}
${NEEDS}
<form method="post" action="/account/passkey" data-passkey="get" data-options="${options}">
<input type="hidden" name="response">
<button type="submit" autofocus>Use a passkey</button>
</form>
<p><a href="/account/sign-in">Sign in in another way</a></p>`,
    { script: '/account/passkey.js' },
  )
}

export function passkeysPage(parts: {
  readonly passkeys: readonly Passkey[]
  readonly options: string
  readonly formToken: string
  readonly name: string
  readonly fault: string | null
}): string {
  const { passkeys, options, formToken, name, fault } = parts
  return page(
    'Passkeys',
    html`${notice(fault === null ? null : `The passkey was not added: ${fault}.`)}
<p>A passkey is kept by your phone, computer or security key, and unlocked there by your finger, face or PIN. It opens these pages without password and code; no other site can ask for it.</p>
<h2>Yours</h2>
${passkeys.length === 0 ? html`<p>You have no passkeys.</p>` : html`<ul class="list">${passkeys.map((one) => item(one, formToken))}</ul>`}
<h2>Add one</h2>
${NEEDS}
<form method="post" action="${PASSKEYS}" data-passkey="create" data-options="${options}">
<input type="hidden" name="form" value="${formToken}">
<input type="hidden" name="response">
${field({ name: 'name', label: 'Name, such as the device it is on', type: 'text', autocomplete: 'off', value: name })}
<button type="submit">Add a passkey</button>
</form>
<p><a href="/account/home">Back to your account</a></p>`,
    { script: '/account/passkey.js' },
  )
}

function item({ id, name, createdAtMs, lastUsedAtMs, isSynced }: Passkey, formToken: string): Html {
  return html`<li><strong>${name}</strong><br>
Added ${timeOf(createdAtMs)}${isSynced ? ', kept by your devices together' : null}<br>
${lastUsedAtMs === null ? 'Not used yet' : `Last used ${timeOf(lastUsedAtMs)}`}
<form method="post" action="${PASSKEYS}/remove">
<input type="hidden" name="form" value="${formToken}">
<input type="hidden" name="id" value="${id}">
<button type="submit" aria-label="Remove ${name}">Remove</button>
</form></li>`
}
