import { hash, randomBytes } from 'node:crypto'
import { GUEST_PREFIX } from '../directory/guest.ts'

/** Crockford's base 32 in lower case: no i, l, o or u, so nothing is read for something else. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
/** 32 characters of 5 bits: 160 bits. */
const TOKEN_CHARACTERS = 32
/** Seven groups of four: 140 bits, above the 128 that make a slow hash unnecessary. */
const PASSWORD_CHARACTERS = 28
/** Four groups, for somebody to type on a telephone: 80 bits, for days and not for years. */
const GUEST_CHARACTERS = 16
/** Behind `guest-`: enough that names are not run out of, and no secret. */
const NAME_CHARACTERS = 5
const GROUP = 4
const TOKEN_PREFIX = 'gh_'
const APP_PREFIX = 'app-'
const NETWORK_PREFIX = 'net-'
const PREFIXES = [APP_PREFIX, NETWORK_PREFIX].map((prefix) => Buffer.from(prefix))
const APP_PASSWORD_BYTES = 38
const LETTERS = new Set([...Buffer.from(ALPHABET), ...Buffer.from('-')])

/** For machines: `gh_` and 160 random bits. The prefix lets scanners of leaked secrets find it. */
export function makeToken(): string {
  return TOKEN_PREFIX + randomCharacters(TOKEN_CHARACTERS)
}

/** For people to type once: seven groups of four characters with hyphens, 140 random bits. */
export function makeGeneratedPassword(): string {
  return inGroups(randomCharacters(PASSWORD_CHARACTERS))
}

/** As it was made, of what was typed without hyphens and perhaps in capitals; null for all else. */
export function readGeneratedPassword(typed: string): string | null {
  const characters = typed.toLowerCase()
  if (characters.length !== PASSWORD_CHARACTERS) return null
  if (![...characters].every((one) => ALPHABET.includes(one))) return null
  return inGroups(characters)
}

/** A generated password that can be told from what people choose: it begins with `app-`. */
export function makeAppPassword(): string {
  return `${APP_PREFIX}${makeGeneratedPassword()}`
}

/** As {@link makeAppPassword}, for networks; it begins with `net-`. */
export function makeNetworkPassword(): string {
  return `${NETWORK_PREFIX}${makeGeneratedPassword()}`
}

/** For a guest to type on a telephone: four groups of four characters with hyphens, 80 random bits. */
export function makeGuestPassword(): string {
  return inGroups(randomCharacters(GUEST_CHARACTERS))
}

/** Such as `guest-k7m2q`. */
export function makeGuestName(): string {
  return `${GUEST_PREFIX}${randomCharacters(NAME_CHARACTERS)}`
}

/** Whether it looks like an app or network password, good or not; no text is made of it. */
export function isAppPassword(password: Buffer): boolean {
  if (password.length !== APP_PASSWORD_BYTES) return false
  const prefix = password.subarray(0, APP_PREFIX.length)
  if (!PREFIXES.some((one) => one.equals(prefix))) return false
  return password.every((byte) => LETTERS.has(byte))
}

/**
 * What is stored of a generated secret: base64 of its SHA-256. With 128 bits or more behind it there
 * is nothing to guess, so it needs neither salt nor cost. Never use it for what people choose.
 */
export function digestSecret(secret: string | Uint8Array): string {
  return hash('sha256', secret, 'base64')
}

function inGroups(characters: string): string {
  return (characters.match(new RegExp(`.{${GROUP}}`, 'g')) ?? []).join('-')
}

function randomCharacters(count: number): string {
  // 256 is a multiple of 32, so a byte's low five bits are uniform.
  return Array.from(randomBytes(count), (byte) => ALPHABET[byte % ALPHABET.length]).join('')
}
