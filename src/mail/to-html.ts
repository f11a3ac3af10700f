import { escapeHtml } from '../html.ts'

/** The same words for readers that show HTML; addresses of pages become links, and nothing is fetched. */
export function toHtml({
  subject,
  text,
}: {
  readonly subject: string
  readonly text: string
}): string {
  const paragraphs = text.trim().split(/\n{2,}/)
  const body = paragraphs
    .map(
      (paragraph) => `<p>${escapeHtml(paragraph).replaceAll('\n', '<br>').replace(PAGE, LINK)}</p>`,
    )
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

const PAGE = /https?:\/\/[^\s<>"]+/g
const LINK = '<a href="$&">$&</a>'
