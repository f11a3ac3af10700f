import type { NasId } from '../id.ts'
import type { Actor, Written } from './people.ts'

/** A NAS was heard with one of its several secrets. */
export interface SecretUse {
  readonly nasId: NasId
  /** As {@link Nas.secretNo} counts. */
  readonly secretNo: number
  readonly address: string
  readonly atMs: number
}

/** Changes of a NAS that time or the NAS itself brings about, beside what admins set. */
export interface NasStore {
  /**
   * Puts a new secret in front; those there were are good for `keepMs` more.
   *
   * @throws {DirectoryError} `DIRECTORY_REFUSED` when too many are good already
   */
  rotateSecret(
    id: NasId,
    rotation: { readonly secret: Buffer; readonly keepMs: number },
    actor: Actor,
  ): Promise<Written>
  /** Ends all secrets but the newest at once. */
  endRotation(id: NasId, actor: Actor): Promise<Written>
  /** It has signed what it need not: `auto` demands that from now on, on every daemon. */
  markSigned(id: NasId): Promise<void>
  noteUses(uses: readonly SecretUse[]): Promise<void>
  /** Of the secrets that are still good, the last first. */
  uses(): Promise<readonly SecretUse[]>
}
