import { LoginError } from './login-error.ts'

/**
 * What Entra says of a person it does not let in, by AADSTS number
 * (learn.microsoft.com/entra/identity-platform/reference-error-codes). A number that is not here has
 * a sentence of its own.
 */
const MESSAGES: Readonly<Record<number, string>> = {
  50034: 'The user account does not exist in the directory.',
  50053:
    'The account is locked, you have tried to sign in too many times with an incorrect user ID or password.',
  50055: 'The password is expired.',
  50057: 'The user account is disabled.',
  50058: 'A silent sign-in request was sent but no user is signed in.',
  50076:
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.",
  50079:
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.",
  50105:
    'Your administrator has configured the application to block users unless they are specifically granted access to the application.',
  50126: 'Error validating credentials due to invalid username or password.',
  53003:
    'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
  65001:
    'The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.',
  65004: 'User declined to consent to access the app.',
  90094: 'Admin consent is required for the permissions requested by this application.',
}

export function signInError(error: string, number: number): LoginError {
  const message = MESSAGES[number] ?? 'The sign-in was blocked.'
  return new LoginError(400, error, number, message)
}
