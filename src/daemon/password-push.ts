import type { PasswordPush, Pushed } from '../credentials/password-setter.ts'
import type { Person } from '../directory/person.ts'
import { type PasswordAnswer, setTenantPassword } from '../provisioning/microsoft365/password.ts'
import { GraphCalls } from '../sources/microsoft365/calls.ts'
import { parseConfig } from '../sources/microsoft365/settings.ts'
import { readSecretOf } from '../sources/microsoft365/stored-secret.ts'
import type { SourceRegistry, StoredSource } from '../sources/registry.ts'
import { PostgresPushStore } from '../storage/push-store.ts'
import { PostgresSourceAccounts } from '../storage/source-accounts.ts'
import type { DirectoryParts, Observers } from './directory.ts'

interface Destination {
  readonly source: StoredSource
  readonly externalId: string
}

const TENANT = 'Microsoft 365'
const PUSH_MS = 25_000

/** Takes passwords to the tenant a person comes from, where the tier says so. */
export class TenantPasswords implements PasswordPush {
  readonly #log: Observers['log']
  readonly #registry: SourceRegistry
  readonly #accounts: PostgresSourceAccounts
  readonly #pushes: PostgresPushStore

  constructor(input: Pick<Observers, 'log'> & { readonly directory: DirectoryParts }) {
    const { database, sourceRegistry } = input.directory
    this.#log = input.log
    this.#registry = sourceRegistry
    this.#accounts = new PostgresSourceAccounts(database)
    this.#pushes = new PostgresPushStore(database)
  }

  /** In words for the person; null when it stays here. */
  async describe(person: Person): Promise<string | null> {
    return (await this.#find(person)) === null ? null : TENANT
  }

  async push(person: Person, password: Buffer, signal: AbortSignal): Promise<Pushed> {
    const destination = await this.#find(person)
    if (destination === null) return { kind: 'nowhere' }
    const { source, externalId } = destination
    const config = parseConfig(source.config)
    const secret = await readSecretOf(this.#registry, source)
    const answer = await setTenantPassword(new GraphCalls({ config, secret }), externalId, {
      password,
      signal: AbortSignal.any([signal, AbortSignal.timeout(PUSH_MS)]),
    })
    const reason = answer.kind === 'taken' ? null : answer.reason
    await this.#note(source.id, person.id, answer)
    const line = { source: source.name, principal: person.id, outcome: answer.kind, reason }
    if (answer.kind === 'taken') {
      this.#log.info('password.pushed', line)
      return { kind: 'taken', where: TENANT }
    }
    this.#log.warn('password.not-pushed', line)
    return answer
  }

  /** Shown at the person and at the tier; the password itself has its answer by now. */
  async #note(sourceId: string, principalId: string, answer: PasswordAnswer): Promise<void> {
    const refusal = answer.kind === 'refused' ? answer.refusal : null
    if (answer.kind !== 'taken' && refusal === null) return
    const said = answer.kind === 'refused' ? `${refusal}: ${answer.reason}` : null
    await this.#pushes
      .notePassword(sourceId, principalId, said)
      .catch((error: unknown) => this.#log.warn('password.push-unnoted', { error }))
  }

  async #find({ id }: Person): Promise<Destination | null> {
    for (const source of await this.#registry.list()) {
      if (source.state === 'paused' || parseConfig(source.config).tier !== 'password') continue
      const account = await this.#accounts.find(source.id, id)
      if (account !== null) return { source, externalId: account.externalId }
    }
    return null
  }
}
