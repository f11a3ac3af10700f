import { wordsOfUse } from '../credentials/app-passwords.ts'
import type { AppPasswordUse } from '../directory/credential.ts'
import type { AppPassword } from '../directory/ports/app-passwords.ts'
import { field, type Html, html, page, timeOf } from './html.ts'
import { notice } from './pages.ts'

/** What she typed, to be shown again with what is wrong with it. */
export interface AppPasswordWishes {
  readonly name: string
  readonly uses: readonly AppPasswordUse[]
  readonly days: string
  readonly fault: string | null
}

type Shown = AppPassword & { readonly clientName: string | null }

export function appPasswordsPage(parts: {
  readonly shown: readonly Shown[]
  readonly wishes: AppPasswordWishes
  readonly formToken: string
}): string {
  const { shown, wishes, formToken } = parts
  const { fault } = wishes
  return page(
    'App passwords',
    html`${notice(fault === null ? null : `The app password was not made: ${fault}.`)}
<p>For a device or a program that keeps a password. Each can be revoked by itself, and none of them changes when you change your own password.</p>
<h2>Yours</h2>
${shown.length === 0 ? html`<p>You have no app passwords.</p>` : html`<ul class="list">${shown.map((one) => item(one, formToken))}</ul>`}
<h2>Make one</h2>
<form method="post" action="/account/app-passwords">
<input type="hidden" name="form" value="${formToken}">
${field({ name: 'name', label: 'Name, such as the device it is for', type: 'text', autocomplete: 'off', value: wishes.name })}
<fieldset><legend>Good for</legend>
${(['ldap', 'radius'] as const).map((use) => choice(use, wishes))}
</fieldset>
${field({ name: 'days', label: 'Days until it ends', type: 'text', autocomplete: 'off', value: wishes.days, isOptional: true, hint: html`Leave it empty for one that is good until you revoke it.` })}
<button type="submit">Make an app password</button>
</form>
<p><a href="/account/home">Back to your account</a></p>`,
  )
}

/** The one time that it is seen. */
export function madePage(parts: {
  readonly username: string
  readonly name: string
  readonly password: string
  readonly uses: readonly AppPasswordUse[]
}): string {
  const { username, name, password, uses } = parts
  return page(
    'Your app password',
    html`<p role="status">Type it into ${name} now, with your user name ${username}. It is shown this once.</p>
<p class="secret" aria-label="App password">${password}</p>
<p>It is good for: ${uses.map(wordsOfUse).join('; ')}.</p>
<p><a class="button" href="/account/app-passwords">Done</a></p>`,
  )
}

function item(one: Shown, formToken: string): Html {
  const { id, name, uses, clientName, createdAtMs, expiresAtMs, lastUse } = one
  return html`<li><strong>${name}</strong><br>
Good for: ${uses.map(wordsOfUse).join('; ')}${clientName === null ? null : `, through ${clientName} alone`}<br>
Made ${timeOf(createdAtMs)}${expiresAtMs === null ? null : `, good until ${timeOf(expiresAtMs)}`}<br>
${lastUse === null ? 'Not used yet' : `Last used ${timeOf(lastUse.atMs)} from ${lastUse.address}`}
<form method="post" action="/account/app-passwords/revoke">
<input type="hidden" name="form" value="${formToken}">
<input type="hidden" name="id" value="${id}">
<button type="submit" aria-label="Revoke ${name}">Revoke</button>
</form></li>`
}

function choice(use: AppPasswordUse, { uses }: AppPasswordWishes): Html {
  return html`<label class="choice"><input type="checkbox" name="${use}" value="yes"${uses.includes(use) ? html` checked` : null}> ${wordsOfUse(use)}</label>`
}
