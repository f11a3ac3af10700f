import { foldText } from '../directory/fold.ts'

/** Longer than any user principal name or mail address: nobody is called that. */
const MAX_CHARACTERS = 320
/** What the record keeps of a name. */
const RECORDED_CHARACTERS = 256

/**
 * A name as it was typed, in the form in which log-in names are kept: the mappings of PRECIS
 * UsernameCaseMapped (RFC 8265 §3.3), which the directory's folding contains. One that is too long
 * becomes the empty name, which is nobody's.
 */
export function foldLoginName(name: string): string {
  return name.length > MAX_CHARACTERS ? '' : foldText(name)
}

export function recordedName(name: string): string {
  return name.length > RECORDED_CHARACTERS ? name.slice(0, RECORDED_CHARACTERS) : name
}
