/** What to do about an answer that is not ours alone; reasons that speak for themselves have none. */
const HINTS: Readonly<Record<string, string>> = {
  'source-mfa-required':
    'Microsoft asks for a second step, which LDAP and RADIUS cannot give: take her out of the pass-through group and set a password here',
  'source-policy':
    'a Conditional Access policy of the tenant refuses sign-ins of this kind: exempt the application, or set a password here',
  'source-locked':
    'Microsoft has locked the account, or takes our address for a malicious one: name it among the trusted locations of the tenant',
  'source-loop': 'some client signs in far too often: find it by its address',
  'source-password-expired': 'she changes her password at Microsoft, then tries again',
  'source-password-reset':
    'Microsoft takes the password for compromised: she changes it there, then tries again',
  'source-no-password': 'the account has no password at Microsoft: set one here, outside the group',
  'source-disabled': 'the account is disabled at Microsoft',
  'source-unknown': 'Microsoft knows no such account: `gatehouse sync` tells what became of it',
  'source-not-assigned': 'assign her to the application, under Enterprise applications',
  'source-refused': 'look for the code in the sign-in log of the tenant',
  'source-foreign-token': 'the yes was about somebody else: this should never happen, report it',
  'source-unsupported':
    'guests, and passwords with a space at either end, cannot be checked there: set a password here, outside the group',
  'source-tries-spent':
    'further tries could lock the account at Microsoft: wait ten minutes, or `gatehouse person unlock NAME`',
  'source-unavailable': 'Microsoft did not answer in time',
  'not-linked': 'nobody here has this Microsoft account: import it, or approve the proposed link',
  'sign-in-spent': 'a way back from Microsoft was used already: she begins again',
  'sign-in-old':
    'Microsoft did not ask anew, so nobody knows who sat there: she signs out there, and begins again',
  'source-misconfigured': '`gatehouse source list` says what to mend',
}

/** A line for each reason that has one, in the order in which they come. */
export function hintsFor(reasons: readonly (string | null)[]): readonly string[] {
  return [...new Set(reasons)].flatMap((reason) => {
    const hint = HINTS[reason ?? '']
    return hint === undefined ? [] : [`${reason}: ${hint}`]
  })
}
