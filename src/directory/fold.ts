/**
 * The form in which text is compared, indexed and made unique: compatibility-composed, lower case,
 * white space trimmed and runs of it reduced to one space.
 *
 * It follows RFC 4518 §2 (map, normalise, insignificant spaces) closely enough that a value found
 * through LDAP's caseIgnoreMatch and one compared in SQL on a folded column are the same value.
 */
export function foldText(text: string): string {
  if (isPlainLowerAscii(text)) return text
  const lower = isPrintableAscii(text)
    ? text.toLowerCase()
    : text.normalize('NFKC').toLowerCase().normalize('NFKC')
  return hasLooseSpace(lower) ? lower.replace(/\s+/gu, ' ').trim() : lower
}

const plainLowerAscii = /^[!-@[-`a-~]*$/

/** Most names are this already, and the test is a tenth of the price of normalising. */
function isPlainLowerAscii(text: string): boolean {
  return plainLowerAscii.test(text)
}

/** Of ASCII, compatibility composition changes nothing. */
function isPrintableAscii(text: string): boolean {
  return printableAscii.test(text)
}

const printableAscii = /^[ -~]*$/

function hasLooseSpace(text: string): boolean {
  return looseSpace.test(text)
}

/** A space at an end, two in a row, or white space that is not the space. */
const looseSpace = /^\s|\s$|\s\s|[^\S ]/u
