import type { Authenticator } from '../credentials/authenticate.ts'
import type { Person } from '../directory/person.ts'

const TIMEOUT_MS = 60_000

/**
 * Whose password it is; null for a wrong one, and for whoever may not be let in.
 *
 * @throws {AuthenticationUnavailable} when neither yes nor no can be said
 */
export async function checkPassword(
  authenticator: Authenticator,
  typed: { readonly name: string; readonly password: Buffer; readonly address: string },
): Promise<Person | null> {
  const { name, password, address } = typed
  const attempt = {
    subject: { by: 'login-name', name },
    password,
    resource: { kind: 'account' },
    method: 'account-page',
    address,
    device: null,
  } as const
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const outcome = await authenticator.authenticate(attempt, { signal })
  return outcome.ok && outcome.who.value.kind === 'person' ? outcome.who.value : null
}
