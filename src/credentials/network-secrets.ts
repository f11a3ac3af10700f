import type { Credential } from '../directory/credential.ts'
import { DirectoryError } from '../directory/errors.ts'
import type { CredentialId } from '../directory/id.ts'
import type { NetworkSecret, NetworkSecretReader } from '../directory/ports/network-passwords.ts'
import { AuthenticationUnavailable } from './authenticate.ts'
import { ExpiringMap } from './expiring-map.ts'
import { Slots } from './slots.ts'

/** Readings at once: enough for a campus that comes back, few enough to leave the pool to others. */
const SLOTS = { slots: 4, maxWaiting: 2_000, maxWaitingPerKey: 1_000 }
/** Names that led to no network password, and have waited once for it. */
const MAX_ASKED = 50_000
const ASKED_MS = 12 * 60 * 60 * 1_000
const nobody = '00000000-0000-0000-0000-000000000000' as CredentialId

/** Who waits for a reading, and when to give up. */
export interface ReadTurn {
  readonly key: string
  readonly signal: AbortSignal
  readonly atMs: number
}

/**
 * The secrets behind network passwords, in memory once they were asked for.
 *
 * A secret hangs on the very credential the index holds: a changed or revoked credential is another
 * object or none, so what was known of it is out of reach at once and is collected with it.
 */
export class NetworkSecrets {
  readonly #reader: NetworkSecretReader
  readonly #slots = new Slots(SLOTS)
  readonly #known = new WeakMap<Credential, NetworkSecret>()
  readonly #asked = new ExpiringMap<true>(MAX_ASKED)

  constructor(reader: NetworkSecretReader) {
    this.#reader = reader
  }

  /**
   * Null when it has gone meanwhile.
   *
   * @throws {AuthenticationUnavailable} `database`, `overloaded`
   */
  async find(credential: Credential, turn: ReadTurn): Promise<NetworkSecret | null> {
    const known = this.#known.get(credential)
    if (known !== undefined) return known
    const secret = await this.#read(credential.id, turn)
    if (secret !== null) this.#known.set(credential, secret)
    return secret
  }

  /**
   * Takes as long as {@link find}, and like it the first time only, so that the time of an answer
   * does not tell who has a network password.
   */
  async pretend(who: string, turn: ReadTurn): Promise<void> {
    if (this.#asked.find(who, turn.atMs) !== null) return
    await this.#read(nobody, turn)
    this.#asked.put(who, true, turn.atMs + ASKED_MS)
  }

  async #read(id: CredentialId, { key, signal }: ReadTurn): Promise<NetworkSecret | null> {
    const giveBack = await this.#slots.take(key, signal)
    try {
      return await this.#reader.readNetworkSecret(id)
    } catch (error) {
      if (!(error instanceof DirectoryError) || error.code !== 'DIRECTORY_UNAVAILABLE') throw error
      throw new AuthenticationUnavailable('database', { cause: error })
    } finally {
      giveBack()
    }
  }
}
