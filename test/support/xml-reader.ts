/** An element of a document, read back by somebody who did not write it. */
export interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly XmlElement[]
  /** What stands in it outside of other elements. */
  readonly text: string
}

const TOKEN =
  /<\?xml[^>]*\?>|<!DOCTYPE[^>]*>|<\/([\w.:-]+)>|<([\w.:-]+)((?:\s+[\w.:-]+="[^"<]*")*)(\/?)>|([^<]+)/gy
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' }
/** XML 1.0 §2.2 */
const NO_CHARACTER = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

/** Elements, attributes and text of a well-formed document; throws for any other. */
export function readXml(document: string): XmlElement {
  if (NO_CHARACTER.test(document)) throw new Error('a character that no XML may hold')
  const top = draft('')
  const open = [top]
  let at = 0
  for (const token of document.matchAll(TOKEN)) {
    at += token[0].length
    take(token, open)
  }
  if (at !== document.length || open.length !== 1) throw new Error('no well-formed document')
  const [root, other] = top.children
  if (root === undefined || other !== undefined) throw new Error('not exactly one root')
  return root
}

/** One token, into the innermost of the elements that are open. */
function take([, end, begin, pairs, isEmpty, text]: RegExpMatchArray, open: Draft[]): void {
  const current = open.at(-1)
  if (current === undefined) throw new Error('something behind the end')
  if (text !== undefined) current.text += decode(text)
  if (begin !== undefined) {
    const child = draft(begin, readPairs(pairs ?? ''))
    current.children.push(child)
    if (isEmpty !== '/') open.push(child)
  }
  if (end !== undefined && open.pop()?.name !== end) throw new Error(`</${end}> closes nothing`)
}

/** All elements of a name, wherever they are. */
export function elementsOf(element: XmlElement, name: string): readonly XmlElement[] {
  const below = element.children.flatMap((child) => elementsOf(child, name))
  return element.name === name ? [element, ...below] : below
}

export function textsOf(element: XmlElement, name: string): readonly string[] {
  return elementsOf(element, name).map(({ text }) => text)
}

interface Draft extends XmlElement {
  readonly children: Draft[]
  text: string
}

function draft(name: string, attributes: Record<string, string> = {}): Draft {
  return { name, attributes, children: [], text: '' }
}

function readPairs(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w.:-]+)="([^"]*)"/g)]
  return Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, decode(value)]))
}

function decode(text: string): string {
  const plain = text.replace(/\r\n?/g, '\n')
  return plain.replace(/&(?:#(\d+)|(\w+));|&/g, (whole, number?: string, name?: string) => {
    if (number !== undefined) return String.fromCodePoint(Number(number))
    const found = ENTITIES[name ?? '']
    if (found === undefined) throw new Error(`${whole} is no entity`)
    return found
  })
}
