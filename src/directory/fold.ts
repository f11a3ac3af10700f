/**
 * The form in which text is compared, indexed and made unique: compatibility-composed, lower case,
 * white space trimmed and runs of it reduced to one space.
 *
 * It follows RFC 4518 §2 (map, normalise, insignificant spaces) closely enough that a value found
 * through LDAP's caseIgnoreMatch and one compared in SQL on a folded column are the same value.
 */
export function foldText(text: string): string {
  return isPlainLowerAscii(text)
    ? text
    : text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim()
}

const plainLowerAscii = /^[!-@[-`a-~]*$/

/** Most names are this already, and the test is a tenth of the price of normalising. */
function isPlainLowerAscii(text: string): boolean {
  return plainLowerAscii.test(text)
}
