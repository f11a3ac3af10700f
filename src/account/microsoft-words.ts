export const MICROSOFT = 'Sign in with Microsoft'

interface Words {
  readonly title: string
  readonly message: string
}

export const SIGN_IN_AGAIN: Words = {
  title: 'Sign in again',
  message:
    'This sign-in was not begun in this browser, was used already, or took longer than ten minutes. Go back to the start and sign in again. If it comes again, allow cookies for this site.',
}

const NOT_NOW: Words = {
  title: 'Not just now',
  message: 'Microsoft did not answer. Nothing was changed. Try again in a minute.',
}

const TOLD_BY_MICROSOFT = 'You were not signed in'

/** What she can do about it; of Microsoft's own words nothing is shown, as anybody can write them. */
const WORDS: Readonly<Record<string, Words>> = {
  'source-unavailable': NOT_NOW,
  'too-many': {
    title: 'Too many at once',
    message:
      'Too many people sign in at this moment, or somebody tries without end. Load this page again in a minute.',
  },
  'sign-in-spent': SIGN_IN_AGAIN,
  'sign-in-old': {
    title: 'Sign in again',
    message:
      'Microsoft did not ask for your password this time. To choose one here, sign in anew: go back to the start, and enter your password and second step at Microsoft.',
  },
  'sign-in-off': {
    title: 'Sign-in with Microsoft is off',
    message:
      'Your administrator has not turned it on here. Use the link in the mail you were sent, or sign in with your password.',
  },
  cancelled: {
    title: TOLD_BY_MICROSOFT,
    message: 'The sign-in was cancelled at Microsoft. Go back to the start to try again.',
  },
  'not-linked': {
    title: 'No account here yet',
    message:
      'Microsoft knows you, but there is no account here that belongs to your Microsoft account. If you have more than one, sign in with the one of your organization; otherwise ask your administrator to import it.',
  },
  'source-unsupported': {
    title: 'Not for guests',
    message:
      'Your Microsoft account is a guest of this organization, and guests do not sign in here this way. Ask your administrator for a link to choose a password.',
  },
  staged: {
    title: 'Your account is not active yet',
    message:
      'Your administrator has to activate it first. If you were sent a mail with a link, open that link; otherwise ask for one.',
  },
  held: {
    title: 'Your account is suspended',
    message: 'It may not be used now. Ask your administrator what to do.',
  },
  'source-disabled': {
    title: TOLD_BY_MICROSOFT,
    message: 'Your Microsoft account is disabled. Ask your administrator.',
  },
  'source-policy': {
    title: TOLD_BY_MICROSOFT,
    message:
      'A rule of your organization at Microsoft does not allow this sign-in, such as from this device or place. Try from another, or ask your administrator.',
  },
  'source-mfa-required': {
    title: TOLD_BY_MICROSOFT,
    message:
      'Microsoft asks for a second step, and it was not completed. Go back to the start and try again.',
  },
  'source-not-assigned': {
    title: TOLD_BY_MICROSOFT,
    message:
      'Your Microsoft account is not assigned to this application. Ask your administrator to assign it.',
  },
  'source-locked': {
    title: TOLD_BY_MICROSOFT,
    message: 'Your Microsoft account is locked for now. Wait some minutes and try again.',
  },
  'source-misconfigured': {
    title: 'Sign-in with Microsoft does not work now',
    message:
      'The fault is in how it is set up, not in what you did. Tell your administrator; until then, sign in with your password, or use the link in a mail.',
  },
  'source-foreign-token': {
    title: TOLD_BY_MICROSOFT,
    message: 'What Microsoft answered does not prove who you are. Tell your administrator.',
  },
}

/** @param code Entra's number of a refusal, by which an administrator finds more about it */
export function wordsFor(reason: string, code: number | null): Words {
  const known = WORDS[reason === 'deleted' ? 'not-linked' : reason]
  const { title, message } = known ?? {
    title: TOLD_BY_MICROSOFT,
    message:
      'Microsoft refused the sign-in. Try again, and ask your administrator if it comes again.',
  }
  return { title, message: code === null ? message : `${message} (AADSTS${code})` }
}
