import type { Directory } from '../directory/directory.ts'
import type { Person } from '../directory/person.ts'
import type { AppPasswordProof } from '../directory/ports/app-passwords.ts'
import type { NewMail } from '../directory/ports/mail.ts'
import type { NetworkPassword, NetworkPasswordStore } from '../directory/ports/network-passwords.ts'
import type { Actor, Written } from '../directory/ports/people.ts'
import { digestSecret, makeNetworkPassword } from './generated-secret.ts'
import { ntHash } from './nt-hash.ts'

interface By {
  readonly proof: AppPasswordProof
  readonly actor: Actor
}

/** The one way in which network passwords are made and revoked, whoever does it. */
export class NetworkPasswords {
  readonly #store: NetworkPasswordStore
  readonly #directory: Directory
  readonly #notice: (person: Person) => Promise<NewMail | null>

  constructor(parts: {
    readonly store: NetworkPasswordStore
    readonly directory: Directory
    /** What she is told by mail; null when nothing is sent. */
    readonly notice: (person: Person) => Promise<NewMail | null>
  }) {
    this.#store = parts.store
    this.#directory = parts.directory
    this.#notice = parts.notice
  }

  /** Whether an admin allows them. */
  get areAllowed(): boolean {
    return this.#directory.settings.allowNetworkPasswords
  }

  find(person: Person): Promise<NetworkPassword | null> {
    return this.#store.find(person.id)
  }

  /**
   * Makes one in place of the one before it; it is to be shown this once. Null when the proof no
   * longer holds.
   *
   * @throws {DirectoryError} `DIRECTORY_REFUSED` where none is allowed
   */
  async make(
    person: Person,
    by: By,
  ): Promise<{ readonly password: string; readonly written: Written } | null> {
    const notice = await this.#notice(person)
    const password = makeNetworkPassword()
    const bytes = Buffer.from(password)
    const hash = ntHash(bytes)
    try {
      const { id: principalId } = person
      const verifier = digestSecret(password)
      const secret = { ntHash: hash, password: bytes }
      const made = { principalId, verifier, ...secret, proof: by.proof, notice }
      const written = await this.#store.put(made, by.actor)
      return written === null ? null : { password, written }
    } finally {
      hash.fill(0)
      bytes.fill(0)
    }
  }

  revoke(person: Person, by: By): Promise<Written | null> {
    return this.#store.revoke(person.id, by.proof, by.actor)
  }
}
