import type { DelegatedDenial } from '../../credentials/delegated-password.ts'
import { FEDERATION_FORBIDDEN, FEDERATION_MISMATCHES } from './federation-codes.ts'

interface Refused {
  readonly kind: 'refused'
  readonly denial: DelegatedDenial
  /** For so long no password of this person is sent again. */
  readonly coolDownMs: number
  /** What was found right before is no longer good while Entra cannot be reached. */
  readonly forgets: boolean
  /** The account is disabled: so is the person, before the next round says so. */
  readonly disables: boolean
  /** For an admin to mend or to know; null when it is between Entra and the person. */
  readonly alert: string | null
}

/** What Entra's answer to a password means here, and what else is to be done about it. */
export type Meaning =
  | { readonly kind: 'wrong' }
  | Refused
  /** The application may not ask at all, about nobody. */
  | {
      readonly kind: 'misconfigured'
      readonly nextStep: string
      /** What it means where others are let in; null where it cannot concern one person alone. */
      readonly ofOne: Refused | null
    }
  | { readonly kind: 'transient' }

/** Longer than Entra's first lock of a minute, which each further wrong password prolongs. */
const LOCKED_COOL_DOWN_MS = 5 * 60_000

const wrong: Meaning = { kind: 'wrong' }
const transient: Meaning = { kind: 'transient' }

function refused(
  denial: DelegatedDenial,
  more: Partial<Omit<Refused, 'kind' | 'denial'>> = {},
): Refused {
  const plain = { coolDownMs: 0, forgets: true, disables: false, alert: null }
  return { kind: 'refused', denial, ...plain, ...more }
}

export function misconfigured(
  nextStep: string,
  ofOne: Refused | null = null,
): Extract<Meaning, { kind: 'misconfigured' }> {
  return { kind: 'misconfigured', nextStep, ofOne }
}

const MFA = refused('source-mfa-required')
const POLICY = refused('source-policy')
const EXPIRED = refused('source-password-expired')
const RESET = refused('source-password-reset', {
  alert: 'Entra takes the password for compromised: it has to be changed there',
})
const SECRET = misconfigured(
  "the application's secret is wrong or has expired: `gatehouse source set-secret`",
)
const UNKNOWN_APPLICATION = misconfigured(
  'the tenant does not know the application: check tenant id and client id',
)
const FEDERATION = misconfigured(
  'the app registration does not take the token of the file: `gatehouse source tier` says what the ' +
    'token says, and what to mend',
)
const NOT_ALLOWED = misconfigured(
  'the app registration does not allow signing in with a password: under Authentication, allow ' +
    'public client flows',
)

/**
 * Microsoft's error codes (AADSTS…, learn.microsoft.com "Microsoft Entra authentication and
 * authorization error codes"), each with what it means for a log-in here.
 */
export const MEANINGS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [50126, wrong],
  [50064, wrong],
  [50034, refused('source-unknown')],
  [
    50053,
    refused('source-locked', {
      coolDownMs: LOCKED_COOL_DOWN_MS,
      // Whoever guesses must not end what the rightful one has for an outage.
      forgets: false,
      alert:
        'Entra has locked an account, or takes our address for a malicious one: name it among the ' +
        'trusted locations of the tenant',
    }),
  ],
  [50055, EXPIRED],
  [50144, EXPIRED],
  [50056, refused('source-no-password')],
  [50057, refused('source-disabled', { disables: true })],
  [50072, MFA],
  [50074, MFA],
  [50076, MFA],
  [50079, MFA],
  [50158, MFA],
  [53000, POLICY],
  [53001, POLICY],
  [53002, POLICY],
  [53003, POLICY],
  [53004, POLICY],
  [50131, POLICY],
  [530002, POLICY],
  [530003, POLICY],
  [50097, POLICY],
  [50129, POLICY],
  [50155, POLICY],
  [
    50105,
    refused('source-not-assigned', {
      alert:
        'somebody is not assigned to the application: assign her group, or turn "assignment ' +
        'required" off under Enterprise applications',
    }),
  ],
  [50125, RESET],
  [50135, RESET],
  [
    50196,
    refused('source-loop', {
      coolDownMs: LOCKED_COOL_DOWN_MS,
      forgets: false,
      alert: 'Entra takes repeated sign-ins for a loop: some client signs in far too often',
    }),
  ],
  [
    65001,
    misconfigured(
      'nobody has consented to `openid` and `profile` for the application: grant admin consent ' +
        'under API permissions (delegated permissions of Microsoft Graph)',
      refused('source-refused', {
        alert:
          'somebody has not consented to the application while others have: grant admin consent ' +
          'under API permissions (delegated permissions of Microsoft Graph)',
      }),
    ),
  ],
  [700016, UNKNOWN_APPLICATION],
  [700038, UNKNOWN_APPLICATION],
  [90002, UNKNOWN_APPLICATION],
  [500011, UNKNOWN_APPLICATION],
  [7000112, misconfigured('enable the application under Enterprise applications')],
  [7000215, SECRET],
  [7000222, SECRET],
  [700027, SECRET],
  ...[...FEDERATION_MISMATCHES, ...FEDERATION_FORBIDDEN].map((code): [number, Meaning] => [
    code,
    FEDERATION,
  ]),
  [7000218, NOT_ALLOWED],
  [70003, NOT_ALLOWED],
  [70002, NOT_ALLOWED],
  [90033, transient],
  [90055, transient],
  [50033, transient],
  [50087, transient],
])

/** Microsoft may add codes at any time: one that is not known is no yes, and somebody should look. */
export const UNKNOWN_MEANING: Meaning = refused('source-refused', {
  alert: 'Entra refuses a sign-in with a code this release does not know',
})
