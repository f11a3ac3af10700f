import { ScimError } from '../errors.ts'

export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly at: number; readonly spaced: boolean }
  | {
      readonly kind: 'string'
      readonly text: string
      readonly at: number
      readonly spaced: boolean
    }
  | { readonly kind: Mark; readonly text: string; readonly at: number; readonly spaced: boolean }

/** `spaced` tells whether a space came before: the grammar wants one around every operator. */
export type Mark = '(' | ')' | '[' | ']' | 'end'

const marks = new Set<string>(['(', ')', '[', ']'])
const word = /[^ ()[\]"]+/y
// A run without quotes and backslashes, or an escape; what the escape means is JSON.parse's to say.
const quoted = /"(?:[^"\\]|\\.)*"/sy
const surrogate = /\p{Surrogate}/u

/** @throws {ScimError} `SCIM_INVALID_FILTER` */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  let spaced = false
  while (at < text.length) {
    if (text[at] === ' ') {
      spaced = true
      at += 1
      continue
    }
    const token = readToken(text, at, spaced)
    tokens.push(token.token)
    at = token.end
    spaced = false
  }
  tokens.push({ kind: 'end', text: '', at, spaced })
  return tokens
}

function readToken(
  text: string,
  at: number,
  spaced: boolean,
): { readonly token: Token; readonly end: number } {
  const first = text.charAt(at)
  if (marks.has(first)) {
    return { token: { kind: first as Mark, text: first, at, spaced }, end: at + 1 }
  }
  const isString = first === '"'
  const pattern = isString ? quoted : word
  pattern.lastIndex = at
  const found = pattern.exec(text)?.[0]
  if (found === undefined) throw refuse('a string is not closed', at)
  const end = at + found.length
  return isString
    ? { token: { kind: 'string', text: readString(found, at), at, spaced }, end }
    : { token: { kind: 'word', text: found, at, spaced }, end }
}

/** The value of a JSON string literal (RFC 8259 §7), control characters refused. */
function readString(literal: string, at: number): string {
  let value: string
  try {
    value = JSON.parse(literal) as string
  } catch {
    throw refuse('not a JSON string', at)
  }
  // Neither is text that a directory could hold, and the database refuses both.
  if (value.includes('\0') || surrogate.test(value)) throw refuse('not a string of Unicode', at)
  return value
}

/** `at` is a position in the filter, counted from 0. */
export function refuse(why: string, at: number): ScimError {
  return new ScimError('SCIM_INVALID_FILTER', `${why}, at character ${at + 1} of the filter`)
}
