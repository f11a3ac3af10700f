/**
 * Elements as lines of XML. A string is text, which is escaped; `element` makes the rest, so that
 * no value can ever become markup.
 */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type Content = string | number | boolean | Markup | readonly Markup[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
  '\n': '&#10;',
  '\t': '&#9;',
}

/** Of text and of quoted values alike; line ends survive what a parser does to them. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"\r\n\t]/g, (character) => ESCAPES[character] ?? '')
}

export function element(
  name: string,
  content: Content = [],
  attributes: Readonly<Record<string, string>> = {},
): Markup {
  const open = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escapeXml(value)}"`)
    .join('')
  const inner = contentOf(content)
  return new Markup(inner === '' ? `<${name}${open}/>` : `<${name}${open}>${inner}</${name}>`)
}

export function document(root: Markup, head = ''): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${head}${root.text}\n`
}

function contentOf(content: Content): string {
  if (content instanceof Markup) return content.text
  if (!Array.isArray(content)) return escapeXml(String(content))
  const parts = content as readonly Markup[]
  return parts.length === 0 ? '' : `\n${parts.map(({ text }) => text).join('\n')}\n`
}
