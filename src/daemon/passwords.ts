import { PasswordSetter } from '../credentials/password-setter.ts'
import { PasswordStrength } from '../credentials/password-strength.ts'
import type { Service } from '../lifecycle.ts'
import { PostgresPasswordStore } from '../storage/password-store.ts'
import type { DirectoryParts } from './directory.ts'
import type { LogInParts } from './log-in.ts'

export interface PasswordParts {
  readonly setter: PasswordSetter
  readonly services: readonly Service[]
}

/** How passwords are set, whoever sets them. */
export function makePasswords(input: {
  readonly directory: DirectoryParts
  readonly logIn: LogInParts
}): PasswordParts {
  const { database, keys, readModel } = input.directory
  const strength = new PasswordStrength()
  const setter = new PasswordSetter({
    directory: readModel,
    pool: input.logIn.pool,
    strength,
    store: new PostgresPasswordStore(database, keys),
    notice: () => null,
    push: null,
  })
  return { setter, services: [strength] }
}
