import { escapeHtml } from '../html.ts'

/** The same words for readers that show HTML; our own link is one, whatever else looks like one is not. */
export function toHtml({
  subject,
  text,
  link,
}: {
  readonly subject: string
  readonly text: string
  readonly link: string | null
}): string {
  const paragraphs = text.trim().split(/\n{2,}/)
  const body = paragraphs
    .map((paragraph) => `<p>${withLink(escapeHtml(paragraph).replaceAll('\n', '<br>'), link)}</p>`)
    .join('\n')
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>
<body style="font-family: sans-serif; line-height: 1.5; max-width: 38em">
${body}
</body>
</html>
`
}

function withLink(html: string, link: string | null): string {
  if (link === null) return html
  const address = escapeHtml(link)
  return html.replaceAll(address, () => `<a href="${address}">${address}</a>`)
}
