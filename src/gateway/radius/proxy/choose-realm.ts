import type { Realm } from '../../../directory/realm.ts'

/** Where a log-in goes. */
export type Route =
  | { readonly to: 'here' }
  | { readonly to: 'away'; readonly realm: Realm; readonly name: string }
  | { readonly to: 'nowhere'; readonly name: string }

const here: Route = Object.freeze({ to: 'here' })
const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'
/** RFC 7542 §2.2: what can be a realm at all; it has a dot, and no empty label. */
const wellFormed = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})+$`)

/**
 * Which realm a User-Name belongs to: what follows its last `@`, in any case. A `DOMAIN\` in front
 * says nothing. The exact name wins, then the longest `*.suffix`, then `*`; a realm that nobody has
 * set up is ours to refuse, and never guessed at.
 *
 * @param ours our own domain, which is never forwarded; null while there is none
 */
export function chooseRealm(
  realms: readonly Realm[],
  userName: string,
  ours: string | null,
): Route {
  const at = userName.lastIndexOf('@')
  if (realms.length === 0 || at < 0) return here
  const name = userName.slice(at + 1).toLowerCase()
  if (name === ours?.toLowerCase()) return here
  const realm = findRealm(realms, name)
  if (realm === null || realm.servers.length === 0) return here
  return wellFormed.test(name) ? { to: 'away', realm, name } : { to: 'nowhere', name }
}

function findRealm(realms: readonly Realm[], name: string): Realm | null {
  let best: Realm | null = null
  for (const realm of realms) {
    if (realm.name === name) return realm
    const isFit = realm.name === '*' || (realm.name.startsWith('*.') && isBelow(name, realm.name))
    if (isFit && realm.name.length > (best?.name.length ?? 0)) best = realm
  }
  return best
}

/** @param pattern `*.suffix` */
function isBelow(name: string, pattern: string): boolean {
  return name.endsWith(pattern.slice(1))
}
