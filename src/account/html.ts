import { escapeHtml } from '../html.ts'

/** A part of a page that is HTML already. */
export interface Html {
  readonly html: string
}

/** What is put in is text, and escaped, unless it is {@link Html} or a list of that. */
export function html(
  texts: TemplateStringsArray,
  ...values: readonly (string | number | null | Html | readonly Html[])[]
): Html {
  const parts = texts.map((text, at) => text + (at < values.length ? render(values[at]) : ''))
  return { html: parts.join('') }
}

function render(value: string | number | null | undefined | Html | readonly Html[]): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string' || typeof value === 'number') return escapeHtml(String(value))
  return 'html' in value ? value.html : value.map((one) => one.html).join('')
}

export function page(
  title: string,
  body: Html,
  { script = null }: { readonly script?: string | null } = {},
): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="/account/style.css">${
    script === null
      ? null
      : html`
<script src="${script}" defer></script>`
  }
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`.html
}

/** A labelled input; what is wrong with it stands beside it and is read with it. */
export function field(input: {
  readonly name: string
  readonly label: string
  readonly type: 'text' | 'password'
  readonly autocomplete: string
  readonly value?: string
  readonly hint?: Html | null
  readonly error?: string | null
  readonly isFirst?: boolean
  readonly isOptional?: boolean
}): Html {
  const { name, hint = null, error = null } = input
  const described = [error === null ? '' : `${name}-error`, hint === null ? '' : `${name}-hint`]
  const ids = described.filter((id) => id !== '').join(' ')
  return html`<label for="${name}">${input.label}</label>
${error === null ? null : html`<p class="error" id="${name}-error">${error}</p>`}
${hint === null ? null : html`<div class="hint" id="${name}-hint">${hint}</div>`}
<input id="${name}" name="${name}" type="${input.type}" autocomplete="${input.autocomplete}"${input.isOptional === true ? null : html` required`}
 ${input.type === 'text' ? html`value="${input.value ?? ''}" autocapitalize="none" spellcheck="false"` : null}
 ${error === null ? null : html`aria-invalid="true"`}
 ${ids === '' ? null : html`aria-describedby="${ids}"`}
 ${input.isFirst === true ? html`autofocus` : null}>`
}

/** In UTC, for nothing here knows the reader's time zone. */
export function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
