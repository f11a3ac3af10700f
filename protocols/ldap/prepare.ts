/**
 * String preparation (RFC 4518): the form in which two values of a directory string are compared.
 *
 * Case is folded where the rule ignores it, code points are mapped and composed (NFKC), and
 * insignificant spaces are handled as §2.6.1 says: a value starts and ends with one space and has two
 * for each inner run, so that a substring assertion fits wherever the words fit.
 */
export type SubstringPlace = 'initial' | 'any' | 'final'

const MAPPED_TO_NOTHING = /\p{Cc}|\p{Cf}|\p{Variation_Selector}|\u034f|\u1806|\ufffc/gu
const SPACE_LIKE = /[\t\n\v\f\r\u0085\p{Z}]/gu
const PLAIN_WORD = /^[!-~]+$/
const RUNS = / +/g

/** Prepares an attribute value or a whole assertion value. */
export function prepareValue(text: string, isCaseIgnored: boolean): string {
  const mapped = map(text, isCaseIgnored)
  if (PLAIN_WORD.test(mapped)) return ` ${mapped} `
  const words = mapped.replace(RUNS, '  ').replace(/^ +| +$/g, '')
  return words === '' ? '  ' : ` ${words} `
}

/** Prepares one piece of a substring assertion. */
export function prepareSubstring(
  text: string,
  options: { readonly isCaseIgnored: boolean; readonly place: SubstringPlace },
): string {
  const mapped = map(text, options.isCaseIgnored)
  const words = mapped.replace(/^ +| +$/g, '').replace(RUNS, '  ')
  if (words === '') return ' '
  const { place } = options
  const start = place === 'initial' || mapped.startsWith(' ') ? ' ' : ''
  const end = place === 'final' || mapped.endsWith(' ') ? ' ' : ''
  return start + words + end
}

function map(text: string, isCaseIgnored: boolean): string {
  if (PLAIN_WORD.test(text)) return isCaseIgnored ? text.toLowerCase() : text
  const mapped = text.replace(SPACE_LIKE, ' ').replace(MAPPED_TO_NOTHING, '')
  const composed = mapped.normalize('NFKC')
  // Folding can take a string out of its composed form again.
  return isCaseIgnored ? composed.toLowerCase().normalize('NFKC') : composed
}
