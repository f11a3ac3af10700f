/** What a password people choose has to be. */
export interface PasswordPolicy {
  /** In characters (code points), as people count them. */
  readonly minLength: number
  readonly maxLength: number
  /** How hard to guess, from 0 (anything goes) to 4, by zxcvbn's measure. */
  readonly minStrength: number
  /** Words that no password may contain, whatever their case. */
  readonly banned: readonly string[]
  /** How many passwords before the present one may not come back; the present one never may. */
  readonly history: number
  /** Days after which a password has to be changed; null for never, which is what guidance says. */
  readonly maxAgeDays: number | null
}

/** Length and guessing decide; expiry makes people choose worse ones (NIST SP 800-63B §3.1.1.2). */
export const DEFAULT_PASSWORD_POLICY: PasswordPolicy = {
  minLength: 12,
  maxLength: 128,
  minStrength: 3,
  banned: [],
  history: 5,
  maxAgeDays: null,
}

export const POLICY_LIMITS = {
  minLength: { from: 8, to: 64 },
  maxLength: { from: 64, to: 256 },
  minStrength: { from: 0, to: 4 },
  /** Each costs a verification when a password is set. */
  history: { from: 0, to: 24 },
  maxAgeDays: { from: 1, to: 3_650 },
  banned: { words: 1_000, from: 4, to: 64 },
} as const

/** Why a policy cannot be; null when it can. */
export function faultOfPolicy(policy: PasswordPolicy): string | null {
  for (const name of ['minLength', 'maxLength', 'minStrength', 'history', 'maxAgeDays'] as const) {
    const value = policy[name]
    const { from, to } = POLICY_LIMITS[name]
    if (value !== null && !(Number.isInteger(value) && value >= from && value <= to))
      return `${name} is a whole number from ${from} to ${to}`
  }
  const { words, from, to } = POLICY_LIMITS.banned
  if (policy.banned.length > words) return `at most ${words} words are banned`
  const wrong = policy.banned.find((word) => [...word].length < from || [...word].length > to)
  return wrong === undefined ? null : `a banned word has ${from} to ${to} characters: "${wrong}"`
}
