import type { RealmId } from '../id.ts'
import type { Realm } from '../realm.ts'
import type { Actor, Written } from './people.ts'

export type NewRealm = Omit<Realm, 'kind' | 'id' | 'version'>

/** Realms and their home servers; created and changed by admins only. */
export interface RealmStore {
  /** Creates the realm of that name, or replaces what it was. */
  putRealm(realm: NewRealm, actor: Actor): Promise<Written & { readonly id: RealmId }>
  removeRealm(id: RealmId, actor: Actor): Promise<Written>
}
