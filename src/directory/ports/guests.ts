import type { Guest, GuestSecret } from '../guest.ts'
import type { PrincipalId } from '../id.ts'
import type { Actor, Written } from './people.ts'

export type NewGuest = Omit<
  Guest,
  'kind' | 'id' | 'version' | 'createdAtMs' | 'revokedAtMs' | 'secret'
> & { readonly secret: GuestSecret }

/** All of a guest but its name, its password and its beginning, which stay what they are. */
export type GuestChange = Partial<
  Pick<Guest, 'label' | 'company' | 'note' | 'sponsorId' | 'expiresAtMs'>
>

/** Guests; created and changed by admins only. */
export interface GuestStore {
  /**
   * All of them, or none.
   *
   * @throws {DirectoryError} `DIRECTORY_CONFLICT` when another has one of the names,
   * `DIRECTORY_REFUSED` when there would be too many
   */
  createGuests(
    guests: readonly NewGuest[],
    actor: Actor,
  ): Promise<Written & { readonly ids: readonly PrincipalId[] }>
  /** Changes nothing of one that was removed. */
  updateGuest(id: PrincipalId, change: GuestChange, actor: Actor): Promise<Written>
  /** From now on, once: what is removed already stays as it is. */
  revokeGuest(id: PrincipalId, actor: Actor): Promise<Written>
}
