import type { Resource } from '../access/decide.ts'
import { decide } from '../access/decide.ts'
import { type Directory, entryNow } from '../directory/directory.ts'
import { canSignIn } from '../directory/hold.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import type { Entry } from '../directory/query.ts'
import type { AuthEvent } from '../observe/auth-event.ts'
import type { Authenticated, Claimant, Outcome } from './authenticate.ts'
import type { Claim } from './claim.ts'
import type { CredentialIndex } from './credential-index.ts'
import type { DelegatedPasswords } from './delegated-password.ts'
import type { Answer, Denied, Login } from './login.ts'
import { foldLoginName, recordedName } from './login-name.ts'

type Yes = Extract<Outcome, { ok: true }>

export interface EntryLoginParts {
  readonly directory: Directory
  readonly credentials: CredentialIndex
  readonly delegated: DelegatedPasswords
}

/** A person's or a service's try, by whatever protocol. */
export class EntryLogin implements Login<Yes> {
  readonly password: Buffer
  readonly address: string
  readonly resourceKind: AuthEvent['resourceKind']
  readonly isAddressLimited: boolean
  readonly isFirstStep: boolean
  readonly #directory: Directory
  readonly #credentials: CredentialIndex
  readonly #delegated: DelegatedPasswords
  readonly #claimant: Claimant
  #name: string | null = null
  #found: Authenticated | null = null
  #stamp = 0

  /** @param password empty where something else is shown */
  constructor(parts: EntryLoginParts, claimant: Claimant, password: Buffer) {
    this.#directory = parts.directory
    this.#credentials = parts.credentials
    this.#delegated = parts.delegated
    this.#claimant = claimant
    this.password = password
    this.address = claimant.address
    this.resourceKind = claimant.resource.kind
    this.isAddressLimited = isOneParty(claimant.resource)
    this.isFirstStep = claimant.isFirstStep === true
  }

  /** Folded when asked for: a cached log-in by DN never is. */
  get name(): string {
    this.#name ??= foldLoginName(this.#claimant.subject.name)
    return this.#name
  }

  find(): Claim | null {
    this.#found = this.#findEntry()
    if (this.#found === null) return null
    const { resource, device } = this.#claimant
    const principal = this.#found.value
    const candidates = this.#credentials.candidatesFor(principal.id)
    this.#stamp = candidates.stamp
    return {
      principalId: principal.id,
      principalVersion: principal.version,
      candidates,
      clientId: clientIdOf(resource),
      takesNetworkPassword:
        resource.kind === 'network' && this.#directory.settings.allowNetworkPasswords,
      delegation: isPerson(this.#found) ? this.#delegationOf(this.#found) : null,
      resourceKind: resource.kind,
      device: device ?? '',
      isToChange: resource.kind === 'account',
    }
  }

  decide(): Yes | Denied {
    const who = this.#found
    if (who === null) return { ok: false, denial: 'deleted' }
    const decision = decide(this.#directory, who, this.#claimant.resource)
    if (!decision.ok) return decision
    return { ok: true, who, grant: decision.grant, stamp: this.#stamp }
  }

  describe(answer: Answer): AuthEvent {
    return describeAnswer(this.#claimant, answer)
  }

  /** Whoever may not sign in here is not asked about anywhere else. */
  #delegationOf(person: Entry<Person>) {
    return canSignIn(person.value) ? this.#delegated.find(person) : null
  }

  #findEntry(): Authenticated | null {
    const { subject } = this.#claimant
    if (subject.by === 'login-name') return this.#directory.personByLoginName(this.name)
    if (subject.entry === null) return null
    // The entry the gateway found may be older than what the directory holds by now.
    const entry = entryNow(this.#directory, { id: subject.entry.value.id, no: subject.entry.no })
    return entry === null || entry.value.kind === 'group' ? null : (entry as Authenticated)
  }
}

/** What the record says of an answer to somebody's claim. */
export function describeAnswer(claimant: Claimant, answer: Answer): AuthEvent {
  const { subject, resource, method, address, device, detail } = claimant
  return {
    atMs: answer.atMs,
    outcome: answer.outcome,
    reason: answer.reason,
    resourceKind: resource.kind,
    resourceName: nameOfResource(resource),
    method,
    principalId: answer.principalId,
    name: recordedName(subject.name),
    address,
    device,
    detail: answer.note === undefined ? (detail ?? null) : { ...detail, ...answer.note },
  }
}

function isPerson(entry: Authenticated): entry is Entry<Person> {
  return entry.value.kind === 'person'
}

function clientIdOf(resource: Resource): PrincipalId | null {
  return resource.kind === 'ldap' && resource.client !== null ? resource.client.id : null
}

/** A NAS or an authenticated LDAP client asks for many; only others are known by their address. */
function isOneParty(resource: Resource): boolean {
  return resource.kind !== 'network' && !(resource.kind === 'ldap' && resource.client !== null)
}

function nameOfResource(resource: Resource): string | null {
  if (resource.kind === 'ldap') return resource.client === null ? null : resource.client.name
  return resource.kind === 'network' ? resource.network.name : null
}
