import { readFileSync } from 'node:fs'

/** The blocks that a page of docs/networks prints, in its order: configuration, unless told otherwise. */
export function readGuide(page: string, kind: 'text' | 'bash' = 'text'): readonly string[] {
  const text = readFileSync(new URL(`../../docs/networks/${page}.md`, import.meta.url), 'utf8')
  return [...text.matchAll(/^```(\w+)\n(.*?)^```/gms)].flatMap(([, found, block]) =>
    found === kind ? (block ?? '') : [],
  )
}

/**
 * A printed block as somebody fills it in: each text that stands for her own is replaced.
 *
 * @throws {Error} when the page does not print one of them
 */
export function fillIn(block: string | undefined, own: Readonly<Record<string, string>>): string {
  if (block === undefined) throw new Error('the page prints no such block')
  return Object.entries(own).reduce((text, [printed, value]) => {
    if (!text.includes(printed)) throw new Error(`the page does not print "${printed}":\n${text}`)
    return text.replaceAll(printed, value)
  }, block)
}
