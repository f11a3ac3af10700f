/** The simulator's authenticator knows one code, and its pages say so. */
export const SECOND_STEP_CODE = '246810'

export interface Note {
  /** AADSTS number, for tests and scripts to find. */
  readonly number: number
  readonly text: string
}

interface PageParts {
  readonly title: string
  /** Null for a page that leads nowhere. */
  readonly form: { readonly action: string; readonly token: string } | null
  readonly note?: Note | null
  /** HTML, whatever came from outside escaped already. */
  readonly body: string
}

/** What every page of one sign-in needs. */
export interface FormPage {
  /** Where the form is sent: `/{tenant}/login`. */
  readonly action: string
  readonly token: string
}

export function passwordPage(
  page: FormPage,
  { login, note }: { login: string; note: Note | null },
): string {
  return render({
    title: 'Sign in',
    form: page,
    note,
    body: `
<label>User name <input name="login" type="email" autocomplete="username" value="${escapeHtml(login)}"></label>
<label>Password <input name="passwd" type="password" autocomplete="current-password"></label>
<button name="choice" value="next">Sign in</button>
<button name="choice" value="cancel" formnovalidate>Cancel</button>`,
  })
}

export function secondStepPage(
  page: FormPage,
  parts: { isNew: boolean; note: Note | null },
): string {
  const ask = parts.isNew
    ? 'More information required: set up the authenticator, then enter its code.'
    : 'Enter the code displayed in the authenticator.'
  return render({
    title: 'Verify your identity',
    form: page,
    note: parts.note,
    body: `
<p>${ask} This simulator’s authenticator shows ${SECOND_STEP_CODE}.</p>
<label>Code <input name="otc" inputmode="numeric" autocomplete="one-time-code"></label>
<button name="choice" value="next">Verify</button>
<button name="choice" value="cancel">Cancel</button>`,
  })
}

export function newPasswordPage(page: FormPage, note: Note | null): string {
  return render({
    title: 'Update your password',
    form: page,
    note,
    body: `
<p>You need to update your password because this is the first time you are signing in, or because your password has expired.</p>
<label>New password <input name="newpasswd" type="password" autocomplete="new-password"></label>
<label>Confirm password <input name="confirmnewpasswd" type="password" autocomplete="new-password"></label>
<button name="choice" value="next">Sign in</button>
<button name="choice" value="cancel">Cancel</button>`,
  })
}

export function consentPage(
  page: FormPage,
  parts: { application: string; permissions: readonly string[]; isForEverybody: boolean },
): string {
  const items = parts.permissions.map((name) => `<li>${escapeHtml(name)}</li>`).join('')
  return render({
    title: 'Permissions requested',
    form: page,
    body: `
<p><strong>${escapeHtml(parts.application)}</strong> would like to:</p>
<ul>${items}</ul>
${parts.isForEverybody ? '<p>If you accept, this app will get access to the specified resources for all users in your organization.</p>' : ''}
<button name="choice" value="accept">Accept</button>
<button name="choice" value="cancel">Cancel</button>`,
  })
}

export function codePage(page: FormPage, note: Note | null): string {
  return render({
    title: 'Enter code to allow access',
    form: page,
    note,
    body: `
<p>Once you enter the code displayed on your app or device, it will have access to your account.</p>
<label>Code <input name="otc" autocomplete="off"></label>
<button name="choice" value="next">Next</button>`,
  })
}

/** An end: said to the person, and to nobody else. */
export function messagePage(title: string, note: Note | null, text = ''): string {
  return render({ title, form: null, note, body: `<p>${escapeHtml(text)}</p>` })
}

/** `response_mode=form_post`: a form that sends itself off. */
export function selfSubmittingPage(url: string, fields: Iterable<[string, string]>): string {
  const inputs = [...fields].map(([name, value]) => hidden(name, value)).join('')
  return `<!doctype html><html><head><title>Working...</title></head>
<body onload="document.forms[0].submit()"><form method="post" action="${escapeHtml(url)}">${inputs}
<noscript><button>Continue</button></noscript></form></body></html>`
}

function render({ title, form, note, body }: PageParts): string {
  const alert = note
    ? `<p role="alert" data-number="${note.number}">${escapeHtml(note.text)}</p>`
    : ''
  const inner =
    form === null
      ? body
      : `<form method="post" action="${escapeHtml(form.action)}">${hidden('flowToken', form.token)}${body}</form>`
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head>
<body><main><h1>${escapeHtml(title)}</h1>${alert}${inner}</main></body></html>`
}

function hidden(name: string, value: string): string {
  return `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
