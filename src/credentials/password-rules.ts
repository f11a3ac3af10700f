import type { PasswordPolicy } from '../directory/password-policy.ts'
import type { Person } from '../directory/person.ts'
import type { Strength } from './strength-worker.ts'

/** One rule a password breaks, and how to mend it; the words never repeat the password. */
export interface PasswordFault {
  readonly rule: 'characters' | 'length' | 'banned' | 'strength' | 'history' | 'app-password'
  readonly message: string
}

export const UNUSABLE_CHARACTERS: PasswordFault = {
  rule: 'characters',
  message:
    'It has characters that cannot be used in passwords, such as line breaks or control characters. Use letters, digits, spaces and punctuation.',
}

export const LIKE_APP_PASSWORD: PasswordFault = {
  rule: 'app-password',
  message: 'It looks like an app password. Choose one that begins with neither `app-` nor `net-`.',
}

export const USED_BEFORE: PasswordFault = {
  rule: 'history',
  message: 'You have used it before. Choose one you have not used.',
}

/** @param password prepared bytes; @returns null when its length is right */
export function judgeLength(password: Buffer, policy: PasswordPolicy): PasswordFault | null {
  const length = countCharacters(password)
  if (length < policy.minLength) {
    return {
      rule: 'length',
      message: `It is too short: use ${policy.minLength} characters or more. Three or four words make a good one.`,
    }
  }
  if (length > policy.maxLength) {
    return {
      rule: 'length',
      message: `It is too long: use ${policy.maxLength} characters at most.`,
    }
  }
  return null
}

export function judgeBanned(
  password: Buffer,
  policy: Pick<PasswordPolicy, 'banned'>,
): PasswordFault | null {
  if (policy.banned.length === 0) return null
  const folded = foldWord(password.toString('utf8'))
  const isBanned = policy.banned.some((word) => folded.includes(foldWord(word)))
  return isBanned
    ? {
        rule: 'banned',
        message: 'It contains a word that your organization does not allow. Choose other words.',
      }
    : null
}

export function judgeStrength(
  strength: Strength,
  policy: Pick<PasswordPolicy, 'minStrength'>,
): PasswordFault | null {
  if (strength.score >= policy.minStrength) return null
  const why = strength.warning === null ? '' : ` ${strength.warning}`
  return {
    rule: 'strength',
    message: `It is too easy to guess.${why} Add another word or two that have nothing to do with you.`,
  }
}

/** What somebody who knows her would try: her names and numbers, and the company's. */
export function guessableOf(
  person: Person,
  company: { readonly organization: string | null; readonly domain: string | null },
): readonly string[] {
  const said = [
    person.username,
    person.displayName,
    person.givenName,
    person.surname,
    person.mail,
    person.userPrincipalName,
    person.employeeId,
    person.mobilePhone,
    person.department,
    person.companyName,
    person.city,
    company.organization,
    company.domain,
  ].filter((one) => one !== null)
  const parts = said.flatMap((one) => [one, ...one.split(/[^\p{L}\p{N}]+/u)])
  return [...new Set(parts.map((part) => part.toLowerCase()))].filter((part) => part.length > 2)
}

/** Code points in UTF-8: all bytes but those that go on with one. */
function countCharacters(utf8: Buffer): number {
  let count = 0
  for (const byte of utf8) if ((byte & 0xc0) !== 0x80) count += 1
  return count
}

function foldWord(text: string): string {
  return text.normalize('NFKC').toLowerCase()
}
