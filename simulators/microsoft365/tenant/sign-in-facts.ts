import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'

/** Cheap on purpose: tests sign in by the hundred, and these passwords guard nothing. */
const SCRYPT_COST = 1_024
const DIGEST_BYTES = 32
const SALT_BYTES = 16

/** Whether a second step is asked for, and whether the person has one to give. */
export const MFA_STATES = ['none', 'required', 'unregistered'] as const
export type MfaState = (typeof MFA_STATES)[number]

/** What the login service knows of a person beside her entry in the directory. */
export interface SignInFacts {
  /** `salt.digest`, base64url; null for a person without a password. */
  readonly passwordHash: string | null
  readonly mfa: MfaState
  /** The next sign-in on a page has to end with another password. */
  readonly mustChangePassword: boolean
  readonly passwordExpired: boolean
  /**
   * AADSTS numbers that refuse each sign-in, be the password right: 53003 for Conditional Access,
   * 50105 for a person not assigned, 50053 for smart lockout and so on. The first one is shown.
   */
  readonly denials: readonly number[]
}

export const NO_SIGN_IN: SignInFacts = {
  passwordHash: null,
  mfa: 'none',
  mustChangePassword: false,
  passwordExpired: false,
  denials: [],
}

/** What is left out keeps its value. `password` is hashed; null takes it away. */
export interface SignInChange {
  readonly password?: string | null
  readonly passwordHash?: string | null
  readonly mfa?: MfaState
  readonly mustChangePassword?: boolean
  readonly passwordExpired?: boolean
  readonly denials?: readonly number[]
}

/** @throws {TypeError} for a name or value that is none */
export function changeSignIn(facts: SignInFacts, change: SignInChange): SignInFacts {
  for (const [name, value] of Object.entries(change)) {
    const isKnown = CHECKS[name as keyof SignInChange]?.(value) ?? false
    if (!isKnown) throw new TypeError(`a sign-in has no ${name} ${JSON.stringify(value)}`)
  }
  const { password, ...others } = change
  if (password === undefined) return { ...facts, ...others }
  return { ...facts, passwordHash: password === null ? null : hash(password), ...others }
}

const isBoolean = (value: unknown): boolean => typeof value === 'boolean'
const isTextOrNull = (value: unknown): boolean => value === null || typeof value === 'string'
const CHECKS: Readonly<Record<keyof SignInChange, (value: unknown) => boolean>> = {
  password: isTextOrNull,
  passwordHash: isTextOrNull,
  mfa: (value) => MFA_STATES.some((state) => state === value),
  mustChangePassword: isBoolean,
  passwordExpired: isBoolean,
  denials: (value) => Array.isArray(value) && value.every((code) => Number.isInteger(code)),
}

/** False also where there is no password. */
export function isPassword({ passwordHash }: SignInFacts, password: string): boolean {
  const [salt = '', digest = ''] = passwordHash?.split('.') ?? []
  if (digest === '') return false
  return timingSafeEqual(derive(password, salt), Buffer.from(digest, 'base64url'))
}

/** For the control endpoint: without the password. */
export function describeSignIn({ passwordHash, ...facts }: SignInFacts): object {
  return { hasPassword: passwordHash !== null, ...facts }
}

function hash(password: string): string {
  const salt = randomBytes(SALT_BYTES).toString('base64url')
  return `${salt}.${derive(password, salt).toString('base64url')}`
}

function derive(password: string, salt: string): Buffer {
  return scryptSync(password, salt, DIGEST_BYTES, { N: SCRYPT_COST })
}
