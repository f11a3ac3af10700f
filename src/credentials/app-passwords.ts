import type { AppPasswordUse } from '../directory/credential.ts'
import type { Directory } from '../directory/directory.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { CredentialId } from '../directory/id.ts'
import type { Person } from '../directory/person.ts'
import {
  type AppPassword,
  type AppPasswordProof,
  type AppPasswordStore,
  MAX_APP_PASSWORD_NAME,
} from '../directory/ports/app-passwords.ts'
import type { NewMail } from '../directory/ports/mail.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import type { Service } from '../directory/service.ts'
import { digestSecret, makeAppPassword } from './generated-secret.ts'

export interface AppPasswordWish {
  readonly name: string
  readonly uses: readonly AppPasswordUse[]
  /** An LDAP client it is bound to. */
  readonly client: Service | null
  readonly expiresAtMs: number | null
}

export interface MadeAppPassword {
  readonly id: CredentialId
  /** To be shown this once; it is kept nowhere. */
  readonly password: string
  readonly written: Written
}

const WORDS: Readonly<Record<AppPasswordUse, string>> = {
  ldap: 'programs that ask by LDAP',
  radius: 'Wi-Fi and VPN (RADIUS)',
}

/** What a use is called on pages and in mails. */
export function wordsOfUse(use: AppPasswordUse): string {
  return WORDS[use]
}

/** The one way in which app passwords are made and revoked, whoever does it. */
export class AppPasswords {
  readonly #store: AppPasswordStore
  readonly #directory: Directory
  readonly #notice: (person: Person, name: string) => Promise<NewMail | null>
  readonly #nowMs: () => number

  constructor(parts: {
    readonly store: AppPasswordStore
    readonly directory: Directory
    /** What she is told by mail; null when nothing is sent. */
    readonly notice: (person: Person, name: string) => Promise<NewMail | null>
    readonly nowMs?: () => number
  }) {
    this.#store = parts.store
    this.#directory = parts.directory
    this.#notice = parts.notice
    this.#nowMs = parts.nowMs ?? Date.now
  }

  listFor(person: Person): Promise<readonly AppPassword[]> {
    return this.#store.listFor(person.id)
  }

  /** Name of the LDAP client one is bound to; null where it is bound to none. */
  clientNameOf({ serviceId }: AppPassword): string | null {
    const value = serviceId === null ? null : this.#directory.entryById(serviceId)?.value
    if (value === null) return null
    return value?.kind === 'service' ? value.name : 'a client that is gone'
  }

  /**
   * Null when the proof no longer holds.
   *
   * @throws {DirectoryError} that says what is wrong with the wish
   */
  async make(
    person: Person,
    wish: AppPasswordWish,
    by: { readonly proof: AppPasswordProof; readonly actor: Actor },
  ): Promise<MadeAppPassword | null> {
    const name = wish.name.trim()
    const fault = this.#faultOf({ ...wish, name })
    if (fault !== null) throw new DirectoryError('DIRECTORY_REFUSED', fault)
    const password = makeAppPassword()
    const added = await this.#store.add(
      {
        principalId: person.id,
        name,
        verifier: digestSecret(password),
        uses: [...new Set(wish.uses)],
        serviceId: wish.client?.id ?? null,
        expiresAtMs: wish.expiresAtMs,
        proof: by.proof,
        notice: await this.#notice(person, name),
      },
      by.actor,
    )
    return added === null ? null : { id: added.id, password, written: added }
  }

  /** By id or name, or all with null. Null when the proof no longer holds; 0 changed for a stranger's. */
  async revoke(
    person: Person,
    reference: string | null,
    by: { readonly proof: AppPasswordProof; readonly actor: Actor },
  ): Promise<Written | null> {
    const id = reference === null ? 'all' : await this.#find(person, reference)
    if (id === null) return { changed: 0, inboxSeq: null }
    return this.#store.revoke({ principalId: person.id, id, proof: by.proof }, by.actor)
  }

  async #find(person: Person, reference: string): Promise<CredentialId | null> {
    const folded = reference.toLowerCase()
    const hers = await this.#store.listFor(person.id)
    const found =
      hers.find(({ id }) => id === reference) ??
      hers.find(({ name }) => name.toLowerCase() === folded)
    return found?.id ?? null
  }

  #faultOf({ name, uses, client, expiresAtMs }: AppPasswordWish): string | null {
    if (name === '' || [...name].length > MAX_APP_PASSWORD_NAME || /\p{C}/u.test(name))
      return `give it a name of 1 to ${MAX_APP_PASSWORD_NAME} printable characters, such as the device it is for`
    if (uses.length === 0) return 'say what it is for: LDAP, RADIUS or both'
    if (client !== null && !uses.includes('ldap'))
      return 'an LDAP client is named, but the app password is not for LDAP'
    if (expiresAtMs !== null && expiresAtMs <= this.#nowMs())
      return 'its end lies in the past: choose a later one, or none'
    return null
  }
}
