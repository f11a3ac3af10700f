import type { Directory } from '../directory/directory.ts'
import { DirectoryError } from '../directory/errors.ts'
import { GUEST_NAME, type Guest, type GuestSecret } from '../directory/guest.ts'
import type { PrincipalId } from '../directory/id.ts'
import type { GuestChange, GuestStore, NewGuest } from '../directory/ports/guests.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import { makeGuestName, makeGuestPassword } from './generated-secret.ts'
import { ntHash } from './nt-hash.ts'

/** What an admin asks for; the rest is made. */
export interface GuestOrder extends Omit<NewGuest, 'name' | 'secret'> {
  /** Null for a generated one. */
  readonly name: string | null
  /** More than one: each gets a name of its own, numbered behind the one given. */
  readonly count: number
}

export interface MadeGuest {
  readonly id: PrincipalId
  readonly name: string
  /** To be shown this once. */
  readonly password: string
}

/** The one way in which guests are made and removed. */
export class Guests {
  readonly #store: GuestStore
  readonly #directory: Directory

  constructor(parts: { readonly store: GuestStore; readonly directory: Directory }) {
    this.#store = parts.store
    this.#directory = parts.directory
  }

  /** @throws {DirectoryError} `DIRECTORY_REFUSED`, and `DIRECTORY_CONFLICT` when a name is taken */
  async add(
    { name, count, ...same }: GuestOrder,
    actor: Actor,
  ): Promise<{ readonly made: readonly MadeGuest[]; readonly written: Written }> {
    const secrets: GuestSecret[] = []
    try {
      const names = this.#namesFor(name, count)
      for (const _ of names) secrets.push(makeSecret())
      const guests = names.map((own, at) => ({ ...same, name: own, secret: nth(secrets, at) }))
      const written = await this.#store.createGuests(guests, actor)
      const made = written.ids.map((id, at) => ({
        id,
        name: nth(names, at),
        password: nth(secrets, at).password.toString('utf8'),
      }))
      return { made, written }
    } finally {
      for (const { ntHash: hash, password } of secrets) {
        hash.fill(0)
        password.fill(0)
      }
    }
  }

  change({ id }: Guest, change: GuestChange, actor: Actor): Promise<Written> {
    return this.#store.updateGuest(id, change, actor)
  }

  remove({ id }: Guest, actor: Actor): Promise<Written> {
    return this.#store.revokeGuest(id, actor)
  }

  #namesFor(name: string | null, count: number): readonly string[] {
    if (name === null) return this.#freeNames(count)
    const own = name.toLowerCase()
    const names =
      count === 1 ? [own] : Array.from({ length: count }, (_, index) => `${own}-${index + 1}`)
    for (const one of names) this.#check(one)
    return names
  }

  #freeNames(count: number): readonly string[] {
    const names = new Set<string>()
    while (names.size < count) {
      const name = makeGuestName()
      if (!this.#isPersons(name) && this.#directory.guestByName(name) === null) names.add(name)
    }
    return [...names]
  }

  #check(name: string): void {
    if (!GUEST_NAME.test(name))
      throw new DirectoryError(
        'DIRECTORY_REFUSED',
        `a guest cannot be called ${name}: write guest-NAME, of letters a to z, digits and hyphens, 38 characters at most`,
      )
    if (!this.#isPersons(name)) return
    throw new DirectoryError(
      'DIRECTORY_CONFLICT',
      `${name} is the log-in name of a person: choose another`,
    )
  }

  #isPersons(name: string): boolean {
    return this.#directory.personByLoginName(name) !== null
  }
}

function makeSecret(): GuestSecret {
  const password = Buffer.from(makeGuestPassword())
  return { ntHash: ntHash(password), password }
}

function nth<T>(list: readonly T[], at: number): T {
  const found = list[at]
  if (found === undefined) throw new Error('fewer names or secrets than guests')
  return found
}
